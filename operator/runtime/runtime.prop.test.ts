/**
 * Simulation: a reflector, its cache and a controller against an API server that loses watches, events, versions and lists. Whatever
 * happened, once the faults end the cache equals the server and the controller has brought every key to its last state.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { ObjectCache } from './cache.ts';
import { Controller } from './controller.ts';
import type { WatchEnded } from './ports.ts';
import { Reflector } from './reflector.ts';
import { ScriptedApi, type Thing } from './testing/scripted-api.ts';

const ENDS: readonly WatchEnded[] = [
  { kind: 'closed' },
  { kind: 'expired' },
  { kind: 'reset', error: new Error('reset') },
  { kind: 'forbidden', error: new Error('403') },
  { kind: 'undecodable', error: new Error('half a line') },
];

async function simulate(seed: number): Promise<void> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const log = silentLogger;
  const api = new ScriptedApi(clock);
  const cache = new ObjectCache<Thing>({
    name: 'things',
    clock,
    log,
    indexes: { parity: (t) => [String(t.spec.value % 2)] },
  });
  const reflector = new Reflector({ source: api, cache, clock, random: random.fork(), log });
  const world = new Map<string, string>();
  const mirror = new Map<string, string>();
  const controller = new Controller({
    name: 'things',
    clock,
    random: random.fork(),
    log,
    reconcile: async (key) => {
      await clock.sleep(random.below(30));
      if (random.chance(0.1)) throw new Error('the API refused');
      const thing = cache.get(key);
      if (thing) world.set(key, `${thing.metadata.uid}@${thing.metadata.resourceVersion}`);
      else world.delete(key);
      return { kind: 'done' };
    },
  });
  cache.subscribe((change) => {
    if (change.kind === 'deleted') {
      expect(mirror.delete(`${change.key}/${change.old.metadata.uid}`)).toBe(true); // deletions pair with additions, by UID
    } else {
      const id = `${change.key}/${change.object.metadata.uid}`;
      expect(mirror.has(id)).toBe(change.kind === 'updated');
      mirror.set(id, change.object.metadata.resourceVersion);
    }
    controller.enqueue(change.key, random.chance(0.2) ? 'recovery' : 'routine');
  });
  const stop = new AbortController();
  const lost = new AbortController();
  const running = [reflector.run(stop.signal), controller.run({ stop: stop.signal, lost: lost.signal })];
  for (let step = 0; step < 250; step++) {
    const name = `t${random.below(7)}`;
    const act = random.below(20);
    if (act < 5) {
      if (!api.truth().has(`ns/${name}`)) api.create(name, random.below(100));
    } else if (act < 9) api.update(name, random.below(100));
    else if (act < 12) api.delete(name);
    else if (act < 14) api.endWatches(random.pick(ENDS));
    else if (act === 14) api.compact();
    else if (act === 15) api.mute = random.chance(0.3);
    else if (act === 16) api.listsFail = random.chance(0.5);
    else if (act === 17) api.refuse = random.chance(0.5) ? random.pick(ENDS) : undefined;
    else if (act === 18) api.bookmark();
    else clock.jumpWall(random.pick([-3_600_000, 3_600_000]));
    await clock.run(clock.sleep(random.pick([0, 1, 20, 400, 5_000])));
  }
  api.mute = false;
  api.listsFail = false;
  api.refuse = undefined;
  await clock.run(clock.sleep(700_000)); // at most one full-list period: what a lying watch hid is found by then
  const shown = new Map(
    cache.list().map((t) => [`ns/${t.metadata.name}`, `${t.metadata.uid}@${t.metadata.resourceVersion}`]),
  );
  expect(shown).toEqual(api.truth());
  expect(world).toEqual(api.truth());
  expect(mirror.size).toBe(shown.size);
  expect(cache.byIndex('parity', '0').length + cache.byIndex('parity', '1').length).toBe(shown.size);
  stop.abort(new Error('the simulation ends'));
  await clock.run(Promise.all(running));
  expect(api.openStreams).toBe(0);
}

describe('reflector, cache and controller under a faulty API server', () => {
  test('end equal to the server', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), simulate), {
      numRuns: 60,
      endOnFailure: true,
    });
  });
});
