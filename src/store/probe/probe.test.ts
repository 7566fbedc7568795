/**
 * The probe accepts honest stores on bad networks and names the lie of every store that lies.
 */
import { describe, expect, test } from '@jest/globals';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { StoreError } from '../errors.ts';
import { adversary, FaultyStore, LIES, MemoryStore, NAMED_BY, type FaultRule } from '../testing/index.ts';
import type { ObjectStore } from '../types.ts';
import { skewOf } from './clock-skew.ts';
import { quantile } from './latency.ts';
import {
  probeStore,
  requireFitStore,
  StoreUnfitError,
  type ProbeProgress,
  type ProbeReport,
} from './probe.ts';

interface Bed {
  readonly clock: VirtualClock;
  readonly memory: MemoryStore;
  readonly store: FaultyStore;
}

function bed(rules: readonly FaultRule[], seed = 1): Bed {
  const clock = new VirtualClock();
  const memory = new MemoryStore({ clock });
  return { clock, memory, store: new FaultyStore(memory, { clock, random: seededRandom(seed), rules }) };
}

function probe({ clock, store }: Bed, signal?: AbortSignal): Promise<ProbeReport> {
  return clock.run(probeStore(store, { clock, random: seededRandom(2), signal }));
}

const broken = (report: ProbeReport): string[] =>
  report.properties.filter(({ ok }) => !ok).map(({ name }) => name);

describe('a store that lies is refused, and the broken promise is named', () => {
  test.each(LIES.map((lie) => [lie, NAMED_BY[lie]] as const))('%s: %s', async (lie, name) => {
    const report = await probe(bed([{ fault: { kind: 'lie', lie } }]));
    expect(report.ok).toBe(false);
    expect(broken(report)).toContain(name);
  });

  test('a range cut by a bit of corruption, or short bodies, are named too', async () => {
    expect(broken(await probe(bed([{ operation: 'get', fault: { kind: 'corrupt', bit: 5 } }])))).toContain(
      'create-and-read',
    );
    expect(broken(await probe(bed([{ operation: 'get', fault: { kind: 'truncate', bytes: 3 } }])))).toContain(
      'ranges',
    );
  });

  test('a store that does not know conditional PUT (501) is unfit, not unreachable', async () => {
    const report = await probe(bed([{ operation: 'create', fault: { kind: 'status', status: 501 } }]));
    expect(broken(report)).toContain('create-refused-if-present');
  });

  test('requireFitStore throws with the names and the evidence', async () => {
    const { clock, store } = bed([{ fault: { kind: 'lie', lie: 'condition-ignored' } }]);
    const failed = clock.run(requireFitStore(store, { clock, random: seededRandom(2) }));
    await expect(failed).rejects.toThrow(StoreUnfitError);
    await expect(failed).rejects.toMatchObject({
      code: 'STORE_UNFIT',
      message: expect.stringContaining('ignores If-None-Match'),
      fields: { broken: expect.stringContaining('create-refused-if-present') },
    });
  });
});

describe('an honest store', () => {
  test('is fit, and nothing of the probe is left', async () => {
    const b = bed([]);
    const report = await probe(b);
    expect(broken(report)).toEqual([]);
    expect(report.ok).toBe(true);
    expect((await b.memory.list('')).objects).toEqual([]);
  });

  test('is fit also when it answers 409 to whoever loses (CoreWeave)', async () => {
    const { clock, memory } = bed([]);
    const conflicting: ObjectStore = {
      url: memory.url,
      create: async (key, body, call) => {
        const outcome = await memory.create(key, body, call);
        if (outcome.kind !== 'exists') return outcome;
        return {
          kind: 'undecided',
          cause: new StoreError('STORE_CONFLICT', 'conflict', { retryable: true }),
        };
      },
      get: (key, call) => memory.get(key, call),
      head: (key, call) => memory.head(key, call),
      list: (prefix, call) => memory.list(prefix, call),
      delete: (key, call) => memory.delete(key, call),
      close: () => memory.close(),
    };
    const report = await clock.run(probeStore(conflicting, { clock, random: seededRandom(2) }));
    expect(broken(report)).toEqual([]);
  });

  test('is never called a liar because requests and responses get lost, whatever the seed', async () => {
    const lossy = { dropRequest: 0.05, dropResponse: 0.08, delay: 0.1, status: 0.08, delayMs: 3_000 };
    const none = { late: 0, duplicate: 0, staleList: 0, lateMs: 1 };
    let judged = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      // creates alone: reads are retried by adapters below this wrapper, the probe takes their errors as final
      const rules = adversary({ ...lossy, ...none }).map((rule) => ({
        ...rule,
        operation: 'create' as const,
      }));
      const b = bed(rules, seed);
      const outcome = await probe(b).catch((error: unknown) => error);
      if (outcome instanceof StoreError) continue; // it could not be reached often enough: no verdict
      expect({ seed, broken: broken(outcome as ProbeReport) }).toEqual({ seed, broken: [] });
      judged += 1;
    }
    expect(judged).toBeGreaterThan(50);
  });

  test('whose LIST lags a second is fit, and the lag is told', async () => {
    const report = await probe(
      bed([{ operation: 'list', times: 2, fault: { kind: 'stale-list', ageMs: 1_000 } }]),
    );
    expect(broken(report)).toEqual([]);
    expect(report.properties.find(({ name }) => name === 'list-in-order')?.detail).toMatch(
      /complete \d+ ms after/,
    );
  });
});

describe('a store that cannot be used is not judged', () => {
  test.each([
    [403, 'STORE_DENIED'],
    [503, 'STORE_SERVER_ERROR'],
    [429, 'STORE_THROTTLED'],
    [507, 'STORE_FULL'],
  ])('status %i throws %s', async (status, code) => {
    await expect(probe(bed([{ fault: { kind: 'status', status } }]))).rejects.toMatchObject({ code });
  });

  test('an abort ends the probe with its reason and still cleans up', async () => {
    const stop = new AbortController();
    const b = bed([{ operation: 'create', key: /race/, fault: { kind: 'delay', responseMs: 60_000 } }]);
    const reason = new Error('shutting down');
    b.clock.timer(1_000, () => stop.abort(reason));
    await expect(probe(b, stop.signal)).rejects.toBe(reason);
    expect((await b.memory.list('')).objects).toEqual([]);
  });
});

describe('clocks are measured and not judged', () => {
  test.each([3_600_000, -3_600_000])('a wall clock that is %i ms off', async (byMs) => {
    const b = bed([]);
    const ours = new VirtualClock();
    ours.jumpWall(-byMs);
    const report = await ours.run(probeStore(b.memory, { clock: ours, random: seededRandom(2) }));
    expect(report.ok).toBe(true);
    expect(Math.abs((report.clockSkewMs ?? 0) - byMs)).toBeLessThan(2_000);
  });

  test.each([
    [1_000, 1_200, 1_000, 0], // cut to the second
    [1_999, 2_100, 1_000, 0],
    [2_000, 2_100, 1_000, -1],
    [1_000, 1_200, 1_201, 1],
    [10_000, 10_050, 6_000, -3_001],
  ])('created between %i and %i, the store says %i: skew %i', (from, to, store, skew) => {
    expect(skewOf(from, to, store)).toBe(skew);
  });
});

describe('latencies are measured when asked for, and not judged', () => {
  test('each operation has its figures: what the network takes, round by round', async () => {
    const clock = new VirtualClock();
    const memory = new MemoryStore({ clock });
    const latency = (_: unknown, operation: string): { requestMs: number; responseMs: number } => ({
      requestMs: operation === 'create' ? 30 : 5,
      responseMs: 10,
    });
    const random = seededRandom(1);
    const slow = { kind: 'delay', responseMs: 500 } as const;
    const rules = [{ operation: 'get' as const, key: /latency-2$/, fault: slow }];
    const store = new FaultyStore(memory, { clock, random, latency, rules });
    const report = await clock.run(probeStore(store, { clock, random, latencyRounds: 10 }));
    expect(report.ok).toBe(true);
    expect(report.latency).toEqual([
      { operation: 'create', count: 10, p50Ms: 40, p90Ms: 40, maxMs: 40 },
      { operation: 'get', count: 10, p50Ms: 15, p90Ms: 15, maxMs: 515 },
      { operation: 'head', count: 10, p50Ms: 15, p90Ms: 15, maxMs: 15 },
      { operation: 'list', count: 10, p50Ms: 15, p90Ms: 15, maxMs: 15 },
      { operation: 'delete', count: 10, p50Ms: 15, p90Ms: 15, maxMs: 15 },
    ]);
    expect((await memory.list('')).objects).toEqual([]);
    expect((await clock.run(probeStore(store, { clock, random }))).latency).toEqual([]);
  });

  test.each([
    [[7], 0.5, 7],
    [[1, 2, 3, 4], 0.5, 2],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9, 9],
    [[1.04, 2.06], 1, 2.1],
    [[], 0.5, 0],
  ])('of %j the share %f is %f', (sorted, share, value) => {
    expect(quantile(sorted, share)).toBe(value);
  });
});

test('progress tells every step twice, as it begins and with its verdict, in the order of the report', async () => {
  const { clock, store } = bed([{ fault: { kind: 'lie', lie: 'range-short' } }]);
  const told: ProbeProgress[] = [];
  const report = await clock.run(
    probeStore(store, { clock, random: seededRandom(2), onProgress: (step) => told.push(step) }),
  );
  expect(told.flatMap(({ property }) => property ?? [])).toEqual(report.properties);
  expect(told.map(({ number }) => number)).toEqual(report.properties.flatMap((_, at) => [at + 1, at + 1]));
  expect(new Set(told.map(({ total }) => total))).toEqual(new Set([report.properties.length]));
  expect(report.properties.every(({ why }) => why.length > 20)).toBe(true);
});
