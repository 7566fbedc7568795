/**
 * The contract of the port as runnable cases: every adapter passes all of them (s3log.md §7.1).
 *
 * Each case uses keys below a prefix of its own, so that cases may share a store. Made of plain functions: the test framework is handed in.
 */
import assert from 'node:assert/strict';
import { EMPTY_BYTES, utf8 } from '../../base/index.ts';
import type { BodyPart, ObjectStore } from '../types.ts';
import {
  createAgain,
  creates,
  MIB,
  names,
  pattern,
  refusedWith,
  text,
  type ContractCase,
} from './contract-case.ts';
import { listing } from './contract-listing.ts';

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
    title:
      'an object may come in pieces of any length: it is one object with the bytes of all of them, in order',
    async run(store, at) {
      const large = pattern(20 * MIB);
      const cuts = [0, 1, 1, 4096, MIB, 9 * MIB + 5, 20 * MIB];
      const pieces = cuts.slice(1).map((cut, i) => large.subarray(cuts[i], cut)); // one of them empty
      for (const [key, body, whole] of [
        ['none', [], EMPTY_BYTES],
        ['nothing', [EMPTY_BYTES, EMPTY_BYTES], EMPTY_BYTES],
        ['one', [utf8('one')], utf8('one')],
        ['small', [utf8('one'), utf8(''), utf8('two')], utf8('onetwo')],
        ['large', pieces, large],
      ] as const) {
        assert.deepEqual(await store.create(at + key, body), { kind: 'created' });
        const found = await store.get(at + key);
        assert.equal(found?.size, whole.length);
        assert.equal(Buffer.compare(found.body, whole), 0);
        const first = await store.create(at + key, body);
        // as below: the answer to a large body may be lost once
        const said = first.kind === 'undecided' ? await createAgain(store, at + key, body) : first;
        assert.deepEqual(said, { kind: 'exists' });
      }
      await store.delete(`${at}large`);
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
    title: 'the parts of a large range, and what is left for its body, are the range in its order',
    async run(store, at) {
      const body = pattern(20 * MIB + 7);
      assert.deepEqual(await store.create(`${at}fragment`, body), { kind: 'created' });
      for (const range of [
        { start: 0, end: body.length },
        { start: 5, end: 9 * MIB },
        { start: 5, end: 1000 },
      ]) {
        const came: Uint8Array[] = [];
        for (let round = 0; round < 2; round++) {
          came.splice(0);
          const parts: BodyPart[] = [];
          const onPart = (part: BodyPart): void => void parts.push(part);
          const found = await store.get(`${at}fragment`, { range, onPart });
          assert.equal(found?.size, body.length);
          came.push(...parts.map(({ bytes }) => bytes.slice()), found.body.slice());
          for (const { release } of parts) release();
          found.release?.();
        }
        assert.equal(Buffer.compare(Buffer.concat(came), body.subarray(range.start, range.end)), 0);
      }
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
