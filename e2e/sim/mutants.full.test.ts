import { describe, expect, test } from '@jest/globals';
import { huntMutant, MUTANTS } from './mutants.ts';

const SEEDS = 600;

describe('the simulation finds every mutant of the journal', () => {
  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_name, mutant) => {
      const found = await huntMutant(mutant, SEEDS);
      expect(found).toMatch(/^seed \d+: /m); // caught by an invariant, not by a mutant that does not even run
    },
    120_000,
  );
});
