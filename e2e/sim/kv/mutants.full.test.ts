/**
 * Broken builds that the clients of the simulated service must notice. (One of them in `npm test`: kv.test.ts.)
 */
import { describe, expect, test } from '@jest/globals';
import { huntMutant } from '../mutants.ts';
import { KV_HUNT, KV_MUTANTS } from './mutants.ts';

const SEEDS = 300;

describe('the clients of the key-value service notice a broken build', () => {
  test.each(KV_MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_name, mutant) => {
      const found = await huntMutant(mutant, SEEDS, KV_HUNT);
      expect(found).toMatch(/^seed \d+: /);
      expect(found).toMatch(mutant.caughtBy);
    },
    240_000,
  );
});
