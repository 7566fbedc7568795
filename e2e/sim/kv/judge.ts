/**
 * The judge of a simulated world of the key-value service.
 *
 *   L1  Every key's history is linearizable (harness/register.ts), with a last read of it on a world that has come to rest: nothing that was acknowledged
 *       is lost (I1), what was not is wholly in or out (I2), nothing is applied twice (I3), and no read was stale.
 *   L2  Every replica had the same state at the same index, all along (state-hashes.ts); in the end the primary, a standby, and replays from the beginning
 *       and from the newest hints have it (I7, I5).
 *   L3  No process ended for a reason that production does not know, and none left a file open.
 *   L4  Whoever is promoted last serves: no fault leaves a log that nobody can take over.
 */
import { CALM } from '../adversary.ts';
import { Client } from './client.ts';
import { Replica } from './replica.ts';
import type { KvWorld } from './world.ts';

/** Longest time for the last replicas to come and to catch up, virtual ms. */
const REST_MS = 120_000;
const POLL_MS = 50;

/** @throws Error with what does not hold */
export async function judgeKv(world: KvWorld, keys: readonly string[]): Promise<void> {
  const primary = await lastPrimary(world);
  const reader = new Client(world, 'last reader', keys);
  for (const key of keys)
    if ((await reader.operate(key, { kind: 'get' }, REST_MS)) === undefined)
      throw new Error(`L4: nobody answers a read of ${key}`);
  await replays(world, primary);
  world.tally.hashesCompared = world.hashes.compared;
  const [wrong] = world.history.wrong();
  if (wrong !== undefined) throw new Error(`L1: ${wrong}`);
  const [damage] = world.damage;
  if (damage) throw damage;
}

/** L4 */
async function lastPrimary(world: KvWorld): Promise<Replica> {
  const node = world.nodes[0]!;
  for (let attempt = 1; ; attempt++) {
    const replica = new Replica(world, `last primary ${attempt}`, { malice: CALM, hints: undefined });
    node.replica = replica;
    world.assignment = { term: ++world.term, node };
    replica.promote(world.term);
    await until(world, () => replica.role === 'serving' || !replica.isAlive, 'the last primary');
    if (replica.isAlive) return replica;
    if (attempt === 3) throw new Error('L4: nobody can take the log over any more');
  }
}

/** L2 */
async function replays(world: KvWorld, primary: Replica): Promise<void> {
  for (const hints of [undefined, world.hints?.hints]) {
    const replica = new Replica(world, hints ? 'replay from hints' : 'replay', { malice: CALM, hints });
    await replica.tailing();
    await until(world, () => replica.appliedIndex === primary.appliedIndex, 'a replay to catch up');
    await primary.showHash();
    await replica.showHash();
    replica.kill();
    await replica.over;
  }
  primary.kill();
  await primary.over;
}

async function until(world: KvWorld, holds: () => boolean, what: string): Promise<void> {
  const giveUpMs = world.clock.monotonicMs() + REST_MS;
  while (!holds()) {
    if (world.clock.monotonicMs() > giveUpMs) throw new Error(`L4: waited ${REST_MS} ms for ${what}`);
    await world.clock.sleep(POLL_MS);
  }
}
