/**
 * The contract of LIST, and of keys that it gives back.
 */
import assert from 'node:assert/strict';
import { utf8 } from '../../base/index.ts';
import { compareKeys } from '../keys.ts';
import { creates, names, text, type ContractCase } from './contract-case.ts';

export const listing: readonly ContractCase[] = [
  {
    title: 'keys are listed in the order of their bytes, across directories and beyond ASCII',
    async run(store, at) {
      const keys = [
        'a-b',
        'a/b',
        'a/c/d',
        'a0',
        'B',
        '_',
        'a=b',
        'é',
        '\u{ffee}',
        '\u{1f600}',
        'z z',
        'log/10',
        'log/9',
      ];
      await Promise.all(keys.map((key) => creates(store, at + key, key)));
      const page = await store.list(at);
      assert.deepEqual(names(page, at), keys.toSorted(compareKeys));
      assert.equal(page.truncated, false);
      assert.equal(page.objects[0]?.size, 1);
      for (const key of keys) assert.equal(text(await store.get(at + key)), key);
    },
  },
  {
    title: 'a prefix may end in the middle of a name',
    async run(store, at) {
      for (const key of ['lo', 'log/1', 'log/2', 'log0', 'login', 'm']) await creates(store, at + key, '');
      assert.deepEqual(names(await store.list(`${at}log`), at), ['log/1', 'log/2', 'log0', 'login']);
      assert.deepEqual(names(await store.list(`${at}log/`), at), ['log/1', 'log/2']);
      assert.deepEqual(names(await store.list(`${at}x`), at), []);
    },
  },
  {
    title: 'a list starts strictly after a key, whether that exists or not',
    async run(store, at) {
      for (const key of ['d/1', 'd/3', 'e', 'f/1']) await creates(store, at + key, '');
      const after = async (key: string): Promise<string[]> =>
        names(await store.list(at, { startAfter: at + key }), at);
      assert.deepEqual(await after('d/1'), ['d/3', 'e', 'f/1']);
      assert.deepEqual(await after('d/2'), ['d/3', 'e', 'f/1']);
      assert.deepEqual(await after('d'), ['d/1', 'd/3', 'e', 'f/1']);
      assert.deepEqual(await after('d0'), ['e', 'f/1']);
      assert.deepEqual(await after('f/1'), []);
      assert.deepEqual(names(await store.list(`${at}e`, { startAfter: `${at}d/3` }), at), ['e']);
      assert.deepEqual(names(await store.list(`${at}d/`, { startAfter: `${at}e` }), at), []);
    },
  },
  {
    title: 'pages of a limit join without gap or repetition and say when they end',
    async run(store, at) {
      const keys = Array.from({ length: 23 }, (_, i) => `${at}${i.toString().padStart(4, '0')}`);
      await Promise.all(keys.map((key) => creates(store, key, '')));
      const seen: string[] = [];
      for (let startAfter: string | undefined, more = true; more;) {
        const page = await store.list(at, { startAfter, limit: 5 });
        assert.ok(page.objects.length <= 5);
        seen.push(...page.objects.map(({ key }) => key));
        startAfter = seen.at(-1);
        more = page.truncated;
      }
      assert.deepEqual(seen, keys);
      await assert.rejects(store.list(at, { limit: 0 }), { code: 'STORE_BAD_REQUEST' });
      await assert.rejects(store.list(at, { limit: 1001 }), { code: 'STORE_BAD_REQUEST' });
    },
  },
  {
    title:
      'a page is cut only when there is more: not when the rest just fits, and at the limit of a page without one',
    async run(store, at) {
      const keys = Array.from({ length: 1003 }, (_, i) => `${at}${i.toString().padStart(4, '0')}`);
      for (let i = 0; i < keys.length; i += 50)
        await Promise.all(keys.slice(i, i + 50).map((key) => creates(store, key, '')));
      const first = await store.list(at);
      assert.deepEqual([first.objects.length, first.truncated], [1000, true]);
      const rest = await store.list(at, { startAfter: first.objects.at(-1)!.key });
      assert.deepEqual([rest.objects.map(({ key }) => key), rest.truncated], [keys.slice(1000), false]);
      const fitting = await store.list(at, { startAfter: keys[999], limit: 3 });
      assert.deepEqual([fitting.objects.length, fitting.truncated], [3, false]);
      const cut = await store.list(at, { startAfter: keys[999], limit: 2 });
      assert.deepEqual([cut.objects.length, cut.truncated], [2, true]);
      for (let i = 0; i < keys.length; i += 50)
        await Promise.all(keys.slice(i, i + 50).map((key) => store.delete(key)));
      assert.deepEqual((await store.list(at)).objects, []);
    },
  },
  {
    title: 'without a prefix a list covers the store, and starts where it is told',
    async run(store, at) {
      await creates(store, `${at}k`, '');
      const page = await store.list('', { startAfter: at.slice(0, -1), limit: 1 });
      assert.deepEqual(names(page, at), ['k']);
    },
  },
  {
    title: 'a key survives whatever URLs, XML and shells make of its characters',
    async run(store, at) {
      for (const key of AWKWARD) await creates(store, `${at}${key}`, key);
      const listed = AWKWARD.toSorted(compareKeys);
      assert.deepEqual(names(await store.list(at), at), listed);
      for (const [i, key] of listed.entries()) {
        assert.equal(text(await store.get(at + key)), key);
        assert.equal((await store.head(at + key))?.key, at + key);
        assert.deepEqual(await store.create(at + key, utf8('other')), { kind: 'exists' });
        const after = await store.list(at, { startAfter: at + key });
        assert.deepEqual(names(after, at), listed.slice(i + 1));
        assert.deepEqual(names(await store.list(at + key, { limit: 1 }), at), [key]);
      }
      for (const key of AWKWARD) await store.delete(at + key);
      assert.deepEqual((await store.list(at)).objects, []);
    },
  },
];

/** None continues another: a directory could not hold that. */
const AWKWARD = [
  '%',
  '%2F',
  '%41',
  '+',
  'a b+c',
  '?x=1&y=2',
  '#x',
  '&amp;',
  '<x>',
  '"\'`',
  '*',
  '~x',
  '...x',
  '.x',
  'x.',
  '-x',
  '$(x)',
  '{[^|]}',
  '=;:,@!',
  '\u00e9', // composed
  'e\u0301', // the same letter, decomposed: another key
  'א',
  '日本',
  '\u{1f600}\u200d',
];
