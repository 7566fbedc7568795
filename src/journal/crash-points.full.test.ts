/**
 * The crash points of crash-points.test.ts without any choice among them: every request of the story, struck in every way.
 */
import { describe, expect, test } from '@jest/globals';
import { CHAPTERS, NO_PAST, pointsOf, strikeAll } from './testing/index.ts';

let crashes = 0;
const points = await pointsOf(CHAPTERS, NO_PAST, (steps) => steps);

describe.each(CHAPTERS.map((chapter) => [chapter.name, chapter] as const))('%s', (_name, chapter) => {
  test.each(['dies', 'dies, and its requests arrive late', 'freezes'] as const)(
    'a process %s at any of its requests, and nobody is told anything that is not true',
    async (end) => {
      const mine = points.filter((point) => point.chapter === chapter);
      crashes += (await strikeAll(mine, end, true)).length;
    },
  );
});

test('all of them together are as many as the README says', () => {
  expect(crashes).toBeGreaterThan(5000);
});
