/** More worlds of the key-value service than `npm test` has time for: those behind its own. */
import { expect, test } from '@jest/globals';
import { runKvSeeds } from '../run-seeds.ts';

const FIRST = 101;
const SEEDS = 600;
const SEEDS_PER_TEST = 100;

test.each(Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, i) => FIRST + i * SEEDS_PER_TEST))(
  'histories are linearizable and states the same everywhere for the seeds from %i',
  async (first) => {
    const { runs, failures } = await runKvSeeds({ first, count: SEEDS_PER_TEST });
    expect(failures).toEqual([]);
    expect(runs).toBe(SEEDS_PER_TEST);
  },
  300_000,
);

test('the same seed gives the same run', async () => {
  const run = (): Promise<unknown> => runKvSeeds({ first: 3, count: 1 });
  expect(await run()).toEqual(await run());
}, 60_000);
