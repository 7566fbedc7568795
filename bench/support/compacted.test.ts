import { expect, test } from '@jest/globals';
import { sha1Hex } from '../../src/base/index.ts';
import { openStore } from '../../src/store/index.ts';
import { compactedJournal } from './compacted.ts';

test('a compacted journal lies in the store under the names that it tells, with the content that they promise', async () => {
  const store = openStore('memory:');
  const journal = await compactedJournal(store, 100_000);
  expect([journal.fragments[0]!.begin, journal.fragments.at(-1)!.end]).toEqual([0, 100_000]);
  for (const { key, begin, end, sha1 } of journal.fragments) {
    const found = await store.get(key);
    expect(found!.size).toBe(end - begin);
    expect(sha1Hex(found!.body)).toBe(sha1);
  }
});
