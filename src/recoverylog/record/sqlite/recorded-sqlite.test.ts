import { existsSync, readdirSync } from 'node:fs';
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from '@jest/globals';
import { takeOver, treeOf, withTempDir } from '../../testing/index.ts';
import { openSqliteCopy, RecordedSqlite } from './index.ts';
import { Shard } from './testing/shard.ts';

const TABLE = 'CREATE TABLE t (id INTEGER PRIMARY KEY, text)';

/** A shard whose database has a table. */
async function withTable(use: (shard: Shard) => Promise<void>, options = {}): Promise<void> {
  await withTempDir(async (root) => {
    const shard = await new Shard(root, options).takeOver();
    await shard.db.exec(TABLE);
    await use(shard);
    await shard.db.close();
    await shard.primary.session.close();
  });
}

const scratch = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-scratch-'));

describe('a recorded database', () => {
  test('is where the log is played, and a call is durable when it resolves', () =>
    withTable(async (shard) => {
      const { db, primary } = shard;
      const done = await db.run('INSERT INTO t (text) VALUES (?), (?)', ['one', 'two']);
      expect(done).toEqual({ changes: 2, lastInsertRowid: 2n });
      expect(primary.session.head).toBe(primary.session.appendedHead);
      expect(await db.query('SELECT * FROM t WHERE text > :least', { ':least': 'p' })).toEqual([
        { id: 2, text: 'two' },
      ]);
      expect(await shard.restored()).toEqual(await treeOf(shard.dir));
    }));

  test('has the same bytes wherever it is restored, whatever SQLite did: spills, truncations, VACUUM', () =>
    withTable(async (shard) => {
      const { db } = shard;
      await db.exec(`PRAGMA cache_size = 5; ATTACH 'side.db' AS side; PRAGMA side.auto_vacuum = FULL;
        CREATE TABLE side.u (x)`);
      for (const sql of [
        'INSERT INTO t (text) SELECT hex(zeroblob(500)) FROM generate',
        'INSERT INTO side.u SELECT text FROM t',
        "UPDATE t SET text = text || 'more'",
        'DELETE FROM t WHERE id % 4 <> 0',
        'DELETE FROM side.u WHERE rowid > 7',
      ]) {
        const numbers =
          'WITH RECURSIVE generate (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM generate LIMIT 60)';
        await db.run(sql.includes('generate') ? `${numbers} ${sql}` : sql);
        expect(await shard.restored()).toEqual(await treeOf(shard.dir));
      }
      await db.exec('VACUUM');
      expect(await shard.restored()).toEqual(await treeOf(shard.dir));
    }));

  test('leaves a second name of a journal what was in it, on the disk as in the log', () =>
    withTable(async (shard) => {
      const { db, primary } = shard;
      await primary.fs.link('/main.db-journal', '/kept');
      await db.run("INSERT INTO t (text) VALUES ('x')");
      await db.run("INSERT INTO t (text) VALUES ('y')");
      const tree = await treeOf(shard.dir);
      expect(await shard.restored()).toEqual(tree);
      expect(tree['/kept']!.length).toBeGreaterThan(4096);
    }));

  test('keeps what SQLite needs only for itself out of the directory and the log', () =>
    withTable(async ({ db, dir, primary }) => {
      const before = scratch();
      await db.exec('PRAGMA temp_store = FILE; CREATE TEMP TABLE big (x)');
      await db.transaction((sql) => {
        for (let i = 0; i < 300; i++) sql.run('INSERT INTO big VALUES (zeroblob(20000))');
        sql.run('INSERT INTO t (text) SELECT hex(zeroblob(400)) FROM big ORDER BY random()');
        sql.run('UPDATE t SET text = text || id'); // its own journal, should it fail half-way
      });
      await db.exec('VACUUM');
      expect(Object.keys(await treeOf(dir))).toEqual(['/main.db', '/main.db-journal']);
      expect([...primary.recorder.links.keys()].sort()).toEqual(['/main.db', '/main.db-journal']);
      expect(scratch()).toEqual(before);
    }));

  test('has one connection at a time', () =>
    withTable(async ({ db, primary }) => {
      for (const path of ['main.db', '/./main.db'])
        await expect(RecordedSqlite.open(primary.fs, path)).rejects.toMatchObject({ code: 'SQLITE_REFUSED' });
      await expect(db.exec("ATTACH 'main.db' AS again")).rejects.toThrow(/open already/);
      const other = await RecordedSqlite.open(primary.fs, 'other.db');
      await expect(db.exec("ATTACH 'other.db' AS other")).rejects.toThrow(/open already/);
      await other.close();
      await db.exec("ATTACH 'other.db' AS other; DETACH other");
      await (await RecordedSqlite.open(primary.fs, 'other.db')).close();
    }));

  test('takes no setting that would break its promise, nor a path outside', () =>
    withTable(async ({ db, primary }) => {
      for (const sql of [
        'PRAGMA journal_mode = WAL',
        'PRAGMA journal_mode = off',
        'PRAGMA main.journal_mode = persist',
        'PRAGMA locking_mode = EXCLUSIVE',
        'PRAGMA synchronous = 0',
        'PRAGMA synchronous = normal',
      ])
        await expect(db.exec(sql)).rejects.toMatchObject({ code: 'SQLITE_REFUSED' });
      await db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA locking_mode = NORMAL');
      await expect(RecordedSqlite.open(primary.fs, '../x.db')).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(db.exec("ATTACH '../x.db' AS x")).rejects.toMatchObject({
        code: 'SQLITE_CANTOPEN_FULLPATH',
      });
    }));

  test('is not opened when it was made for a write-ahead log, or is none', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { fs } = shard.primary;
      const made = new DatabaseSync(`${root}/wal.db`);
      made.exec(`PRAGMA journal_mode = WAL; ${TABLE}`);
      made.close();
      for (const [name, content] of [
        ['wal.db', await readFile(`${root}/wal.db`)],
        ['none.db', new TextEncoder().encode('no database, however long this text may become: '.repeat(30))],
      ] as const) {
        const file = await fs.open(name, { create: true });
        await file.write(content, 0);
        await file.close();
      }
      await expect(RecordedSqlite.open(fs, 'wal.db')).rejects.toThrow(/write-ahead log/);
      await expect(RecordedSqlite.open(fs, 'none.db')).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
      await shard.db.close();
    }));
});

describe('a transaction', () => {
  test('that throws, that was ended inside, or that wants to wait, has changed nothing', () =>
    withTable(async ({ db }) => {
      const insert = "INSERT INTO t (id, text) VALUES (1, 'x')";
      const own = new Error('of the caller');
      await expect(db.transaction((sql) => (sql.run(insert), raise(own)))).rejects.toBe(own);
      for (const sql of ['COMMIT', 'END', 'ROLLBACK', 'BEGIN'])
        await expect(db.transaction((tx) => (tx.run(insert), tx.exec(sql)))).rejects.toMatchObject({
          code: sql === 'BEGIN' ? 'SQLITE_ERROR' : 'SQLITE_REFUSED',
        });
      await expect(
        db.transaction(async (sql) => {
          sql.run(insert);
          await Promise.resolve();
        }),
      ).rejects.toThrow(/cannot wait/);
      await expect(
        db.transaction((sql) => {
          sql.run(insert);
          expect(() => sql.run('INSERT OR ROLLBACK INTO t (id) VALUES (1)')).toThrow(/UNIQUE/);
          sql.run(insert); // would be a transaction of its own
        }),
      ).rejects.toThrow(/is over/);
      expect(await db.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 0 }]);
    }));

  test('takes what SQLite refuses as an error with its code, and goes on', () =>
    withTable(async ({ db }) => {
      await db.transaction((sql) => {
        sql.run("INSERT INTO t (id, text) VALUES (1, 'x')");
        expect(() => sql.run('INSERT INTO t (id) VALUES (1)')).toThrow(
          expect.objectContaining({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }),
        );
        expect(() => sql.all('SELEC')).toThrow(expect.objectContaining({ code: 'SQLITE_ERROR' }));
        expect(() => sql.run('DELETE FROM t; DELETE FROM t')).toThrow(/more than one statement/);
        expect(sql.get('SELECT count(*) AS n FROM t;')).toEqual({ n: 1 });
        const two = "INSERT INTO t VALUES (2, 'y'), (3, 'z') RETURNING id";
        expect(sql.get(two)).toEqual({ id: 2 });
        expect(sql.run('DELETE FROM t WHERE id > 1 RETURNING id').changes).toBe(2);
      });
      expect(await db.query('SELECT * FROM t')).toEqual([{ id: 1, text: 'x' }]);
    }));

  test('cannot be used when it is over, and reading changes nothing', () =>
    withTable(async ({ db }) => {
      const kept = await db.transaction((sql) => sql);
      expect(() => kept.run('DELETE FROM t')).toThrow(/is over/);
      for (const sql of ['DELETE FROM t', 'BEGIN', 'SAVEPOINT a', "ATTACH 'other.db' AS other"])
        await expect(db.query(sql)).rejects.toMatchObject({ code: 'SQLITE_REFUSED' });
      for (const sql of ['BEGIN', 'BEGIN; DELETE FROM t', 'SAVEPOINT a', 'COMMIT'])
        await expect(db.exec(sql)).rejects.toMatchObject({ code: 'SQLITE_REFUSED' });
      await db.run("INSERT INTO t (text) VALUES ('free again')");
    }));

  test('of more than the limit is undone, spilled pages included, and the next one works', () =>
    withTable(
      async (shard) => {
        const { db } = shard;
        await db.exec('PRAGMA cache_size = 5');
        await db.run("INSERT INTO t (text) VALUES ('stays')");
        for (let round = 0; round < 2; round++) {
          await expect(
            db.transaction((sql) => {
              for (let i = 0; i < 1000; i++) sql.run('INSERT INTO t (text) VALUES (hex(zeroblob(1000)))');
            }),
          ).rejects.toMatchObject({ code: 'SQLITE_TRANSACTION_TOO_LARGE' });
          expect(await db.query('SELECT * FROM t')).toEqual([{ id: 1, text: 'stays' }]);
          await db.run('UPDATE t SET text = text');
        }
        expect(await db.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
        expect(await shard.restored()).toEqual(await treeOf(shard.dir));
      },
      { maxTransactionBytes: 300_000 },
    ));

  test('of values of every kind gives them back', () =>
    withTable(async ({ db }) => {
      const values = [
        null,
        1.5,
        -7,
        2n ** 62n,
        '',
        'ü\u{1F600}\0x',
        new Uint8Array([0, 255]),
        new Uint8Array(0),
      ];
      await db.transaction((sql) => {
        for (const value of values) sql.run('INSERT INTO t (text) VALUES (?)', [value]);
      });
      const rows = await db.query('SELECT text FROM t ORDER BY id');
      expect(rows.map(({ text }) => text)).toEqual(values);
    }));
});

describe('when the recorder or the disk fails', () => {
  const calls: Record<string, (db: RecordedSqlite) => Promise<unknown>> = {
    transaction: (db) => db.transaction(() => undefined),
    run: (db) => db.run('INSERT INTO t (text) VALUES (1)'),
    query: (db) => db.query('SELECT * FROM t'),
    exec: (db) => db.exec('VACUUM'),
    barrier: (db) => db.barrier(),
    snapshot: (db) => db.snapshot(),
  };
  const allBroken = async (db: RecordedSqlite): Promise<void> => {
    for (const call of Object.values(calls))
      await expect(call(db)).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
  };

  test('a primary that was fenced answers nothing from then on, and its last transaction is in no restore', () =>
    withTempDir(async (root) => {
      const old = await new Shard(`${root}/old`).takeOver();
      await old.db.exec(TABLE);
      const { fs } = await takeOver(old.log, `${root}/new`, 2);
      await expect(old.db.run("INSERT INTO t (text) VALUES ('too late')")).rejects.toMatchObject({
        code: 'RECORDER_BROKEN',
      });
      await allBroken(old.db);
      await old.db.close();
      const db = await RecordedSqlite.open(fs, 'main.db');
      expect(await db.query('SELECT * FROM t')).toEqual([]);
      await db.close();
    }));

  test('a database that is removed under its connection ends it for good, rather than write what nobody records', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      await shard.db.exec(TABLE);
      await shard.primary.fs.unlink('/main.db');
      await expect(shard.db.run("INSERT INTO t (text) VALUES ('x')")).rejects.toMatchObject({
        code: 'RECORDER_BROKEN',
      });
      await allBroken(shard.db);
      await shard.db.close();
    }));

  test('a disk that fails under a write ends it for good', () =>
    withTempDir(async (root) => {
      const { fs, session } = await takeOver(new Shard(root).log, `${root}/p`, 1);
      const db = await RecordedSqlite.open(fs, 'sub/app.db', { journalMode: 'delete' });
      await db.exec(TABLE);
      await rename(`${root}/p/sub`, `${root}/p/away`);
      await writeFile(`${root}/p/sub`, 'not a directory');
      await expect(db.run("INSERT INTO t (text) VALUES ('x')")).rejects.toMatchObject({
        code: 'RECORDER_BROKEN',
        cause: { code: 'ENOTDIR' },
      });
      await allBroken(db);
      await db.close();
      await session.close();
    }));
});

test('a copy of a database can be looked at and changed without a recorder', () =>
  withTable(async ({ db, dir }) => {
    await db.run("INSERT INTO t (text) VALUES ('one')");
    await copyFile(`${dir}/main.db`, `${dir}/copy.db`);
    const copy = await openSqliteCopy(dir, 'copy.db');
    copy.transaction((sql) => sql.run("INSERT INTO t (text) VALUES ('two')"));
    expect(copy.read((sql) => sql.all('SELECT text FROM t'))).toEqual([{ text: 'one' }, { text: 'two' }]);
    copy.close();
    expect(existsSync(`${dir}/copy.db-journal`)).toBe(false);
    expect(await db.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
  }));

function raise(error: Error): never {
  throw error;
}
