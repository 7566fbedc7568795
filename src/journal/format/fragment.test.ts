import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { Codec } from './codec.ts';
import { fragmentKey, fragmentName } from './fragment.ts';
import type { Journal } from '../names.ts';

interface Vector {
  readonly begin: string;
  readonly end: string;
  readonly codecName: string;
  readonly contentName: string;
  readonly contentPath: string;
  readonly journal: string;
  readonly postfix: string;
  readonly sumHex: string;
}

/** Gazette's names of the codecs that we write. */
const CODECS: Readonly<Record<string, Codec>> = { NONE: 'raw', GZIP: 'gzip', ZSTANDARD: 'zstd' };

const vectors = readFileSync(new URL('../../../e2e/golden/fragments/naming.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector);

test('fragments are named as Gazette names them', () => {
  let compared = 0;
  for (const { begin, end, codecName, contentName, contentPath, journal, postfix, sumHex } of vectors) {
    const codec = CODECS[codecName];
    const range = { begin: Number(begin), end: Number(end) };
    if (!codec || !Number.isSafeInteger(range.begin) || !Number.isSafeInteger(range.end)) continue;
    const fragment = { ...range, codec, sha1: sumHex };
    expect(fragmentName(fragment)).toBe(contentName);
    if (postfix === '') expect(fragmentKey({ name: journal } as Journal, fragment)).toBe(contentPath);
    compared++;
  }
  expect(compared).toBeGreaterThan(20);
});

test('an offset beyond 2^53-1 has no name', () => {
  const fragment = { begin: 0, end: 2 ** 53, codec: 'raw' as const, sha1: '0'.repeat(40) };
  expect(() => fragmentName(fragment)).toThrow(/2\^53-1/);
});
