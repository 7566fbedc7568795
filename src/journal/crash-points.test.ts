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
  type Struck,
} from './testing/index.ts';

const points = await pointsOf(CHAPTERS, NO_PAST, representatives);
/** What came of all crashes of this file. */
const struck: Struck[] = [];

describe.each(CHAPTERS.map((chapter) => [chapter.name, chapter] as const))('%s', (_name, chapter) => {
  test.each(['dies', 'dies, and its requests arrive late', 'freezes'] as const)(
    'a process %s, and nobody is told anything that is not true',
    async (end) => {
      const mine = points.filter((point) => point.chapter === chapter);
      const each = await strikeAll(mine, end);
      struck.push(...each);
      expect(each.length).toBeGreaterThan(40);
      if (end !== 'dies')
        expect(each.filter(({ arrivedLate }) => arrivedLate > 0).length).toBeGreaterThan(10);
      if (end === 'freezes') expect(each.filter(({ wasAsked }) => wasAsked).length).toBeGreaterThan(20);
    },
  );
});

test('every step was met, before it and after it', () => {
  const met = new Set(struck.flatMap(({ places }) => places));
  const places = STEPS.flatMap((step): Place[] => [`before ${step}`, `after ${step}`]);
  expect(places.length).toBe(48);
  expect(places.filter((place) => !met.has(place))).toEqual([]);
  expect(struck.length).toBeGreaterThan(1000); // as the README says
});
