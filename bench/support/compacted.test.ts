import { expect, test } from '@jest/globals';
import { sha1Hex } from '../../src/base/index.ts';
import { openStore } from '../../src/store/index.ts';
import { compactedJournal, fragmentKey } from './compacted.ts';

test('a fragment is named by its journal, its range in hex and the digest of its content', () => {
  const sha1 = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';
  expect(fragmentKey('a/journal', { begin: 0x4000000, end: 0x8000000, sha1 })).toBe(
    `a/journal/0000000004000000-0000000008000000-${sha1}.raw`,
  );
});

test('a compacted journal lies in the store under the names that it tells, with the content that they promise', async () => {
  const store = openStore('memory:');
  const journal = await compactedJournal(store, 1000);
  expect(journal.fragments.map(({ begin, end }) => [begin, end])).toEqual([[0, 1000]]);
  const { objects } = await store.list('');
  expect(objects.map(({ key, size }) => [key, size])).toEqual([[journal.fragments[0]!.key, 1000]]);
  expect(sha1Hex((await store.get(objects[0]!.key))!.body)).toBe(journal.fragments[0]!.sha1);
});
