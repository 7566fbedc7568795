import { describe, expect, test } from '@jest/globals';
import { createMetrics, silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { ObjectCache } from './cache.ts';
import type { WatchEnded, WatchRequest } from './ports.ts';
import { Reflector } from './reflector.ts';
import { ScriptedApi, type Thing } from './testing/scripted-api.ts';

function setUp(seed = 1) {
  const clock = new VirtualClock();
  const api = new ScriptedApi(clock);
  const cache = new ObjectCache<Thing>({ name: 'things', clock, log: silentLogger });
  const metrics = createMetrics();
  const reflector = new Reflector({
    source: api,
    cache,
    clock,
    random: seededRandom(seed),
    log: silentLogger,
    metrics,
  });
  const stop = new AbortController();
  const shown = (): ReadonlyMap<string, string> =>
    new Map(
      cache.list().map((o) => [`ns/${o.metadata.name}`, `${o.metadata.uid}@${o.metadata.resourceVersion}`]),
    );
  const pass = (ms: number): Promise<void> => clock.run(clock.sleep(ms));
  return { clock, api, cache, reflector, stop, shown, pass, metrics };
}

describe('reflector', () => {
  test('lists in pages, then follows', async () => {
    const { api, reflector, stop, shown, pass, clock } = setUp();
    for (let i = 0; i < 10; i++) api.create(`t${i}`, i);
    const running = reflector.run(stop.signal);
    await pass(100);
    expect(api.lists).toBe(4);
    expect(shown()).toEqual(api.truth());
    api.update('t3', 99);
    api.delete('t4');
    await pass(20);
    expect(shown()).toEqual(api.truth());
    expect(reflector.state.kind).toBe('live');
    stop.abort();
    await clock.run(running);
    expect(reflector.state.kind).toBe('idle');
    expect(api.openStreams).toBe(0);
  });

  test.each<[string, WatchEnded, boolean]>([
    ['a reset connection', { kind: 'reset', error: new Error('ECONNRESET') }, false],
    ['a forbidden watch', { kind: 'forbidden', error: new Error('403') }, true],
    ['an unreadable line', { kind: 'undecodable', error: new Error('half a line') }, true],
    ['an end in good order', { kind: 'closed' }, false],
    ['410 on the watch', { kind: 'expired' }, true],
  ])('goes on after %s', async (_, ended, relists) => {
    const { api, reflector, stop, shown, pass } = setUp();
    void reflector.run(stop.signal); // ends with the test's abort below
    await pass(50);
    const before = api.lists;
    for (let round = 0; round < 5; round++) {
      api.endWatches(ended);
      api.create(`made-in-gap-${round}`, round);
      await pass(6_000);
      expect(shown()).toEqual(api.truth());
    }
    expect(api.lists > before).toBe(relists);
    stop.abort();
  });

  test('lists anew after its version was compacted away', async () => {
    const { api, reflector, stop, shown, pass } = setUp();
    void reflector.run(stop.signal);
    await pass(50);
    api.refuse = { kind: 'reset', error: new Error('unreachable') };
    api.endWatches({ kind: 'reset', error: new Error('unreachable') });
    api.create('a', 1);
    api.create('gone-again', 1);
    api.delete('gone-again');
    api.compact();
    await pass(2_000);
    expect(reflector.behindMs()).toBeGreaterThan(1_900);
    api.refuse = undefined;
    await pass(10_000);
    expect(shown()).toEqual(api.truth());
    expect(reflector.behindMs()).toBe(0);
    stop.abort();
  });

  test('a watch that loses events without a sign is put right by the periodic list', async () => {
    const { api, reflector, stop, shown, pass, metrics } = setUp();
    void reflector.run(stop.signal);
    await pass(50);
    api.mute = true;
    api.create('lost', 1);
    await pass(60_000);
    expect(shown()).not.toEqual(api.truth());
    await pass(660_000);
    expect(shown()).toEqual(api.truth());
    expect(await metrics.render()).toContain('watch_ends_total{cache="things",kind="relistDue"} 1');
    stop.abort();
  });

  test('a server that fails every list is asked at least every five seconds, for ever', async () => {
    const { api, cache, reflector, stop, pass } = setUp();
    api.listsFail = true;
    void reflector.run(stop.signal);
    await pass(3_600_000);
    expect(cache.hasSynced).toBe(false);
    expect(reflector.behindMs()).toBe(Infinity);
    expect(api.lists).toBeGreaterThan(720);
    expect(api.lists).toBeLessThan(1_500);
    api.listsFail = false;
    await pass(5_100);
    expect(cache.hasSynced).toBe(true);
    stop.abort();
  });

  test('a server that closes every watch at once is not hammered', async () => {
    const { api, reflector, stop, pass } = setUp();
    api.refuse = { kind: 'closed' };
    void reflector.run(stop.signal);
    await pass(60_000);
    expect(api.watches).toBeLessThan(40);
    stop.abort();
  });

  test('news of an ended watch is dropped', async () => {
    const { api, cache, stop, clock, pass } = setUp();
    const requests: WatchRequest<Thing>[] = [];
    const spied = {
      list: api.list.bind(api),
      watch: (request: WatchRequest<Thing>): Promise<WatchEnded> => {
        requests.push(request);
        return api.watch(request);
      },
    };
    const reflector = new Reflector({
      source: spied,
      cache,
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    const running = reflector.run(stop.signal);
    await pass(50);
    const thing = api.create('a', 1);
    await pass(20);
    api.endWatches({ kind: 'closed' });
    await pass(5_000);
    expect(requests.length).toBeGreaterThan(1);
    requests[0]!.onNews({ kind: 'deleted', object: thing });
    expect(cache.get('ns/a')).toBeDefined();
    stop.abort();
    await clock.run(running);
    requests.at(-1)!.onNews({ kind: 'deleted', object: thing });
    expect(cache.get('ns/a')).toBeDefined();
  });

  test('a wall clock that jumps an hour either way changes nothing', async () => {
    const { api, clock, reflector, stop, shown, pass } = setUp();
    void reflector.run(stop.signal);
    await pass(50);
    const { lists, watches } = api;
    for (const jump of [3_600_000, -7_200_000]) {
      clock.jumpWall(jump);
      api.create(`after-${jump}`, 1);
      await pass(1_000);
      expect(shown()).toEqual(api.truth());
    }
    expect([api.lists, api.watches]).toEqual([lists, watches]);
    stop.abort();
  });
});
