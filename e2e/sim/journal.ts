/**
 * Deterministic simulation of the journal: the production code of src/journal under virtual time and an adversarial store.
 *
 * Three writers (writer.ts) fence each other, append, compact, prune and delete, read linearizably, are paused for up to an hour, and crash at any
 * moment; two tailers follow and late readers come (readers.ts); an application says which parts of the log it needs (application.ts). In some worlds
 * the writers leave no gap between two commits, so that openers must leap, and openers die between their leap and the end of its filling.
 * At the end a fresh reader reads everything, and a fresh writer opens the journal once more (judge.ts). Checked:
 *   X1  acknowledged records are in the log exactly once, at the offsets they were given
 *   X2  records known not to be appended are not in the log
 *   X3  no record of an older session that was acknowledged lies at or above a later session's fence
 *   X4  whatever anybody reads at an offset is what everybody else reads there; every reader's content is gapless but for announced holes, nobody has
 *       read beyond the end, and every session opens exactly where its replay ends
 *   X5  a linearizable read reflects everything that was acknowledged before it arrived
 *   X6  terms along the log never fall, and never repeat for two authors
 *   X7  no compactor meets damage: what it deletes nobody misses
 *   X8  every fence that a tailer meets is in the log, where it met it
 *   X9  whatever was left behind, the journal is opened by the first or second to try, and goes on where the log ends
 *   X10 nobody ever meets a hole in what a stored hint or pin names, and the holes are exactly those that CHECKPOINTs announce
 *   X11 no reader ever meets damage: every error of a reader that is not its own abort fails the run
 *   X12 no FENCE or FILLER slot is ever deleted (adversary.ts)
 *   X13 no session takes a slot of its own for somebody else's
 * The list of s3log.md §7.2: acknowledged content exactly once and in order X1, X4; offsets contiguous except announced holes X4, X10; after the
 * acknowledgement of a FENCE no older one X3; all readers equal X4, X8, X11; deletion never removes an unannounced byte X7, X10, X11, X12. Its
 * mutants are mutants.ts. What §7.2 does not list comes from hazard H1 (X13), §6.4 (X6, X9), §6.4c (X5) and from
 * what callers are told (X2).
 */
import { createWorld, type World } from './world.ts';
import { lateReaders, tailer } from './readers.ts';
import { judge } from './judge.ts';
import type { SharedObjects } from './adversary.ts';
import type { Tally } from './tally.ts';
import { writer } from './writer.ts';

const WRITERS = 3;
const TAILERS = 2;
/** A world that has not come to rest by then, long after the longest pause, never will: somebody waits for what nobody does. */
const GIVE_UP_MS = 80 * 60_000;
/** Every zombie wakes up and finds out. */
const AFTERWARDS_MS = 2 * 3_600_000;

export interface JournalRun extends Readonly<Tally> {
  readonly seed: number;
  readonly virtualMs: number;
}

export class SimulationError extends Error {
  constructor(seed: number, what: string, cause?: unknown) {
    super(`seed ${seed}: ${what} (replay: npm run sim -- --seed ${seed} --seeds 1)`, { cause });
  }
}

/** Runs one seed. @throws SimulationError */
export async function simulateJournal(seed: number): Promise<JournalRun> {
  const world = createWorld(seed);
  try {
    await live(world);
    await judge(world);
  } catch (error) {
    throw new SimulationError(seed, error instanceof Error ? error.message : String(error), error);
  }
  const { tally, clock, objects } = world;
  tally.acknowledged = world.acks.length;
  tally.refused = world.refused.length;
  tally.reads = world.reads.length;
  tally.compressed = countCompressed(objects);
  tally.requests = objects.requests;
  return { seed, ...tally, virtualMs: clock.monotonicMs() };
}

async function live(world: World): Promise<void> {
  const { clock } = world;
  const actors = [
    ...Array.from({ length: WRITERS }, () => writer(world)),
    ...Array.from({ length: TAILERS }, (_, i) => tailer(world, `tailer ${i}`)),
    lateReaders(world),
  ];
  await clock.run(Promise.all(actors), { maxVirtualMs: GIVE_UP_MS });
  await clock.run(clock.sleep(AFTERWARDS_MS));
}

/** Slots whose content is stored compressed (byte 6 of the format, s3log.md §6.2). */
function countCompressed(objects: SharedObjects): number {
  return [...objects.keys('_slots/')].filter((key) => objects.get(key)![6] !== 0).length;
}
