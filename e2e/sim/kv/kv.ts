/**
 * The key-value service under a bad network, an operator that errs, and processes that die: one world a seed. What must hold is in judge.ts.
 *
 * The same seed gives the same run. Unlike the world of journal.ts, which is about single slots, this one is about what clients see through failovers.
 */
import { Client } from './client.ts';
import { judgeKv } from './judge.ts';
import { keepRunning, operate } from './operator.ts';
import type { KvTally } from './tally.ts';
import { createKvWorld, type KvWorld } from './world.ts';

const CLIENTS = 4;
/** Few, so that clients meet. */
const KEYS = ['a', 'b', 'c'] as const;

export interface KvRun extends Readonly<KvTally> {
  readonly seed: number;
  readonly virtualMs: number;
}

/** @throws Error with the seed and what does not hold */
export async function simulateKv(seed: number): Promise<KvRun> {
  const world = createKvWorld(seed);
  try {
    await world.clock.run(live(world));
    await world.clock.run(judgeKv(world, KEYS));
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const replay = `npm run sim -- --kv --seed ${seed} --seeds 1`;
    throw new Error(`seed ${seed}: ${what} (replay: ${replay})`, { cause: error });
  }
  return { seed, virtualMs: world.clock.monotonicMs(), ...world.tally };
}

async function live(world: KvWorld): Promise<void> {
  const { nodes, clock, untilMs } = world;
  const running = nodes.map((node) => keepRunning(world, node));
  const clients = Array.from({ length: CLIENTS }, (_, n) => new Client(world, `c${n}`, KEYS).work());
  await Promise.all([...clients, operate(world)]);
  await clock.sleep(Math.max(0, untilMs - clock.monotonicMs()));
  for (const { replica } of nodes) replica?.kill();
  await Promise.all(running);
}
