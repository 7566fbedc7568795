import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { ObjectCache } from './cache.ts';
import { Controller, type LeaderSignals } from './controller.ts';
import { LeaderElector } from './elector.ts';
import { EventLoopMonitor } from './event-loop.ts';
import { Manager, type ManagerEnd } from './manager.ts';
import { Reflector } from './reflector.ts';
import { ScriptedApi, type Thing } from './testing/scripted-api.ts';
import { LeaseClient, ScriptedLease } from './testing/scripted-lease.ts';

function setUp() {
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const log = silentLogger;
  const api = new ScriptedApi(clock);
  const cache = new ObjectCache<Thing>({ name: 'things', clock, log });
  const reflector = new Reflector({ source: api, cache, clock, random: random.fork(), log });
  const lease = new ScriptedLease();
  const client = new LeaseClient(lease, clock, random.fork());
  const elector = new LeaderElector({ lease: client, identity: 'me', clock, random: random.fork(), log });
  const manager = new Manager({ clock, log, elector, loop: new EventLoopMonitor({ clock }) });
  const steps: string[] = [];
  const note = (what: string): void => void steps.push(what);
  const untilAborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const warm = (until: (signal: AbortSignal) => Promise<void> = untilAborted) => ({
    name: 'streams',
    run: async (signal: AbortSignal): Promise<void> => {
      note(`streams start, synced: ${cache.hasSynced}, leading: ${elector.isLeader()}`);
      await until(signal);
      note(`streams end, lease: ${lease.current?.record.holder === '' ? 'released' : 'held'}`);
    },
  });
  const elected = {
    name: 'controller',
    run: async ({ stop }: LeaderSignals): Promise<void> => {
      note(`controller starts, leading: ${elector.isLeader()}`);
      await untilAborted(stop);
      await clock.sleep(500);
      note(`controller drained, leading: ${elector.isLeader()}`);
    },
  };
  manager.addCache(reflector);
  const stop = new AbortController();
  let end: ManagerEnd | undefined;
  const run = (): void => void manager.run(stop.signal).then((e) => (end = e)); // run never rejects
  const pass = (ms: number): Promise<void> => clock.run(clock.sleep(ms));
  return {
    clock,
    random,
    api,
    cache,
    client,
    lease,
    manager,
    steps,
    warm,
    elected,
    stop,
    run,
    pass,
    end: () => end,
  };
}

describe('manager', () => {
  test('starts caches, then streams, then what only a leader runs; ends in the reverse order', async () => {
    const { manager, steps, warm, elected, stop, run, pass, end, api } = setUp();
    manager.addWarm(warm()).addElected(elected);
    api.listsFail = true;
    run();
    await pass(1_000);
    expect([manager.readiness().ok, steps]).toEqual([false, []]);
    api.listsFail = false;
    await pass(3_000);
    expect(manager.readiness().ok).toBe(true);
    expect(manager.liveness().ok).toBe(true);
    expect(manager.cachesBehindMs()).toBe(0);
    stop.abort();
    await pass(2_000);
    expect(end()).toEqual({ kind: 'stopped', leaseReleased: true });
    expect(steps).toEqual([
      'streams start, synced: true, leading: false',
      'controller starts, leading: true',
      'controller drained, leading: true',
      'streams end, lease: released',
    ]);
  });

  test('a lost lease ends the process at once', async () => {
    const { manager, steps, warm, elected, run, pass, end, client } = setUp();
    manager.addWarm(warm()).addElected(elected);
    run();
    await pass(3_000);
    client.faults.cut = true;
    await pass(4_100);
    expect(end()).toMatchObject({ kind: 'leaseLost', error: { code: 'LEASE_LOST' } });
    expect(steps).not.toContain('controller drained, leading: true');
  });

  test('a part that ends by itself ends the process, with its failure as the cause', async () => {
    const { manager, warm, elected, run, pass, end, clock } = setUp();
    manager.addElected(elected).addWarm(
      warm(async () => {
        await clock.sleep(1_000);
        throw new Error('no more sockets');
      }),
    );
    run();
    await pass(3_000);
    expect(end()).toMatchObject({
      kind: 'failed',
      error: { code: 'PART_ENDED', cause: { message: 'no more sockets' } },
    });
  });

  test('an elected part that ends by itself ends the process, and releases the lease', async () => {
    const { manager, run, pass, end, lease } = setUp();
    manager.addElected({ name: 'short', run: () => Promise.resolve() });
    run();
    await pass(3_000);
    expect(end()).toMatchObject({ kind: 'failed', error: { code: 'PART_ENDED' } });
    expect(lease.current?.record.holder).toBe('');
  });

  test('a stop before the caches have synced ends cleanly', async () => {
    const { manager, run, pass, end, api, stop, elected } = setUp();
    manager.addElected(elected);
    api.listsFail = true;
    run();
    await pass(1_000);
    stop.abort();
    await pass(100);
    expect(end()).toEqual({ kind: 'stopped', leaseReleased: true });
  });

  test('drives a controller from the API to its end state', async () => {
    const { manager, run, pass, end, api, stop, cache, clock, random } = setUp();
    const sums = new Map<string, number>();
    const controller = new Controller({
      name: 'sums',
      clock,
      random,
      log: silentLogger,
      reconcile: async (key) => {
        await clock.sleep(random.below(20));
        if (random.chance(0.3)) throw new Error('write failed');
        const thing = cache.get(key);
        if (thing) sums.set(key, thing.spec.value);
        else sums.delete(key);
        return { kind: 'done' };
      },
    });
    cache.subscribe((change) => controller.enqueue(change.key));
    manager.addElected(controller);
    for (let i = 0; i < 8; i++) api.create(`t${i}`, i);
    run();
    await pass(3_000);
    for (let i = 0; i < 8; i++) {
      api.update(`t${i}`, 100 + i);
      if (i % 3 === 0) api.delete(`t${i}`);
      if (i === 4) api.endWatches({ kind: 'expired' });
      await pass(7);
    }
    await pass(20_000);
    expect(sums).toEqual(new Map(cache.list().map((t) => [`ns/${t.metadata.name}`, t.spec.value])));
    expect(sums.size).toBe(5);
    stop.abort();
    await pass(6_000);
    expect(end()).toMatchObject({ kind: 'stopped' });
  });
});
