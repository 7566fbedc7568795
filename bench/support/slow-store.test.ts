import { expect, test } from '@jest/globals';
import { openStore } from '../../src/store/index.ts';
import { SlowStore } from './slow-store.ts';

test('a slow store answers as the store behind it, and knows how many requests were under way at a time', async () => {
  const store = new SlowStore(openStore('memory:'), 1);
  expect(await store.create('a', Uint8Array.of(1))).toEqual({ kind: 'created' });
  expect(await store.create('a', Uint8Array.of(2))).toEqual({ kind: 'exists' });
  expect(store.seen).toEqual({ requests: 2, mostUnderWay: 1 });
  const found = await Promise.all([store.get('a'), store.get('b'), store.head('a')]);
  expect(found.map((each) => each?.size)).toEqual([1, undefined, 1]);
  expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['a']);
  await store.delete('a');
  expect(await store.get('a')).toBeUndefined();
  expect(store.seen).toEqual({ requests: 8, mostUnderWay: 3 });
});
