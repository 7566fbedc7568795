/**
 * A crash before and after every step of the specification (s3log.md §6.3 A3-A9, §6.4 F1-F5, §6.7 C1-C6, §6.8 P1-P6): the requests of a story are struck
 * in turn, the process dies or sleeps, another one takes over, and everything that must be true is checked (testing/crash-lab.ts Y1-Y9).
 * Here the ends of every row of similar requests are struck; crash-points.full.test.ts strikes each of them, in every way.
 */
import { describe, expect, test } from '@jest/globals';
import {
  CHAPTERS,
  NO_PAST,
  pointsOf,
  representatives,
  STEPS,
  strikeAll,
  type Place,
} from './testing/index.ts';

const points = await pointsOf(CHAPTERS, NO_PAST, representatives);
/** Where the crashes of all tests of this file were. */
const struck = new Set<Place>();
let crashes = 0;

describe.each(CHAPTERS.map((chapter) => [chapter.name, chapter] as const))('%s', (_name, chapter) => {
  test.each(['dies', 'dies, and its requests arrive late', 'freezes'] as const)(
    'a process %s, and nobody is told anything that is not true',
    async (end) => {
      const mine = points.filter((point) => point.chapter === chapter);
      const each = await strikeAll(mine, end);
      for (const place of each.flat()) struck.add(place);
      crashes += each.length;
      expect(each.length).toBeGreaterThan(40);
    },
  );
});

test('every step was met, before it and after it', () => {
  const places = STEPS.flatMap((step): Place[] => [`before ${step}`, `after ${step}`]);
  expect(places.length).toBe(48);
  expect(crashes).toBeGreaterThan(1000); // as the README says
  expect(places.filter((place) => !struck.has(place))).toEqual([]);
});
