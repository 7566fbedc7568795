/**
 * What a client can rely on, case by case (seeds.md §3.4), through the typed client: so that each runs on any replica, in this process or on a cluster, and
 * again after a failover.
 *
 * U1  A case writes below a prefix of its own, so that many can share a shard.
 * U2  What it gives back must hold from then on, of whoever is primary: it is asked at once, and again of every successor.
 */
import { deepStrictEqual as same, rejects } from 'node:assert/strict';
import type { KvClient } from '../../src/kvstore/client/index.ts';

export interface KvCase {
  readonly name: string;
  /** What it promises ends when so many other requests have come that its own are forgotten (statemachine REMEMBERED_REQUESTS). */
  readonly whileRemembered?: true;
  /** Writes below `at`; resolves with what must hold from then on (U2). */
  run(kv: KvClient, at: string): Promise<(kv: KvClient) => Promise<void>>;
}

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, n) => n);

async function text(kv: KvClient, key: string | Uint8Array): Promise<string | undefined> {
  const value = await kv.get(key);
  return value && Buffer.from(value).toString('latin1');
}

/** All pairs below a prefix, as text, in the order in which they came. */
async function all(kv: KvClient, prefix: string, limit?: number): Promise<[string, string][]> {
  const pairs: [string, string][] = [];
  for await (const { key, value } of kv.iterate({ prefix, ...(limit ? { limit } : {}) }))
    pairs.push([
      Buffer.from(key).toString('latin1').slice(prefix.length),
      Buffer.from(value).toString('latin1'),
    ]);
  return pairs;
}

const put = (kv: KvClient, key: string, value: string | Uint8Array): Promise<void> =>
  kv.put([{ key, value }]);

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n).padStart(4, '0'));
}

const BASICS: readonly KvCase[] = [
  {
    name: 'what was put is there, and what was put over it takes its place',
    run: async (kv, at) => {
      for (const n of numbered(10)) await put(kv, at + n, `value ${n}`);
      await put(kv, `${at}0003`, 'another');
      return async (later) => {
        for (const n of numbered(10))
          same(await text(later, at + n), n === '0003' ? 'another' : `value ${n}`);
      };
    },
  },
  {
    name: 'pairs that were put together are all there; of equal keys the last one counts',
    run: async (kv, at) => {
      const pairs = numbered(50).map((n) => ({ key: at + n, value: n }));
      await kv.put([...pairs, { key: `${at}0007`, value: 'last' }]);
      return async (later) => {
        const found = await all(later, at);
        same(
          found,
          numbered(50).map((n) => [n, n === '0007' ? 'last' : n]),
        );
      };
    },
  },
  {
    name: 'an empty value is a value',
    run: async (kv, at) => {
      await put(kv, `${at}empty`, '');
      same(await kv.compareAndSet(`${at}empty`, undefined, 'x'), false);
      return async (later) => same(await text(later, `${at}empty`), '');
    },
  },
  {
    name: 'keys and values are bytes, whatever they are',
    run: async (kv, at) => {
      const prefix = Buffer.from(at);
      const keys = [ALL_BYTES, Uint8Array.of(0), Uint8Array.of(0xff, 0xfe), Buffer.from('../..')];
      for (const key of keys) await kv.put([{ key: Buffer.concat([prefix, key]), value: ALL_BYTES }]);
      return async (later) => {
        for (const key of keys) {
          const found = await later.get(Buffer.concat([prefix, key]));
          same(found && [...found], [...ALL_BYTES]);
        }
      };
    },
  },
  {
    name: 'what was deleted is gone until it is put again; deleting what is not there says so',
    run: async (kv, at) => {
      for (const n of numbered(4)) await put(kv, at + n, n);
      same(await kv.delete(`${at}0001`), true);
      same(await kv.delete(`${at}0001`), false);
      same(await kv.delete(`${at}0002`), true);
      await put(kv, `${at}0002`, 'again');
      same(await kv.delete(`${at}never`), false);
      return async (later) => {
        same(await text(later, `${at}0001`), undefined);
        same(await text(later, `${at}never`), undefined);
        same(await all(later, at), [
          ['0000', '0000'],
          ['0002', 'again'],
          ['0003', '0003'],
        ]);
      };
    },
  },
  {
    name: 'the longest value, and a batch of many pairs',
    run: async (kv, at) => {
      const value = Buffer.alloc(MIB, 'v');
      await kv.put([{ key: `${at}long`, value }]);
      await kv.put(numbered(1000).map((n) => ({ key: `${at}many/${n}`, value: n.repeat(20) })));
      return async (later) => {
        same((await later.get(`${at}long`))?.length, MIB);
        same((await all(later, `${at}many/`)).length, 1000);
      };
    },
  },
  {
    name: 'what is not acceptable is refused, and changes nothing',
    run: async (kv, at) => {
      await put(kv, `${at}a`, 'before');
      await rejects(kv.put([{ key: 'k'.repeat(2000), value: '' }]), { code: 'INVALID_KEY' });
      await rejects(kv.put([{ key: `${at}a`, value: Buffer.alloc(MIB + 1) }]), { code: 'TOO_LARGE' });
      return async (later) => same(await all(later, at), [['a', 'before']]);
    },
  },
];

const ATOMIC: readonly KvCase[] = [
  {
    name: 'a compare-and-set takes place if the value is the expected one, and absence is a value to expect',
    run: async (kv, at) => {
      same(await kv.compareAndSet(`${at}a`, 'x', 'y'), false);
      same(await kv.compareAndSet(`${at}a`, undefined, 'one'), true);
      same(await kv.compareAndSet(`${at}a`, undefined, 'two'), false);
      same(await kv.compareAndSet(`${at}a`, 'on', 'two'), false);
      same(await kv.compareAndSet(`${at}a`, 'one', 'two'), true);
      return async (later) => {
        same(await text(later, `${at}a`), 'two');
        same(await later.compareAndSet(`${at}a`, 'one', 'three'), false);
      };
    },
  },
  {
    name: 'of ten who create a key at once, one does',
    run: async (kv, at) => {
      const names = numbered(10);
      const won = await Promise.all(names.map((n) => kv.compareAndSet(`${at}key`, undefined, n)));
      same(won.filter(Boolean).length, 1);
      const winner = names[won.indexOf(true)];
      return async (later) => same(await text(later, `${at}key`), winner);
    },
  },
  {
    name: 'increments and decrements at once lose nothing',
    run: async (kv, at) => {
      const key = `${at}counter`;
      await put(kv, key, '0');
      const add = async (by: number): Promise<void> => {
        for (let done = false; !done;) {
          const before = (await text(kv, key))!;
          done = await kv.compareAndSet(key, before, String(Number(before) + by));
        }
      };
      await Promise.all([1, 1, 1, -1, -1, -1, 1].map(add));
      return async (later) => same(await text(later, key), '1');
    },
  },
  {
    name: 'a request that is repeated under its id is answered as before and done once, also by a successor',
    whileRemembered: true,
    run: async (kv, at) => {
      const requestId = `${at}id`;
      same(await kv.compareAndSet(`${at}a`, undefined, 'mine', { requestId }), true);
      same(await kv.delete(`${at}a`, { requestId: `${requestId}-2` }), true);
      return async (later) => {
        same(await later.compareAndSet(`${at}a`, undefined, 'mine', { requestId }), true);
        same(await later.delete(`${at}a`, { requestId: `${requestId}-2` }), true);
        same(await text(later, `${at}a`), undefined);
        await rejects(later.put([{ key: `${at}a`, value: 'other' }], { requestId }), {
          code: 'REQUEST_ID_REUSED',
        });
      };
    },
  },
];

const ORDERED: readonly KvCase[] = [
  {
    name: 'an iteration is in order, by prefix, from a start, page by page',
    run: async (kv, at) => {
      const keys = ['b', 'a/3', 'a/1', 'a/2', 'a', 'c', 'a0', 'B'];
      for (const key of keys) await put(kv, at + key, key);
      return async (later) => {
        const sorted = keys.toSorted();
        same(
          await all(later, at),
          sorted.map((key) => [key, key]),
        );
        same(
          await all(later, at, 3),
          sorted.map((key) => [key, key]),
        );
        same(await all(later, `${at}a/`), [
          ['1', 'a/1'],
          ['2', 'a/2'],
          ['3', 'a/3'],
        ]);
        const { items } = await later.list({ prefix: at, start: `${at}a0` });
        same(
          items.map(({ value }) => Buffer.from(value).toString()),
          sorted.filter((key) => key >= 'a0'),
        );
      };
    },
  },
];

const EXPIRING: readonly KvCase[] = [
  {
    name: 'a pair is there until it expires, and keeps its moment',
    run: async (kv, at) => {
      const expiresAt = Date.now() + HOUR_MS;
      await kv.put([{ key: `${at}stays`, value: 'x', expiresAt }]);
      await kv.put([{ key: `${at}gone`, value: 'x', expiresAt: 1000 }]);
      await kv.put([
        { key: `${at}both/1`, value: 'x', expiresAt },
        { key: `${at}both/2`, value: 'x', expiresAt: 1000 },
      ]);
      return async (later) => {
        same((await later.read(`${at}stays`)).expiresAt, expiresAt);
        same(await text(later, `${at}gone`), undefined);
        same(await all(later, at), [
          ['both/1', 'x'],
          ['stays', 'x'],
        ]);
      };
    },
  },
  {
    name: 'what has expired is absent for a compare-and-set, which sets the expiry it is given; a put without one ends it',
    run: async (kv, at) => {
      const expiresAt = Date.now() + HOUR_MS;
      await kv.put([{ key: `${at}a`, value: 'old', expiresAt: 1000 }]);
      same(await kv.compareAndSet(`${at}a`, 'old', 'new'), false);
      same(await kv.compareAndSet(`${at}a`, undefined, 'new', { expiresAt }), true);
      await kv.put([{ key: `${at}b`, value: 'x', expiresAt }]);
      await put(kv, `${at}b`, 'y');
      return async (later) => {
        same(await text(later, `${at}a`), 'new');
        same((await later.read(`${at}a`)).expiresAt, expiresAt);
        same((await later.read(`${at}b`)).expiresAt, undefined);
      };
    },
  },
];

export const KV_CASES: readonly KvCase[] = [...BASICS, ...ATOMIC, ...ORDERED, ...EXPIRING];

/** Runs cases, each below its own prefix; resolves with what must hold from then on. @throws Error with the case's name */
export async function runCases(
  kv: KvClient,
  cases: readonly KvCase[] = KV_CASES,
): Promise<(later: KvClient) => Promise<void>> {
  const holds: (readonly [string, (later: KvClient) => Promise<void>])[] = [];
  const named = async (name: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      throw new Error(`${name}: ${String(error)}`, { cause: error });
    }
  };
  for (const [n, each] of cases.entries())
    await named(each.name, async () => void holds.push([each.name, await each.run(kv, `case-${n}/`)]));
  const check = async (later: KvClient): Promise<void> => {
    for (const [name, hold] of holds) await named(name, () => hold(later));
  };
  await check(kv);
  return check;
}

/** Everything that a replica holds, expiry included. */
export async function contentsOf(kv: KvClient): Promise<string[]> {
  const lines: string[] = [];
  for await (const pair of kv.iterate({ prefix: '' })) {
    const [key, value] = [pair.key, pair.value].map((bytes) => Buffer.from(bytes).toString('base64'));
    lines.push(`${key} ${value} ${pair.expiresAt ?? 0}`);
  }
  return lines;
}
