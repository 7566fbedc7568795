/**
 * What happened in a world, counted: a simulation that met nothing proves nothing, so the tests ask for a floor under each of these.
 */
import type { JournalMetrics } from '../../src/journal/index.ts';

const COUNTS = [
  /** Records by what their writer was told. */
  'acknowledged',
  'refused',
  'unknown',
  /** Linearizable reads that were answered. */
  'reads',
  /** Sessions that came to life, those that others fenced, and processes that were paused. */
  'sessions',
  'fenced',
  'pauses',
  /** Leap fences and FILLERs put, and openers that died between the two. */
  'leaps',
  'fillers',
  'orphans',
  /** CHECKPOINTs of compaction and of pruning, compactions that failed, and objects deleted. */
  'compactions',
  'prunings',
  'failedCompactions',
  'deletedSlots',
  'deletedFragments',
  /** PUTs repeated, and those that turned out to have been done at the first time. */
  'retries',
  'resolved',
  /** Slots stored compressed. */
  'compressed',
  /** Hints and pins stored by the application. */
  'hints',
  'pins',
  /** Calls of a tailer that were broken off, and tailers that began anew where one had ended. */
  'torn',
  'restarted',
  /** Readers that began late, those of them to whom the plan changed on the way, and holes that readers met. */
  'lateReaders',
  'moved',
  'holes',
  /** Requests that reached the store. */
  'requests',
] as const;

type Count = (typeof COUNTS)[number];
export type Tally = Record<Count, number>;

export function emptyTally(): Tally {
  return Object.fromEntries(COUNTS.map((count) => [count, 0])) as Tally;
}

export function addTally(total: Tally, more: Readonly<Tally>): void {
  for (const count of COUNTS) total[count] += more[count];
}

/** The journal's metrics, counted into a tally. */
export function tallyMetrics(tally: Tally): JournalMetrics {
  const ignore = (): void => undefined;
  return {
    committed: ignore,
    retried: () => void tally.retries++,
    ambiguityResolved: () => void tally.resolved++,
    fence: ignore,
    leaped: () => void tally.leaps++,
    filled: () => void tally.fillers++,
    fenced: ignore,
    readProof: ignore,
    slotRead: ignore,
    fragmentRead: ignore,
    compacted: () => void tally.compactions++,
    compactionFailed: () => void tally.failedCompactions++,
    pruned: () => void tally.prunings++,
    reclaimed: (slots, fragments) => {
      tally.deletedSlots += slots;
      tally.deletedFragments += fragments;
    },
    lagBytes: ignore,
    content: ignore,
  };
}
