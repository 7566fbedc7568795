/**
 * What clients see of the key-value service through failovers: some hundred worlds, the floor under what they met, and a broken build that they must notice.
 * More worlds, and all broken builds, in the full run.
 */
import { describe, expect, test } from '@jest/globals';
import { huntMutant } from '../mutants.ts';
import { runKvSeeds } from '../run-seeds.ts';
import { simulateKv } from './kv.ts';
import { KV_HUNT, KV_MUTANTS } from './mutants.ts';
import type { KvTally } from './tally.ts';

const SEEDS = 40;
/** What the seeds must meet at least, all together: far less than they do. */
const FLOORS: Partial<KvTally> = {};

describe('the key-value service through failovers', () => {
  test('every history is linearizable, and every state the same everywhere', async () => {
    const { runs, failures, totals } = await runKvSeeds({ first: 1, count: SEEDS });
    expect(failures).toEqual([]);
    expect(runs).toBe(SEEDS);
    const missed = Object.entries(FLOORS).filter(([count, floor]) => totals[count as keyof KvTally] < floor);
    expect({ missed, totals }).toEqual({ missed: [], totals });
  }, 120_000);

  test('the same seed gives the same run', async () => {
    expect(await simulateKv(3)).toEqual(await simulateKv(3));
  });

  test('clients notice a build that acknowledges before the barrier', async () => {
    const found = await huntMutant(KV_MUTANTS[0]!, SEEDS, KV_HUNT);
    expect(found).toMatch(/^seed \d+: /);
    expect(found).toMatch(KV_MUTANTS[0]!.caughtBy);
  }, 120_000);
});
