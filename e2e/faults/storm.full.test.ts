/**
 * Longer storms, more of them (storm.real.test.ts tells the story).
 */
import { describe, expect, test } from '@jest/globals';
import { isEnough, stormStory } from './story.ts';

const STORM_MS = 20_000;
const SEEDS = 8;
/** A few seconds find a broken writer; should one storm pass it by, another will not. */
const BROKEN_MS = 6000;

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

describe('a storm finds writers that break their word', () => {
  test.each(['acknowledges-early', 'reads-without-proof'] as const)('%s', async (fault) => {
    const verdicts: boolean[] = [];
    for (let seed = 200; seed < 203 && !verdicts.includes(false); seed++)
      verdicts.push((await stormStory(seed, BROKEN_MS, fault)).judgement.linearizable);
    expect(verdicts).toContain(false);
  });
});
