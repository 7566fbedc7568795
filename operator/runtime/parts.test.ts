import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '../../src/base/index.ts';
import { VirtualClock } from '../../src/base/testing/index.ts';
import { ObjectCache } from './cache.ts';
import { EventLoopMonitor } from './event-loop.ts';
import { Expectations } from './expectations.ts';
import { liveRead } from './live-read.ts';
import type { KubeObject } from './ports.ts';
import { hasReached } from './resource-version.ts';
import { PausableClock } from './testing/pausable-clock.ts';

const thing = (name: string, uid: string, version: number, deletionTimestamp?: string): KubeObject => ({
  metadata: {
    name,
    namespace: 'ns',
    uid,
    resourceVersion: String(version),
    ...(deletionTimestamp ? { deletionTimestamp } : {}),
  },
});

describe('resource versions', () => {
  test.each([
    ['10', '10', true],
    ['11', '10', true],
    ['9', '10', false],
    ['100', '99', true],
    ['90071992547409931', '90071992547409930', true],
    ['90071992547409930', '90071992547409931', false],
    ['', '10', false],
    ['abc', 'abc', true],
    ['abd', 'abc', false],
    ['010', '9', false],
  ])('%s has reached %s: %s', (seen, wanted, reached) => {
    expect(hasReached(seen, wanted)).toBe(reached);
  });
});

describe('expectations', () => {
  function setUp() {
    const clock = new VirtualClock();
    const cache = new ObjectCache<KubeObject>({ name: 'pods', clock, log: silentLogger });
    cache.replace([thing('old', 'u1', 5)], '10');
    return { clock, cache, expectations: new Expectations(cache, clock) };
  }

  test('a created object holds its owner back until the cache shows it', () => {
    const { cache, expectations } = setUp();
    expectations.expectWritten('ns/shard', thing('new', 'u2', 12));
    expect(expectations.pending('ns/shard')).toEqual(['ns/new']);
    expect(expectations.pending('ns/other')).toEqual([]);
    cache.apply({ kind: 'modified', object: thing('old', 'u1', 11) });
    expect(expectations.pending('ns/shard')).toEqual(['ns/new']);
    cache.apply({ kind: 'added', object: thing('new', 'u2', 12) });
    expect(expectations.pending('ns/shard')).toEqual([]);
  });

  test('an object created and deleted again before the cache looked is settled by how far the cache is', () => {
    const { cache, expectations } = setUp();
    expectations.expectWritten('ns/shard', thing('new', 'u2', 12));
    cache.replace([thing('old', 'u1', 5)], '14');
    expect(expectations.pending('ns/shard')).toEqual([]);
  });

  test('a deletion holds back until the UID is gone or marked', () => {
    for (const settle of [
      { kind: 'modified' as const, object: thing('old', 'u1', 12, '2026-01-01T00:00:00Z') },
      { kind: 'deleted' as const, object: thing('old', 'u1', 12) },
      { kind: 'modified' as const, object: thing('old', 'u9', 13) },
    ]) {
      const { cache, expectations } = setUp();
      expectations.expectDeleted('ns/shard', thing('old', 'u1', 5));
      expect(expectations.pending('ns/shard')).toEqual(['ns/old']);
      cache.apply(settle);
      expect(expectations.pending('ns/shard')).toEqual([]);
    }
  });

  test('no expectation freezes a shard for longer than a minute', async () => {
    const { clock, expectations } = setUp();
    expectations.expectWritten('ns/shard', thing('new', 'u2', 12));
    await clock.run(clock.sleep(59_999));
    expect(expectations.pending('ns/shard')).toHaveLength(1);
    await clock.run(clock.sleep(1));
    expect(expectations.pending('ns/shard')).toEqual([]);
  });
});

describe('live read', () => {
  const cached = thing('a', 'u1', 5);
  test.each<[string, KubeObject | undefined, unknown]>([
    ['the same', thing('a', 'u1', 5), { kind: 'current', changed: false }],
    ['a newer state', thing('a', 'u1', 6), { kind: 'current', changed: true }],
    ['nothing', undefined, { kind: 'gone' }],
    ['another under its name', thing('a', 'u2', 9), { kind: 'replaced' }],
  ])('tells %s', async (_, answer, expected) => {
    expect(await liveRead(cached, () => Promise.resolve(answer))).toMatchObject(expected as object);
  });

  test('without an answer there is no step', async () => {
    await expect(liveRead(cached, () => Promise.reject(new Error('unreachable')))).rejects.toThrow(
      'unreachable',
    );
  });
});

describe('event-loop monitor', () => {
  test('sees a stall at the first look after it, stays late for a while, and forgets', async () => {
    const clock = new VirtualClock();
    const own = new PausableClock(clock);
    const monitor = new EventLoopMonitor({ clock: own });
    const stop = new AbortController();
    const running = monitor.run(stop.signal);
    const pass = (ms: number): Promise<void> => clock.run(clock.sleep(ms));
    await pass(5_000);
    expect(monitor.report()).toEqual({ worstMs: 0, late: false });
    own.pause(2_000);
    await pass(1_950); // the process is still stopped: its timer has not fired, but whoever looks first already knows
    expect(monitor.report()).toMatchObject({ late: true });
    await pass(1_000);
    expect(monitor.report()).toMatchObject({ late: true });
    expect(monitor.report().worstMs).toBeGreaterThan(1_800);
    await pass(1_000);
    expect(monitor.report().late).toBe(false);
    await pass(11_000);
    expect(monitor.report()).toEqual({ worstMs: 0, late: false });
    stop.abort();
    await clock.run(running);
  });
});
