import { expect, test } from '@jest/globals';
import { fragmentName } from './fragment.ts';

test('an offset beyond 2^53-1 has no name', () => {
  const fragment = { begin: 0, end: 2 ** 53, codec: 'raw' as const, sha1: '0'.repeat(40) };
  expect(() => fragmentName(fragment)).toThrow(/2\^53-1/);
});
