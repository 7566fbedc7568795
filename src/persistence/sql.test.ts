/**
 * The SQL backend on SQLite: the conformance suite in memory and on a file that several connections share, and the bad days of a database.
 * The same on PostgreSQL: postgres.full.test.ts.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fromUtf8, systemClock, systemRandom, utf8 } from '../base/index.ts';
import {
  MAX_SQL_VALUE_BYTES,
  MYSQL,
  openSqlite,
  POSTGRES,
  SQLITE,
  sqliteDriver,
  sqlStore,
  updateState,
  type RevisionStore,
  type SqlDriver,
  type SqlFault,
  type SqliteFile,
} from './index.ts';
import { sqlStatements } from './sql-statements.ts';
import { CONFORMANCE, faultyDriver, type DriverFault } from './testing/index.ts';

const retry = { clock: systemClock, random: systemRandom };
const ported = { dialect: SQLITE, writer: 'test', ...retry };

let database: DatabaseSync;
let directory: string;
let files: SqliteFile[];

beforeEach(async () => {
  database = new DatabaseSync(':memory:');
  directory = await mkdtemp(join(tmpdir(), 'holdfast-sql-'));
  files = [];
});
afterEach(async () => {
  database.close();
  for (const file of files) file.close();
  await rm(directory, { recursive: true });
});

async function openFile(): Promise<SqliteFile> {
  const file = await openSqlite(join(directory, 'state.db'));
  files.push(file);
  return file;
}

async function store(driver: SqlDriver = sqliteDriver(database)): Promise<RevisionStore> {
  const made = sqlStore({ ...ported, driver });
  await made.init();
  return made;
}

test.each(CONFORMANCE.map((each) => [each.name, each] as const))('in memory: %s', async (_, each) => {
  await each.run(await store());
});

describe('a file', () => {
  test('that two connections write at once loses no change, and holds it when it is opened again', async () => {
    const stores = [await store(await openFile()), await store(await openFile())];
    const add = (each: RevisionStore): Promise<unknown> =>
      updateState(each, 'id', (now) => utf8(String(Number(now ? fromUtf8(now) : '0') + 1)), retry);
    await Promise.all(Array.from({ length: 20 }, (_, n) => add(stores[n % 2]!)));
    for (const file of files) file.close();
    expect(fromUtf8((await (await store(await openFile())).read('id'))!.value)).toBe('20');
  });

  test('that another connection holds is waited for', async () => {
    const mine = await store(await openFile());
    const holder = new DatabaseSync(join(directory, 'state.db'));
    try {
      holder.exec('BEGIN IMMEDIATE');
      const commit = mine.compareAndSet('id', undefined, utf8('a'));
      await systemClock.sleep(30);
      holder.exec('COMMIT');
      expect(await commit).toBe(1);
    } finally {
      holder.close();
    }
  });

  test('that is held for good is told as away, and nothing was written', async () => {
    const impatient = { ...systemClock, sleep: () => Promise.resolve() };
    const mine = sqlStore({ ...ported, driver: await openFile(), clock: impatient });
    await mine.init();
    const holder = new DatabaseSync(join(directory, 'state.db'));
    try {
      holder.exec('BEGIN IMMEDIATE');
      await expect(mine.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
        code: 'STATE_UNAVAILABLE',
        retryable: true,
      });
    } finally {
      holder.close();
    }
    expect(await mine.list()).toEqual([]);
  });

  test('that is no database is damage, never nothing', async () => {
    const file = await openFile();
    file.close();
    for (const part of ['state.db-wal', 'state.db-shm']) await rm(join(directory, part), { force: true });
    await writeFile(join(directory, 'state.db'), 'x'.repeat(8192));
    const opened = new DatabaseSync(join(directory, 'state.db'));
    try {
      await expect(sqlStore({ ...ported, driver: sqliteDriver(opened) }).list()).rejects.toMatchObject({
        code: 'STATE_CORRUPT',
      });
    } finally {
      opened.close();
    }
  });
});

describe('a statement whose outcome nobody told', () => {
  const commit = async (
    ...faults: DriverFault[]
  ): Promise<{ stored: RevisionStore; made: Promise<number> }> => {
    const { driver, next } = faultyDriver(sqliteDriver(database));
    const stored = await store(driver);
    next.push(...faults);
    return { stored, made: stored.compareAndSet('id', undefined, utf8('a')) };
  };

  test.each<[string, DriverFault[]]>([
    ['that was done', ['lose-answer']],
    ['that was not done', ['lose-statement', 'lose-statement']],
    ['that was done at the second try', ['lose-statement', 'lose-answer']],
  ])('%s is done once', async (_, faults) => {
    const { stored, made } = await commit(...faults);
    expect(await made).toBe(1);
    expect(await stored.read('id')).toEqual({ value: utf8('a'), revision: 1 });
  });

  test('and that somebody was faster than is a conflict for certain', async () => {
    const other = await store();
    const { made } = await commit({
      kind: 'lose-statement',
      after: () => other.compareAndSet('id', undefined, utf8('other')),
    });
    await expect(made).rejects.toMatchObject({ code: 'STATE_CONFLICT', current: { revision: 1 } });
  });

  test('and that was overtaken since is told as unknown', async () => {
    const other = await store();
    const { stored, made } = await commit({
      kind: 'lose-answer',
      after: () => other.compareAndSet('id', 1, utf8('other')),
    });
    await expect(made).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
    expect(await stored.read('id')).toEqual({ value: utf8('other'), revision: 2 });
  });

  test('and after which the table can no longer be read is told as unknown', async () => {
    const { made } = await commit({
      kind: 'lose-answer',
      after: () => Promise.resolve(database.exec('DROP TABLE holdfast_state')),
    });
    await expect(made).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', cause: { code: 'ECONNRESET' } });
  });
});

describe('a row', () => {
  test.each([
    ['was cut', 'UPDATE holdfast_state SET value = substr(value, 1, 2)'],
    ['was changed by hand', `UPDATE holdfast_state SET value = x'616263'`],
    ['has another revision', 'UPDATE holdfast_state SET revision = 7'],
    ['has a revision that no number can hold', 'UPDATE holdfast_state SET revision = 9007199254740993'],
    ['has another type', `UPDATE holdfast_state SET value = 'text'`],
    ['was put under another id', `UPDATE holdfast_state SET id = x'6964'`],
  ])('that %s is damage for reading and writing, never nothing', async (_, sql) => {
    const stored = await store();
    await stored.compareAndSet(sql.includes('6964') ? 'moved' : 'id', undefined, utf8('value'));
    database.exec(sql);
    await expect(stored.read('id')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    await expect(stored.compareAndSet('id', undefined, utf8('x'))).rejects.toMatchObject({
      code: 'STATE_CORRUPT',
    });
  });

  test('whose id is no text of ours is damage', async () => {
    const stored = await store();
    database.exec(`INSERT INTO holdfast_state VALUES (x'ff', 1, 'w', '0', x'')`);
    await expect(stored.list()).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  });
});

describe('limits and names', () => {
  test('a value of the largest size comes back, a larger one is refused before anything is sent', async () => {
    const stored = await store();
    const largest = new Uint8Array(MAX_SQL_VALUE_BYTES).fill(7);
    await stored.compareAndSet('id', undefined, largest);
    expect((await stored.read('id'))!.value.length).toBe(MAX_SQL_VALUE_BYTES);
    await expect(
      stored.compareAndSet('id', 1, new Uint8Array(MAX_SQL_VALUE_BYTES + 1)),
    ).rejects.toMatchObject({ code: 'STATE_TOO_LARGE', fields: { limit: MAX_SQL_VALUE_BYTES } });
    expect((await stored.read('id'))!.revision).toBe(1);
  });

  test('ids that a text type would take for one are two', async () => {
    const stored = await store();
    for (const id of ['a', 'A', 'a ', 'á', '']) await stored.compareAndSet(id, undefined, utf8(id));
    expect(await stored.list()).toEqual(['', 'A', 'a', 'a ', 'á']);
    await expect(stored.read('x'.repeat(256))).rejects.toMatchObject({ code: 'STATE_ID_INVALID' });
  });

  test('a table’s name is no way to smuggle a statement in', () => {
    for (const table of ['a; DROP TABLE b', 'A', '', '1a', 'x'.repeat(64)])
      expect(() => sqlStore({ ...ported, driver: sqliteDriver(database), table })).toThrow(
        'no name for a table',
      );
  });

  test('a table that was never made is told as away, and at once', async () => {
    const unready = sqlStore({ ...ported, driver: sqliteDriver(database) });
    await expect(unready.read('id')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    await expect(unready.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
    });
  });

  test('a table that others have made is enough for one who may not make it', async () => {
    await (await store()).compareAndSet('id', undefined, utf8('a'));
    database.exec('PRAGMA query_only = 1');
    const reader = await store();
    expect(fromUtf8((await reader.read('id'))!.value)).toBe('a');
    await expect(reader.compareAndSet('id', 1, utf8('b'))).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
    await expect(
      sqlStore({ ...ported, driver: sqliteDriver(database), table: 'nowhere' }).init(),
    ).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
  });
});

describe('dialects', () => {
  test('differ in types and placeholders alone', () => {
    const shape = (sql: string): string =>
      sql.replaceAll(/\$\d|\?/g, '•').replaceAll(/VARBINARY\(255\)|LONGBLOB|BYTEA|BLOB/g, 'bytes');
    const [sqlite, postgres, mysql] = [SQLITE, POSTGRES, MYSQL].map((dialect) =>
      Object.values(sqlStatements(dialect, 't')).map((sql: string) => shape(sql)),
    );
    expect(postgres).toEqual(sqlite);
    expect(mysql).toEqual(sqlite);
  });

  test.each<[object, typeof SQLITE, SqlFault]>([
    [{ code: '23505' }, POSTGRES, 'duplicate'],
    [{ code: '40001' }, POSTGRES, 'busy'],
    [{ code: '40003' }, POSTGRES, 'away'],
    [{ code: '53300' }, POSTGRES, 'busy'],
    [{ code: '25006' }, POSTGRES, 'away'], // read only: a primary that has become a standby
    [{ code: '57P01' }, POSTGRES, 'away'], // shut down while it was under way
    [{ code: '28P01' }, POSTGRES, 'forbidden'],
    [{ code: '42P01' }, POSTGRES, 'missing'],
    [{ code: 'XX001' }, POSTGRES, 'damaged'],
    [{ code: 'ECONNREFUSED' }, POSTGRES, 'away'],
    [{ code: 'ER_DUP_ENTRY', errno: 1062 }, MYSQL, 'duplicate'],
    [{ code: 'ER_LOCK_DEADLOCK', errno: 1213 }, MYSQL, 'busy'],
    [{ code: 'ER_OPTION_PREVENTS_STATEMENT', errno: 1290 }, MYSQL, 'away'],
    [{ code: 'ECONNRESET', errno: -104 }, MYSQL, 'away'],
    [{ errcode: 1555 }, SQLITE, 'duplicate'],
    [{ errcode: 517 }, SQLITE, 'busy'], // BUSY_SNAPSHOT
    [{ errcode: 10 }, SQLITE, 'away'], // IOERR
    [new Error('anything'), SQLITE, 'away'],
  ])('%j of one is told apart', (error, dialect, fault) => {
    expect(dialect.faultOf(error)).toBe(fault);
  });
});
