/**
 * Real processes against a real S3 server over real connections, under everything that processes, networks and servers do to each other. What they
 * report must be a history that one journal without any of it could have had.
 */
import { describe, expect, test } from '@jest/globals';
import { isEnough, stormStory } from './story.ts';

/** Every trouble once takes about this long. */
const STORM_MS = 5000;

describe('three writers that fence each other, and two tailers', () => {
  test.each([1])('in storm %i keep every promise', async (seed) => {
    const { struck, judgement, seen } = await stormStory(seed, STORM_MS);
    expect({ seed, struck, ...judgement }).toMatchObject({ wrong: [], linearizable: true });
    expect({ ...seen, enough: isEnough(seen) }).toMatchObject({ enough: true }); // it was no calm sea, and somebody sailed it
  });
});
