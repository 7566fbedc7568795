/**
 * What clients see of the key-value service through failovers: a few worlds, the floor under what they met, and a broken build that they must notice.
 * More worlds, and all broken builds, in the full run.
 */
import { describe, expect, test } from '@jest/globals';
import { huntMutant, mutated, MUTANTS } from '../mutants.ts';
import { runKvSeeds } from '../run-seeds.ts';
import { KV_HUNT, KV_MUTANTS } from './mutants.ts';
import type { KvTally } from './tally.ts';

const SEEDS = 4;
const HUNTED_SEEDS = 20;
/** What the seeds must meet at least, all together: far less than they do. */
const FLOORS: KvTally = {
  answered: 160,
  unknown: 8,
  retries: 320,
  sessions: 4,
  misled: 280,
  promotions: 12,
  primaries: 10,
  fenced: 2,
  killed: 4,
  paused: 4,
  handovers: 1,
  standbysLost: 2,
  snapshots: 4,
  hints: 10,
  fromHints: 6,
  hashesCompared: 240,
};

describe('the key-value service through failovers', () => {
  test('every history is linearizable, and every state the same everywhere', async () => {
    const { runs, failures, totals } = await runKvSeeds({ first: 1, count: SEEDS });
    expect(failures).toEqual([]);
    expect(runs).toBe(SEEDS);
    const missed = Object.entries(FLOORS).filter(([count, floor]) => totals[count as keyof KvTally] < floor);
    expect({ missed, totals }).toEqual({ missed: [], totals });
  }, 120_000);

  test.each([...MUTANTS, ...KV_MUTANTS].map((mutant) => [mutant.name, mutant] as const))(
    'a broken build is still one: %s',
    async (_name, mutant) => expect(await mutated(mutant)).toContain(mutant.by),
  );

  test('clients notice a build that acknowledges before the barrier', async () => {
    const found = await huntMutant(KV_MUTANTS[0]!, HUNTED_SEEDS, KV_HUNT);
    expect(found).toMatch(/^seed \d+: /);
    expect(found).toMatch(KV_MUTANTS[0]!.caughtBy);
  }, 120_000);
});
