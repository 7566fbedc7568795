/**
 * What clients see of the key-value service through failovers: a dozen worlds, the floor under what they met, and a broken build that they must notice.
 * More worlds, and all broken builds, in the full run.
 */
import { describe, expect, test } from '@jest/globals';
import { huntMutant, mutated, MUTANTS } from '../mutants.ts';
import { runKvSeeds, type SeedsRun } from '../run-seeds.ts';
import { KV_HUNT, KV_MUTANTS } from './mutants.ts';
import type { KvTally } from './tally.ts';

const SEEDS = 8;
/** What the seeds must meet at least, all together: far less than they do. */
const FLOORS: KvTally = {
  answered: 400,
  unknown: 20,
  retries: 800,
  sessions: 12,
  misled: 700,
  promotions: 30,
  primaries: 25,
  fenced: 5,
  killed: 10,
  paused: 12,
  handovers: 3,
  standbysLost: 6,
  snapshots: 10,
  hints: 25,
  fromHints: 15,
  hashesCompared: 600,
};

describe('the key-value service through failovers', () => {
  test('every history is linearizable, and every state the same everywhere', async () => {
    const { runs, failures, totals } = await runKvSeeds({ first: 1, count: SEEDS });
    expect(failures).toEqual([]);
    expect(runs).toBe(SEEDS);
    const missed = Object.entries(FLOORS).filter(([count, floor]) => totals[count as keyof KvTally] < floor);
    expect({ missed, totals }).toEqual({ missed: [], totals });
  }, 120_000);

  test('the same seed gives the same run', async () => {
    const run = (): Promise<SeedsRun<KvTally>> => runKvSeeds({ first: 3, count: 1 });
    expect(await run()).toEqual(await run());
  });

  test.each([...MUTANTS, ...KV_MUTANTS].map((mutant) => [mutant.name, mutant] as const))(
    'a broken build is still one: %s',
    async (_name, mutant) => expect(await mutated(mutant)).toContain(mutant.by),
  );

  test('clients notice a build that acknowledges before the barrier', async () => {
    const found = await huntMutant(KV_MUTANTS[0]!, SEEDS, KV_HUNT);
    expect(found).toMatch(/^seed \d+: /);
    expect(found).toMatch(KV_MUTANTS[0]!.caughtBy);
  }, 120_000);
});
