/** More worlds than `npm test` has time for: those behind its own. */
import { expect, test } from '@jest/globals';
import { runSeeds } from './run-seeds.ts';

const FIRST = 2001;
const SEEDS = 5000;
const SEEDS_PER_TEST = 500;

test.each(Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, i) => FIRST + i * SEEDS_PER_TEST))(
  'the journal keeps every invariant for the seeds from %i',
  async (first) => {
    const { runs, failures } = await runSeeds({ first, count: SEEDS_PER_TEST });
    expect(failures).toEqual([]);
    expect(runs).toBe(SEEDS_PER_TEST);
  },
  300_000,
);
