import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import type { LeaderSignals } from './controller.ts';
import { LeaderElector } from './elector.ts';
import { PausableClock } from './testing/pausable-clock.ts';
import { LeaseClient, ScriptedLease } from './testing/scripted-lease.ts';

interface World {
  readonly overlaps: readonly string[];
  /** Longest time without a leader once the faults had ended, ms. */
  readonly leaderlessMs: number;
  readonly leaders: number;
}

/** Three replicas that restart when they lose the lease, under cuts, lost messages, pauses and wall jumps for a while, then in peace. */
async function simulate(seed: number, pauses: boolean): Promise<World> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const lease = new ScriptedLease();
  const over = new AbortController();
  const overlaps: string[] = [];
  let leaders = 0;
  const replicas = ['a', 'b', 'c'].map((name) => {
    const own = new PausableClock(clock);
    const client = new LeaseClient(lease, own, random.fork());
    return {
      name,
      own,
      client,
      elector: undefined as LeaderElector | undefined,
      stop: new AbortController(),
    };
  });
  const live = async (replica: (typeof replicas)[number]): Promise<void> => {
    for (let life = 0; !over.signal.aborted; life++) {
      replica.stop = new AbortController();
      const identity = `${replica.name}-${life}`;
      const elector = new LeaderElector({
        lease: replica.client,
        identity,
        clock: replica.own,
        random: random.fork(),
        log: silentLogger,
      });
      replica.elector = elector;
      await elector.run(replica.stop.signal, async ({ stop, lost }: LeaderSignals) => {
        leaders++;
        await new Promise<void>((resolve) => {
          for (const signal of [stop, lost])
            signal.addEventListener('abort', () => resolve(), { once: true });
        });
        if (!lost.aborted) await replica.own.sleep(random.below(1_000));
      });
      await replica.own.sleep(random.below(2_000));
    }
  };
  const lives = replicas.map(live);
  let leaderlessSince: number | undefined;
  let leaderlessMs = 0;
  const steps = 6_000;
  for (let step = 0; step < steps; step++) {
    const peace = step > steps - 2_500;
    for (const replica of replicas) {
      const { faults } = replica.client;
      if (peace) Object.assign(faults, { cut: false, loseRequest: 0, loseAnswer: 0, maxLatencyMs: 20 });
      else {
        if (random.chance(0.004)) faults.cut = !faults.cut;
        if (random.chance(0.004)) faults.loseRequest = random.pick([0, 0, 0.3, 0.8]);
        if (random.chance(0.004)) faults.loseAnswer = random.pick([0, 0, 0.3, 0.8]);
        if (random.chance(0.004)) faults.maxLatencyMs = random.pick([5, 50, 3_000]);
        if (pauses && random.chance(0.002)) replica.own.pause(random.below(15_000));
        if (random.chance(0.001)) replica.stop.abort(new Error('rolling update'));
      }
    }
    if (random.chance(0.002)) clock.jumpWall(random.pick([-3_600_000, 3_600_000]));
    await clock.run(clock.sleep(20));
    const leading = replicas.filter((r) => r.elector?.isLeader() === true);
    if (leading.length > 1)
      overlaps.push(`${leading.map((r) => r.name).join('+')} at ${clock.monotonicMs()}`);
    if (leading.length > 0) leaderlessSince = undefined;
    else leaderlessSince ??= clock.monotonicMs();
    if (step > steps - 1_000 && leaderlessSince !== undefined)
      leaderlessMs = clock.monotonicMs() - leaderlessSince;
  }
  over.abort();
  for (const replica of replicas) replica.stop.abort(new Error('the simulation ends'));
  await clock.run(Promise.all(lives));
  return { overlaps, leaderlessMs, leaders };
}

describe('three electors on one lease under faults', () => {
  test.each([false, true])('never two at once, and always one again (with pauses: %s)', async (pauses) => {
    let changes = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), async (seed) => {
        const world = await simulate(seed, pauses);
        expect(world.overlaps).toEqual([]);
        expect(world.leaderlessMs).toBe(0);
        changes += world.leaders;
      }),
      // Seed 2147483638: a release whose answer was lost left its sender calling itself leader while the next one led.
      { numRuns: 15, endOnFailure: true, examples: [[2_147_483_638]] },
    );
    expect(changes).toBeGreaterThan(12);
  });
});
