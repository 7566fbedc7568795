/**
 * Two thousand worlds, the floor under what they met, and the seeds that failed once.
 */
import { describe, expect, test } from '@jest/globals';
import { simulateJournal } from './journal.ts';
import { REGRESSIONS } from './regressions.ts';
import { addTally, emptyTally, type Tally } from './tally.ts';

const SEEDS = 2000;
const SEEDS_PER_TEST = 100;

/** What the seeds must meet at least, all together: far less than they do, far more than luck would leave of a broken world. */
const FLOORS: Readonly<Tally> = {
  acknowledged: 500_000,
  refused: 100_000,
  unknown: 80_000,
  reads: 50_000,
  sessions: 15_000,
  fenced: 7500,
  pauses: 2500,
  leaps: 1000,
  fillers: 3000,
  orphans: 500,
  compactions: 3500,
  prunings: 350,
  failedCompactions: 2500,
  deletedSlots: 45_000,
  deletedFragments: 10_000,
  retries: 10_000,
  resolved: 1000,
  compressed: 4000,
  hints: 9000,
  pins: 900,
  torn: 10_000,
  restarted: 3500,
  lateReaders: 2400,
  moved: 500,
  holes: 3000,
  requests: 5_000_000,
};

describe('journal under an adversarial store', () => {
  const totals = emptyTally();

  test.each(Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, i) => 1 + i * SEEDS_PER_TEST))(
    'keeps every invariant for the hundred seeds from %i',
    async (first) => {
      let runs = 0;
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++, runs++)
        addTally(totals, await simulateJournal(seed));
      expect(runs).toBe(SEEDS_PER_TEST);
    },
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
