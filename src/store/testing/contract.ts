/**
 * The contract of the port as runnable cases: every adapter passes all of them (s3log.md §7.1).
 *
 * Each case uses keys below a prefix of its own, so that cases may share a store. Made of plain functions: the test framework is handed in.
 */
import assert from 'node:assert/strict';
import { utf8 } from '../../base/index.ts';
import { StoreError } from '../errors.ts';
import { compareKeys } from '../keys.ts';
import type { CreateOutcome, ListPage, ObjectStore, StoredObject } from '../types.ts';

export interface ContractCase {
  readonly title: string;
  /** `at`: a prefix ending with a slash, under which nothing exists. @throws AssertionError */
  readonly run: (store: ObjectStore, at: string) => Promise<void>;
}

/** The part of a test framework that storeContract needs. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  test(name: string, body: () => Promise<void>): void;
}

/** Declares all cases as tests. `makeStore` is called once a case; what it opens is its own to close. */
export function storeContract(
  name: string,
  makeStore: () => Promise<ObjectStore>,
  framework: TestFramework,
): void {
  framework.describe(`${name} keeps the contract of ObjectStore`, () => {
    for (const [number, { title, run }] of STORE_CONTRACT.entries())
      framework.test(title, async () => await run(await makeStore(), `contract-${number}/`));
  });
}

const text = (object: StoredObject | undefined): string | undefined =>
  object && Buffer.from(object.body).toString();
const names = (page: ListPage, at: string): string[] => page.objects.map(({ key }) => key.slice(at.length));

const MIB = 1024 * 1024;

/** `size` bytes, a multiple of PAGE_BYTES, in which no two pages are alike. */
function pattern(size: number): Uint8Array {
  const body = Buffer.alloc(size, 'Holdfast tests large objects with this text. ');
  for (let at = 0; at < size; at += PAGE_BYTES) body.writeUInt32BE(at, at);
  return body;
}
const PAGE_BYTES = 4096;

function createAgain(store: ObjectStore, key: string, body: Uint8Array): Promise<CreateOutcome> {
  return store.create(key, body, { freshConnection: true });
}

async function creates(store: ObjectStore, key: string, body: string): Promise<void> {
  assert.deepEqual(await store.create(key, utf8(body)), { kind: 'created' });
}

function refusedWith(outcome: CreateOutcome, code: string): void {
  assert.equal(outcome.kind, 'refused');
  assert.ok(outcome.kind === 'refused' && outcome.cause instanceof StoreError);
  assert.equal(outcome.cause.code, code);
}

const creating: readonly ContractCase[] = [
  {
    title: 'a created object reads back with its bytes, size and time',
    async run(store, at) {
      const body = Buffer.from('hello');
      assert.deepEqual(await store.create(`${at}one`, body), { kind: 'created' });
      body.fill(0); // from here on the caller's own again
      const found = await store.get(`${at}one`);
      assert.equal(text(found), 'hello');
      assert.equal(found?.size, 5);
      assert.ok(found?.lastModifiedMs !== undefined && found.lastModifiedMs > 0);
      const info = await store.head(`${at}one`);
      assert.deepEqual([info?.key, info?.size], [`${at}one`, 5]);
    },
  },
  {
    title: 'a second create of a key answers exists and changes nothing',
    async run(store, at) {
      await creates(store, `${at}one`, 'first');
      assert.deepEqual(await store.create(`${at}one`, utf8('second')), { kind: 'exists' });
      assert.equal(text(await store.get(`${at}one`)), 'first');
    },
  },
  {
    title: 'of many creates of one key at once exactly one wins, and its bytes stay',
    async run(store, at) {
      for (const round of [1, 2, 3, 4, 5]) {
        const key = `${at}race-${round}`;
        const outcomes = await Promise.all(
          Array.from({ length: 16 }, (_, i) =>
            store.create(key, utf8(`racer ${i}`), { freshConnection: true }),
          ),
        );
        const winners = outcomes.flatMap(({ kind }, i) => (kind === 'created' ? [i] : []));
        assert.equal(winners.length, 1);
        assert.ok(outcomes.every(({ kind }) => kind === 'created' || kind === 'exists'));
        assert.equal(text(await store.get(key)), `racer ${winners[0]}`);
      }
    },
  },
  {
    title: 'an empty object is an object',
    async run(store, at) {
      await creates(store, `${at}empty`, '');
      const found = await store.get(`${at}empty`);
      assert.deepEqual([found?.body.length, found?.size], [0, 0]);
      assert.deepEqual(await store.create(`${at}empty`, utf8('x')), { kind: 'exists' });
      assert.equal((await store.get(`${at}empty`, { range: { start: 0, end: 512 } }))?.body.length, 0);
    },
  },
  {
    title: 'the largest slot (8 MiB) and the largest fragment (64 MiB) survive whole',
    async run(store, at) {
      for (const size of [8 * MIB, 64 * MIB]) {
        const body = pattern(size);
        assert.deepEqual(await store.create(`${at}${size}`, body), { kind: 'created' });
        const whole = await store.get(`${at}${size}`);
        assert.equal(whole?.size, size);
        assert.equal(Buffer.compare(whole.body, body), 0);
        await store.delete(`${at}${size}`);
      }
    },
  },
  {
    title: 'that a large object exists is found out by repeating the create, however often it is asked',
    async run(store, at) {
      const body = pattern(16 * MIB);
      assert.deepEqual(await store.create(`${at}large`, body), { kind: 'created' });
      for (let round = 0; round < 6; round += 1) {
        // a store that refuses without reading the body resets the connection: the first answer may be lost, the second not
        const first = await store.create(`${at}large`, body);
        const said = first.kind === 'undecided' ? await createAgain(store, `${at}large`, body) : first;
        assert.deepEqual(said, { kind: 'exists' });
      }
      assert.equal((await store.head(`${at}large`))?.size, body.length);
      await store.delete(`${at}large`);
    },
  },
  {
    title: 'later changes to the buffer that was created from do not reach the object',
    async run(store, at) {
      const buffer = utf8('before');
      const outcome = store.create(`${at}frozen`, buffer);
      assert.deepEqual(await outcome, { kind: 'created' });
      buffer.fill(0);
      const found = await store.get(`${at}frozen`);
      assert.equal(text(found), 'before');
      found!.body.fill(0);
      assert.equal(text(await store.get(`${at}frozen`)), 'before');
    },
  },
];

const reading: readonly ContractCase[] = [
  {
    title: 'what does not exist is undefined to GET and HEAD',
    async run(store, at) {
      assert.equal(await store.get(`${at}nothing`), undefined);
      assert.equal(await store.get(`${at}nothing`, { range: { start: 0, end: 10 } }), undefined);
      assert.equal(await store.head(`${at}nothing`), undefined);
    },
  },
  {
    title: 'a range is exact, is cut at the end, is empty beyond it, and tells the whole size',
    async run(store, at) {
      await creates(store, `${at}r`, '0123456789');
      const part = async (start: number, end: number): Promise<[string | undefined, number | undefined]> => {
        const found = await store.get(`${at}r`, { range: { start, end } });
        return [text(found), found?.size];
      };
      assert.deepEqual(await part(0, 1), ['0', 10]);
      assert.deepEqual(await part(3, 7), ['3456', 10]);
      assert.deepEqual(await part(0, 10), ['0123456789', 10]);
      assert.deepEqual(await part(8, 500), ['89', 10]);
      assert.deepEqual(await part(10, 20), ['', 10]);
      assert.deepEqual(await part(500, 600), ['', 10]);
      assert.deepEqual(await part(9, Number.MAX_SAFE_INTEGER), ['9', 10]);
      assert.deepEqual(await part(2 ** 50, 2 ** 50 + 1), ['', 10]);
    },
  },
  {
    title: 'many ranges of a large object, read at once, make up the whole',
    async run(store, at) {
      const body = pattern(64 * MIB);
      assert.deepEqual(await store.create(`${at}fragment`, body), { kind: 'created' });
      const length = MIB / 2; // 128 ranges: twice as many as there are connections
      await Promise.all(
        Array.from({ length: body.length / length }, async (_, i) => {
          const range = { start: i * length, end: (i + 1) * length };
          const found = await store.get(`${at}fragment`, { range });
          assert.equal(found?.size, body.length);
          assert.equal(Buffer.compare(found.body, body.subarray(range.start, range.end)), 0);
        }),
      );
      await store.delete(`${at}fragment`);
    },
  },
  {
    title: 'a name that others continue is no object',
    async run(store, at) {
      await creates(store, `${at}d/e/1`, 'x');
      for (const key of [`${at}d`, `${at}d/e`]) {
        assert.equal(await store.get(key), undefined);
        assert.equal(await store.head(key), undefined);
        await store.delete(key);
      }
      assert.equal(text(await store.get(`${at}d/e/1`)), 'x');
    },
  },
  {
    title: 'every operation works on a fresh connection too',
    async run(store, at) {
      const fresh = { freshConnection: true };
      assert.deepEqual(await store.create(`${at}k`, utf8('x'), fresh), { kind: 'created' });
      assert.equal(text(await store.get(`${at}k`, fresh)), 'x');
      assert.equal((await store.head(`${at}k`, fresh))?.size, 1);
      assert.deepEqual(names(await store.list(at, fresh), at), ['k']);
      await store.delete(`${at}k`, fresh);
      assert.equal(await store.get(`${at}k`, fresh), undefined);
    },
  },
  {
    title: 'an empty, negative or broken range is the caller’s mistake',
    async run(store, at) {
      await creates(store, `${at}r`, '0123456789');
      for (const range of [
        { start: 3, end: 3 },
        { start: -1, end: 3 },
        { start: 0.5, end: 3 },
        { start: 5, end: 2 },
      ])
        await assert.rejects(store.get(`${at}r`, { range }), { code: 'STORE_BAD_REQUEST', retryable: false });
    },
  },
];

const listing: readonly ContractCase[] = [
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

const deleting: readonly ContractCase[] = [
  {
    title: 'a deleted object is gone for GET, HEAD and LIST, and its key is free again',
    async run(store, at) {
      await creates(store, `${at}d/one`, 'old');
      await store.delete(`${at}d/one`);
      assert.equal(await store.get(`${at}d/one`), undefined);
      assert.equal(await store.head(`${at}d/one`), undefined);
      assert.deepEqual((await store.list(at)).objects, []);
      await creates(store, `${at}d/one`, 'new');
      assert.equal(text(await store.get(`${at}d/one`)), 'new');
    },
  },
  {
    title: 'deleting what does not exist is no error',
    async run(store, at) {
      await store.delete(`${at}never`);
      await store.delete(`${at}never/there`);
    },
  },
];

const calls: readonly ContractCase[] = [
  {
    title: 'a key that not every store can hold is refused before anything is sent',
    async run(store) {
      for (const key of [
        '',
        '/a',
        'a/',
        'a//b',
        '../a',
        'a/./b',
        'a\0b',
        'a\nb',
        'x'.repeat(256),
        `${'x/'.repeat(600)}x`,
      ]) {
        refusedWith(await store.create(key, utf8('x')), 'STORE_BAD_REQUEST');
        await assert.rejects(store.get(key), { code: 'STORE_BAD_REQUEST' });
        await assert.rejects(store.head(key), { code: 'STORE_BAD_REQUEST' });
        await assert.rejects(store.delete(key), { code: 'STORE_BAD_REQUEST' });
      }
      await assert.rejects(store.list('../'), { code: 'STORE_BAD_REQUEST' });
    },
  },
  {
    title: 'a signal that has fired leaves a create undecided and ends everything else with its reason',
    async run(store, at) {
      const reason = new Error('changed my mind');
      const signal = AbortSignal.abort(reason);
      const outcome = await store.create(`${at}a`, utf8('x'), { signal });
      assert.ok(outcome.kind === 'undecided' && outcome.cause.code === 'STORE_ABORTED');
      assert.equal(outcome.cause.cause, reason);
      for (const call of [
        store.get(`${at}a`, { signal }),
        store.head(`${at}a`, { signal }),
        store.list(at, { signal }),
        store.delete(`${at}a`, { signal }),
      ])
        await assert.rejects(call, (thrown) => thrown === reason);
    },
  },
  {
    title: 'a create whose signal fires half way answers undecided, and a repetition finds out',
    async run(store, at) {
      const stop = new AbortController();
      const outcome = store.create(`${at}a`, utf8('x'), { signal: stop.signal });
      stop.abort(new Error('too slow'));
      const { kind } = await outcome;
      assert.ok(kind === 'undecided' || kind === 'created'); // memory acts at once
      const again = await store.create(`${at}a`, utf8('x'), { freshConnection: true });
      assert.ok(again.kind === 'created' || again.kind === 'exists');
      assert.equal(text(await store.get(`${at}a`)), 'x');
    },
  },
  {
    title:
      'reads whose signal fires half way end with its reason or an answer, and do no harm to those that follow',
    async run(store, at) {
      await creates(store, `${at}a`, 'x');
      for (let round = 0; round < 20; round += 1) {
        const stop = new AbortController();
        const reason = new Error('too slow');
        const { signal } = stop;
        const reads = [
          store.get(`${at}a`, { signal }).then(text),
          store.head(`${at}a`, { signal }).then((info) => info && 'x'),
          store.list(at, { signal }).then((page) => page.objects.length === 1 && 'x'),
        ];
        stop.abort(reason);
        for (const ended of await Promise.allSettled(reads))
          assert.equal(
            ended.status === 'fulfilled' ? ended.value : ended.reason,
            ended.status === 'fulfilled' ? 'x' : reason,
          );
      }
      // more reads at once than there are connections: none of those above was kept
      const all = await Promise.all(Array.from({ length: 200 }, () => store.get(`${at}a`)));
      assert.ok(all.every((found) => text(found) === 'x'));
    },
  },
];

/** Every case. */
export const STORE_CONTRACT: readonly ContractCase[] = [
  ...creating,
  ...reading,
  ...listing,
  ...deleting,
  ...calls,
];
