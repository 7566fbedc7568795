import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cleanPath, isPlayable, STAGING } from './paths.ts';

const component = fc.oneof(
  fc.constantFrom('', '.', '..', '...', '.a', 'a.', 'a', STAGING, 'a\0b', '\n', ' ', '\u2028', 'é'),
  fc.string({ unit: 'grapheme', maxLength: 4 }),
);
const path = fc.oneof(
  fc.array(component, { maxLength: 5 }).map((parts) => parts.join('/')),
  fc.array(component, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
);

test('exactly the paths that cleaning leaves as they are may be played', () =>
  fc.assert(
    fc.property(path, (given) => {
      expect(isPlayable(given)).toBe(given.startsWith('/') && cleanPath(given) === given);
    }),
    { numRuns: 2000 },
  ));

test('a cleaned path is played as it is', () =>
  fc.assert(
    fc.property(path, (given) => {
      const clean = cleanPath(given);
      if (clean !== undefined) expect(isPlayable(clean)).toBe(true);
    }),
  ));
