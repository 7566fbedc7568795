/**
 * Which keys are accepted, which are refused and why, and their order.
 */
import { describe, expect, test } from '@jest/globals';
import { compareKeys, keyProblem } from './keys.ts';

describe('keys', () => {
  test.each([
    'a',
    '_slots/ns/name/0f/log/0000000000000000',
    'a=b+c%2F d~é',
    'x'.repeat(255),
    '..a/b..',
    'a/...',
  ])('any store holds %s', (key) => expect(keyProblem(key)).toBeUndefined());

  test.each([
    ['', 'empty'],
    ['/a', 'empty part'],
    ['a/', 'empty part'],
    ['a/../b', '. or ..'],
    ['.', '. or ..'],
    ['a\\b', 'backslash'],
    ['a\u0000', 'control character'],
    ['a\ud800', 'broken surrogate'],
    [' a', 'white space'],
    ['a /b', 'white space'],
    ['é'.repeat(128), '255 bytes'],
    ['a/'.repeat(512) + 'a', '1024 bytes'],
    ['.holdfast-tmp/x', 'keep for themselves'],
  ])('not every store holds %j: %s', (key, problem) => expect(keyProblem(key)).toContain(problem));

  test('their order is that of their bytes', () => {
    expect(compareKeys('\u{ffee}', '\u{1f600}')).toBeLessThan(0); // as JavaScript strings it is the other way round
  });
});
