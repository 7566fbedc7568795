/**
 * The SQL backend on a real PostgreSQL, through the real client: the conformance suite under every isolation level, lost answers, a server
 * that is killed, rights that are missing.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { startPostgres, type PostgresServer } from '../../e2e/cluster/index.ts';
import { startTcpProxy } from '../../e2e/harness/tcp-proxy.ts';
import { fromUtf8, systemClock, systemRandom, utf8 } from '../base/index.ts';
import {
  MAX_SQL_VALUE_BYTES,
  POSTGRES,
  postgresDriver,
  sqlStore,
  updateState,
  type RevisionStore,
} from './index.ts';
import { CONFORMANCE } from './testing/index.ts';

const retry = { clock: systemClock, random: systemRandom };
const ISOLATION = ['read committed', 'repeatable read', 'serializable'] as const;

let server: PostgresServer;
let tables = 0;
const pools: pg.Pool[] = [];

beforeAll(async () => {
  server = await startPostgres();
}, 120_000);
afterEach(async () => {
  await Promise.all(pools.splice(0).map((each) => each.end()));
});
afterAll(async () => server?.stop());

function pool(options: pg.PoolConfig = {}): pg.Pool {
  const made = new pg.Pool({ ...server.connection, max: 8, ...options });
  made.on('error', () => undefined); // an idle connection that broke; who asks next is told, or is given another
  pools.push(made);
  return made;
}

interface Made {
  readonly store: RevisionStore;
  readonly table: string;
}

async function made(over: pg.Pool = pool(), table = `state_${tables++}`): Promise<Made> {
  const store = sqlStore({
    driver: postgresDriver(over),
    dialect: POSTGRES,
    table,
    writer: 'test',
    ...retry,
  });
  await store.init();
  return { store, table };
}

const add = (store: RevisionStore): Promise<unknown> =>
  updateState(store, 'id', (now) => utf8(String(Number(now ? fromUtf8(now) : '0') + 1)), retry);

describe.each(ISOLATION)('%s', (level) => {
  const isolated = (): pg.Pool =>
    pool({ options: `-c default_transaction_isolation=${level.replaceAll(' ', '\\ ')}` });

  test('the level is what it says', async () => {
    const { rows } = await isolated().query<{ transaction_isolation: string }>('SHOW transaction_isolation');
    expect(rows).toEqual([{ transaction_isolation: level }]);
  });

  test.each(CONFORMANCE.map((each) => [each.name, each] as const))('%s', async (_, each) => {
    await each.run((await made(isolated())).store);
  });

  test('many processes’ worth of connections lose no change', async () => {
    const { table } = await made();
    const stores = await Promise.all(
      Array.from({ length: 4 }, async () => (await made(isolated(), table)).store),
    );
    await Promise.all(Array.from({ length: 24 }, (_, n) => add(stores[n % stores.length]!)));
    expect(fromUtf8((await stores[0]!.read('id'))!.value)).toBe('24');
  });
});

test('a table that many make at once is made once, and nobody fails', async () => {
  const table = `state_${tables++}`;
  const all = await Promise.all(Array.from({ length: 8 }, () => made(pool({ max: 1 }), table)));
  await Promise.all(all.map(({ store }) => add(store)));
  expect(fromUtf8((await all[0]!.store.read('id'))!.value)).toBe('8');
});

test('a value of the largest size, and every id and byte, come back', async () => {
  const { store } = await made();
  const value = Uint8Array.from({ length: MAX_SQL_VALUE_BYTES }, (_, n) => n & 255);
  for (const id of ['', 'a', 'A', 'a ', 'á', 'x'.repeat(255)])
    await store.compareAndSet(id, undefined, value);
  expect((await store.list()).length).toBe(6);
  expect(Buffer.compare((await store.read('a '))!.value, value)).toBe(0);
});

describe('an answer that is cut off after the server has done what was asked', () => {
  test('is found out: every commit is done once, and counted once', async () => {
    const proxy = await startTcpProxy(server.port);
    try {
      const { store, table } = await made();
      await store.compareAndSet('id', undefined, utf8('0'));
      const shaky = (await made(pool({ port: proxy.port, max: 1 }), table)).store;
      let unknown = 0;
      for (let n = 0; n < 12; n++) {
        const { revision } = (await shaky.read('id'))!;
        await proxy.set({ kind: 'cut', afterBytes: 1 + n }); // of the living connection: of the answer to the UPDATE
        const before = proxy.cuts;
        const commit = shaky.compareAndSet('id', revision, utf8(String(n)));
        while (proxy.cuts === before) await systemClock.sleep(1);
        await proxy.set({ kind: 'pass' });
        const outcome = await commit.catch((error: unknown) => error);
        if (outcome !== revision + 1) {
          expect(outcome).toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
          unknown++;
        }
        expect(await store.read('id')).toEqual({ value: utf8(String(n)), revision: revision + 1 });
      }
      expect(unknown).toBe(0); // nobody else writes, so it is always found out
    } finally {
      await proxy.close();
    }
  });

  test('and that somebody has overtaken is told as unknown', async () => {
    const proxy = await startTcpProxy(server.port);
    try {
      const { store, table } = await made();
      await store.compareAndSet('id', undefined, utf8('0'));
      const shaky = (await made(pool({ port: proxy.port, max: 1 }), table)).store;
      await proxy.set({ kind: 'cut', afterBytes: 1 });
      const told = expect(shaky.compareAndSet('id', 1, utf8('mine'))).rejects.toMatchObject({
        code: 'STATE_UNAVAILABLE',
        retryable: true,
      });
      while ((await store.read('id'))!.revision < 2) await systemClock.sleep(1);
      await store.compareAndSet('id', 2, utf8('other'));
      await proxy.set({ kind: 'pass' });
      await told;
      expect(fromUtf8((await store.read('id'))!.value)).toBe('other');
    } finally {
      await proxy.close();
    }
  });
});

test('a server that is killed again and again loses nothing that it has committed, and nothing is done twice', async () => {
  const { store, table } = await made();
  const others = (await made(pool(), table)).store;
  const seen = { acknowledged: 0, unknown: 0, stop: false };
  const writer = async (each: RevisionStore): Promise<void> => {
    while (!seen.stop)
      await add(each).then(
        () => seen.acknowledged++,
        (error: { code?: string }) => {
          if (error.code !== 'STATE_UNAVAILABLE') throw error;
          seen.unknown++;
        },
      );
  };
  const writers = [writer(store), writer(others)];
  for (let round = 0; round < 3; round++) {
    const before = seen.acknowledged;
    while (seen.acknowledged < before + 20) await systemClock.sleep(5);
    await server.kill();
    await server.restart();
  }
  seen.stop = true;
  await Promise.all(writers);
  const counted = Number(fromUtf8((await store.read('id'))!.value));
  expect(counted).toBeGreaterThanOrEqual(seen.acknowledged);
  expect(counted).toBeLessThanOrEqual(seen.acknowledged + seen.unknown);
}, 120_000);

describe('rights', () => {
  test('a wrong password is told as that, never as nothing stored', async () => {
    const locked = pool({ password: 'wrong' });
    const store = sqlStore({ driver: postgresDriver(locked), dialect: POSTGRES, writer: 'test', ...retry });
    await expect(store.init()).rejects.toMatchObject({ code: 'STATE_FORBIDDEN', cause: { code: '28P01' } });
    await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
  });

  test('one who may only read can use a table that others made', async () => {
    const { store, table } = await made();
    await store.compareAndSet('id', undefined, utf8('a'));
    const admin = pool();
    await admin.query(`CREATE ROLE reader LOGIN PASSWORD 'reader'`);
    await admin.query(`GRANT SELECT ON ${table} TO reader`);
    const reading = pool({ user: 'reader', password: 'reader' });
    const reader = (await made(reading, table)).store;
    expect(fromUtf8((await reader.read('id'))!.value)).toBe('a');
    await expect(reader.compareAndSet('id', 1, utf8('b'))).rejects.toMatchObject({
      code: 'STATE_FORBIDDEN',
      cause: { code: '42501' },
    });
    const nowhere = { driver: postgresDriver(reading), dialect: POSTGRES, writer: 'test', ...retry };
    await expect(sqlStore({ ...nowhere, table: 'nowhere' }).read('id')).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      cause: { code: '42P01' },
    });
  });
});

test('a row that was changed by hand is damage', async () => {
  const { store, table } = await made();
  await store.compareAndSet('id', undefined, utf8('value'));
  await pool().query(`UPDATE ${table} SET value = 'other'`);
  await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
});

test('an abort while the server holds the row ends the wait with its own reason', async () => {
  const { store, table } = await made();
  await store.compareAndSet('id', undefined, utf8('a'));
  const holder = await pool().connect();
  try {
    await holder.query('BEGIN');
    await holder.query(`SELECT 1 FROM ${table} FOR UPDATE`);
    const reason = new RangeError('enough');
    const caller = new AbortController();
    const commit = store.compareAndSet('id', 1, utf8('b'), caller.signal);
    const told = expect(commit).rejects.toBe(reason);
    await systemClock.sleep(50);
    caller.abort(reason);
    await told;
  } finally {
    await holder.query('COMMIT');
    holder.release();
  }
});
