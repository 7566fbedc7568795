/**
 * Longer storms, more of them (storm.real.test.ts tells the story).
 */
import { describe, expect, test } from '@jest/globals';
import { isEnough, stormStory } from './story.ts';

const STORM_MS = 20_000;
const SEEDS = 8;

describe('three writers that fence each other, and two tailers', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => 100 + i))(
    'in the long storm %i keep every promise',
    async (seed) => {
      const { struck, judgement, seen } = await stormStory(seed, STORM_MS);
      expect({ seed, struck, ...judgement }).toMatchObject({ wrong: [], linearizable: true });
      expect({ ...seen, enough: isEnough(seen) }).toMatchObject({ enough: true }); // it was no calm sea, and somebody sailed it
    },
  );
});
