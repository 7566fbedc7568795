/**
 * The cost model: against the table it comes from, and against what session and reader really send.
 */
import { describe, expect, test } from '@jest/globals';
import { createMetrics, utf8 } from '../../base/index.ts';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { openStore } from '../../store/index.ts';
import { FaultyStore, MemoryStore, type StoreOperation } from '../../store/testing/index.ts';
import type { Journal } from '../names.ts';
import { openSession } from '../open/open-session.ts';
import { JournalReader } from '../read/reader.ts';
import { commitsPerSecond, costOf, SECONDS_PER_MONTH, usageOf, type Workload } from './cost.ts';
import { PRICES } from './prices.ts';
import { readStoreCounters, usageOfCounters } from './store-counters.ts';

const BATCH = 4 * 1024 * 1024;
const alone = (flushMs: number): Workload => ({
  commitsPerSecond: commitsPerSecond(10_000, flushMs, BATCH),
  bytesPerSecond: 10_000,
  duty: 1,
  standbys: 0,
  storedBytes: 0,
});

describe('the cost of a month', () => {
  test.each([
    [250, 's3-standard', 52.6],
    [500, 's3-standard', 26.3],
    [1000, 's3-standard', 13.15],
    [5000, 's3-standard', 2.63],
    [10_000, 's3-standard', 1.31],
    [250, 'r2', 47.3],
  ] as const)('a flush every %i ms at %s costs about %f USD of PUTs', (flushMs, store, usd) => {
    expect(costOf(usageOf(alone(flushMs)), PRICES[store]).usd).toBeCloseTo(usd, 1);
  });

  test.each([
    [100, 131.5, 12.2],
    [250, 52.6, 4.9],
    [500, 26.3, 2.5],
    [1000, 13.1, 2.3],
    [5000, 2.6, 2.1],
  ])('a flush every %i ms costs what docs/group-commit.md says', (flushMs, putUsd, getUsd) => {
    const { lines } = costOf(usageOf({ ...alone(flushMs), standbys: 1 }), PRICES['s3-standard']);
    const [put, list, get] = lines;
    expect([put!.usd, list!.usd, get!.usd].map((usd) => usd.toFixed(1))).toEqual([
      putUsd.toFixed(1),
      '0.0',
      getUsd.toFixed(1),
    ]);
  });

  test('a silent shard costs its standby what docs/group-commit.md says', () => {
    const { lines } = costOf(usageOf({ ...alone(250), duty: 0, standbys: 1 }), PRICES['s3-standard']);
    expect(lines.slice(0, 3).map(({ usd }) => usd.toFixed(1))).toEqual(['0.0', '0.2', '2.4']);
  });

  test('one PUT in flight bounds it, whatever the interval', () => {
    expect(commitsPerSecond(1, 0, BATCH)).toBe(25);
    expect(commitsPerSecond(1e9, 250, BATCH)).toBe(25);
    expect(commitsPerSecond(40 * 1024 * 1024, 250, BATCH)).toBe(10);
    expect(commitsPerSecond(0, 250, BATCH)).toBe(0);
  });

  test('an idle shard without standbys costs its storage', () => {
    const cost = costOf(usageOf({ ...alone(250), duty: 0, storedBytes: 20e9 }), PRICES['s3-standard']);
    expect(cost.usd).toBeCloseTo(0.46, 5);
  });

  test.each([40, 60, 250, 1000, 5000, 90_000])(
    'what a writer and a hot standby really send with a slot every %i ms is what the model says',
    async (everyMs) => {
      const commits = everyMs > 60_000 ? 50 : 600;
      const sent = await requestsOfStandby(everyMs, commits * everyMs);
      const rate = 1000 / everyMs;
      const usage = usageOf({
        commitsPerSecond: rate,
        bytesPerSecond: 1,
        duty: 1,
        standbys: 1,
        storedBytes: 0,
      });
      const inRun = (commits * everyMs) / 1000 / SECONDS_PER_MONTH;
      expect(sent.get / (usage.gets * inRun)).toBeGreaterThan(0.9);
      expect(sent.get / (usage.gets * inRun)).toBeLessThan(1.1);
      expect(sent.list).toBeGreaterThanOrEqual(0.9 * usage.lists * inRun);
      expect(sent.list).toBeLessThanOrEqual(1.1 * usage.lists * inRun);
    },
  );

  test('a standby of a writer with the default grouping needs little more than one GET a slot, and no LIST', () => {
    const usage = usageOf({ ...alone(250), standbys: 1 });
    expect(usage.gets / usage.puts).toBeLessThan(1.25);
    expect(usage.lists).toBe(0);
  });

  test('a standby of a writer that is silent sends what the model says', async () => {
    const seconds = 3600;
    const sent = await requestsOfStandby(250, 0, seconds * 1000);
    const usage = usageOf({ ...alone(250), duty: 0, standbys: 1 });
    const inRun = seconds / SECONDS_PER_MONTH;
    expect(sent.get / (usage.gets * inRun)).toBeGreaterThan(0.97);
    expect(sent.get / (usage.gets * inRun)).toBeLessThan(1.03);
    expect(sent.list / (usage.lists * inRun)).toBeGreaterThan(0.97);
    expect(sent.list / (usage.lists * inRun)).toBeLessThan(1.03);
  });
});

/** Slots until a standby has learned the rhythm of its writer. */
const WARM_UP = 100;

/**
 * Requests of a standby that knows its writer: for `busyMs` a slot comes into being every `everyMs`, and some part of a PUT's time later; for `silentMs` none
 * does.
 */
async function requestsOfStandby(
  everyMs: number,
  busyMs: number,
  silentMs = 0,
): Promise<Record<StoreOperation, number>> {
  const clock = new VirtualClock();
  const random = seededRandom(4);
  const sent: Record<StoreOperation, number> = { create: 0, get: 0, head: 0, list: 0, delete: 0 };
  const store = new FaultyStore(new MemoryStore({ clock }), {
    clock,
    random,
    trace: ({ client, operation }) => {
      if (client !== 'setup') sent[operation]++;
    },
  });
  const of = (client: string): Journal => ({
    store: store.as(client),
    name: 'cost/journal',
    generation: 'g1',
  });
  const run = async (): Promise<void> => {
    const first = new JournalReader(of('setup'), { clock, random });
    while ((await first.next()).kind !== 'tail');
    const session = await openSession(of('setup'), {
      cursor: first.cursor,
      author: 1,
      term: 1,
      clock,
      random,
    });
    const tailer = new JournalReader(of('standby'), { clock, random });
    const stop = new AbortController();
    const tailing = (async () => {
      for (;;) await tailer.next(stop.signal);
    })().catch(() => undefined); // the abort below
    const startMs = clock.monotonicMs();
    for (let i = 1; i <= WARM_UP + busyMs / everyMs; i++) {
      if (i === WARM_UP + 1) sent.get = sent.list = 0;
      const lateMs = random.unit() * Math.min(20, everyMs / 2);
      await clock.sleep(startMs + i * everyMs + lateMs - clock.monotonicMs());
      await session.append(utf8('x'), { barrier: true }).committed;
    }
    if (silentMs > 0) sent.get = sent.list = 0;
    await clock.sleep(silentMs);
    stop.abort(new Error('done'));
    await tailing;
    await session.close();
  };
  await clock.run(run());
  return sent;
}

describe('a saved metrics page', () => {
  test('gives back what the store counted, as a month of it', async () => {
    const metrics = createMetrics();
    const store = openStore('memory:', { metrics });
    await store.create('k', utf8('12345'));
    await store.create('k', utf8('12345'));
    for (let i = 0; i < 3; i++) await store.get('k');
    await store.get('absent');
    await store.list('');
    const counters = readStoreCounters(await metrics.render());
    expect(counters).toEqual({
      requests: { create: 2, get: 4, head: 0, list: 1, delete: 0 },
      bytesOut: 10,
      bytesIn: 15,
      startedSeconds: undefined,
    });
    const usage = usageOfCounters(counters, SECONDS_PER_MONTH, 7);
    expect(usage).toEqual({
      puts: 2,
      lists: 1,
      gets: 4,
      uploadBytes: 10,
      downloadBytes: 15,
      storedBytes: 7,
    });
    await store.close();
  });

  test('of a process tells since when it counts', async () => {
    const metrics = createMetrics({ processMetrics: true });
    const store = openStore('memory:', { metrics });
    await store.list('');
    expect(readStoreCounters(await metrics.render()).startedSeconds).toBeGreaterThan(1.7e9);
    await store.close();
  });

  test.each([
    ['', 'hold no holdfast_store_requests_total'],
    ['<html>not found</html>', 'hold no holdfast_store_requests_total'],
    ['holdfast_store_requests_total{operation="dance",outcome="ok"} 1', 'name an operation "dance"'],
  ])('%j is refused', (text, problem) => {
    expect(() => readStoreCounters(text)).toThrow(problem);
  });

  test('without a time tells no rate', () => {
    const counters = readStoreCounters('holdfast_store_requests_total{operation="get",outcome="ok"} 1\n');
    expect(() => usageOfCounters(counters, Number.NaN, 0)).toThrow('--metrics-seconds');
  });
});
