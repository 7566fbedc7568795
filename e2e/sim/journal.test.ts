/**
 * Two thousand worlds, the floor under what they met, and the seeds that failed once.
 */
import { describe, expect, test } from '@jest/globals';
import { simulateJournal } from './journal.ts';
import { REGRESSIONS } from './regressions.ts';
import { runSeeds } from './run-seeds.ts';
import { addTally, emptyTally, type Tally } from './tally.ts';

const SEEDS = 2000;
const SEEDS_PER_TEST = 250;

/** What the seeds must meet at least, all together: far less than they do, far more than luck would leave of a broken world. */
const FLOORS: Readonly<Tally> = {
  acknowledged: 500_000,
  refused: 215_000,
  unknown: 120_000,
  reads: 55_000,
  sessions: 14_000,
  fenced: 6500,
  pauses: 2000,
  leaps: 900,
  fillers: 3000,
  orphans: 450,
  compactions: 3000,
  prunings: 400,
  failedCompactions: 2000,
  deletedSlots: 35_000,
  deletedFragments: 7500,
  retries: 9000,
  resolved: 1000,
  compressed: 4100,
  hints: 9000,
  pins: 900,
  torn: 9000,
  restarted: 2500,
  lateReaders: 2400,
  moved: 400,
  holes: 3000,
  requests: 1_000_000,
};

describe('journal under an adversarial store', () => {
  const totals = emptyTally();

  test.each(Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, i) => 1 + i * SEEDS_PER_TEST))(
    'keeps every invariant for the seeds from %i',
    async (first) => {
      const { runs, failures, totals: more } = await runSeeds({ first, count: SEEDS_PER_TEST });
      expect(failures).toEqual([]);
      expect(runs).toBe(SEEDS_PER_TEST);
      addTally(totals, more);
    },
    120_000,
  );

  test('the seeds together really met what they are meant to meet', () => {
    const missed = Object.entries(FLOORS).filter(([count, floor]) => totals[count as keyof Tally] < floor);
    expect({ missed, totals }).toEqual({ missed: [], totals });
  });

  test.each(REGRESSIONS)('seed $seed, which failed once: $story', async ({ seed }) => {
    expect(await simulateJournal(seed)).toMatchObject({ seed });
  });

  test('the same seed gives the same run', async () => {
    expect(await simulateJournal(3)).toEqual(await simulateJournal(3));
  });
});
