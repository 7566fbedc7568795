/**
 * Databases that are held: transactions that stay open over calls, statements of others beside the holder's tables, files that are pinned.
 */
import { describe, expect, test } from '@jest/globals';
import { concatBytes } from '../../../base/index.ts';
import { contentOf, cutLog, operationEnds, play, withTempDir } from '../../testing/index.ts';
import { openSqliteCopy, type HeldSqlite, type PinnedFile } from './index.ts';
import { MAIN } from './testing/recorded-story.ts';
import { Shard } from './testing/shard.ts';

async function holding(use: (held: HeldSqlite, shard: Shard, root: string) => Promise<void>): Promise<void> {
  await withTempDir(async (root) => {
    const shard = await new Shard(root, { pageBytes: 1024 }).takeOver();
    const held = shard.db.hold();
    await use(held, shard, root);
    await shard.db.close();
    await shard.primary.session.close();
  });
}

const rows = (held: HeldSqlite): unknown[] =>
  held.read((sql) => sql.all('SELECT n FROM t ORDER BY n').map(({ n }) => n));
const put = (held: HeldSqlite, n: number): void =>
  void held.update((sql) => sql.run('INSERT INTO t VALUES (?, zeroblob(500))', [n]));
/** More than one piece of a copy. */
const ROWS = 150;
const fill = (held: HeldSqlite): void =>
  held.update((sql) => {
    for (let n = 0; n < ROWS; n++) sql.run('INSERT INTO t VALUES (?, zeroblob(10000))', [n]);
  });
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing was thrown';
};

function begin(held: HeldSqlite): void {
  held.update((sql) => sql.exec('CREATE TABLE t (n INTEGER PRIMARY KEY, body)'));
  held.own((sql) => sql.exec('CREATE TABLE _holdfast_mark (n)'));
  held.commit();
}

describe('updates of a held database', () => {
  test('are seen at once; a cut of the log anywhere leaves what some commit left, with its mark', () =>
    holding(async (held, shard, root) => {
      begin(held);
      held.own((sql) => sql.run('INSERT INTO _holdfast_mark VALUES (0)'));
      held.commit();
      await shard.db.barrier();
      const start = operationEnds(await contentOf(shard.log)).length;
      for (let n = 1; n <= 15; n++) {
        put(held, n);
        expect(rows(held)).toHaveLength(n);
        if (n % 5 !== 0) continue;
        held.own((sql) => sql.run('UPDATE _holdfast_mark SET n = ?', [n]));
        held.commit();
        await held.room();
      }
      put(held, 16); // never committed
      await shard.db.barrier();
      const content = await contentOf(shard.log);
      const found = new Set<number>();
      for (const [at, cut] of operationEnds(content)
        .slice(start - 1)
        .entries()) {
        const dir = `${root}/cut-${at}`;
        await play(await cutLog(content, cut), dir);
        const copy = await openSqliteCopy(dir, MAIN);
        const [mark, count] = copy.read((sql) => [
          sql.get('SELECT n FROM _holdfast_mark')!['n'],
          sql.get('SELECT count(*) AS n FROM t')!['n'],
        ]);
        copy.close();
        expect({ cut, count }).toEqual({ cut, count: mark });
        found.add(Number(mark));
      }
      expect([...found]).toEqual([0, 5, 10, 15]);
    }));

  test('that throw are undone, and only they', () =>
    holding(async (held) => {
      begin(held);
      put(held, 1);
      expect(() =>
        held.update((sql) => {
          sql.run('INSERT INTO t VALUES (2, NULL)');
          throw new RangeError('no');
        }),
      ).toThrow(RangeError);
      expect(codeOf(() => put(held, 1))).toBe('SQLITE_CONSTRAINT_PRIMARYKEY');
      expect(codeOf(() => held.update((sql) => sql.exec('nonsense')))).toBe('SQLITE_ERROR');
      put(held, 3);
      held.commit();
      expect(rows(held)).toEqual([1, 3]);
    }));

  test('are counted before they are committed: what the commit writes is not more, nor much less', () =>
    holding(async (held, shard) => {
      begin(held);
      expect(held.pendingBytes).toBe(0);
      for (const change of ['add', 'change'] as const) {
        for (let n = 0; n < 400; n++)
          if (change === 'add') put(held, n);
          else held.update((sql) => sql.run('UPDATE t SET body = ? WHERE n = ?', [n, n]));
        const pending = held.pendingBytes;
        await shard.db.barrier();
        const before = shard.primary.recorder.end;
        held.commit();
        const wrote = shard.primary.recorder.end - before;
        expect(pending).toBeGreaterThan(0.8 * wrote);
        expect(pending).toBeLessThan(1.5 * wrote + 20_000);
        expect(held.pendingBytes).toBe(0);
      }
    }));

  test('may be given no parameters in a list, as whoever passes on a request does', () =>
    holding(async (held) => {
      begin(held);
      expect(held.update((sql) => sql.all('INSERT INTO t VALUES (5, NULL) RETURNING n', []))).toEqual([
        { n: 5 },
      ]);
      expect(codeOf(() => held.read((sql) => sql.all('SELECT 1', [1])))).toBe('SQLITE_ERROR');
    }));

  test('have their own time and randomness, whoever asks twice', () =>
    holding(async (held) => {
      let drawn = 0;
      held.useRandom({ bytes: (length) => new Uint8Array(length).fill(++drawn) });
      const draw = held.update((sql) => sql.get('SELECT random() AS a, hex(randomblob(2)) AS b'));
      expect(draw).toEqual({ a: 0x0101010101010101n, b: '0202' });
    }));

  test('are told of their own changes, not of what the connection has seen before', () =>
    holding(async (held) => {
      begin(held);
      const counts = 'SELECT changes() AS last, total_changes() AS whole, last_insert_rowid() AS rowid';
      const none = { last: 0, whole: 0, rowid: 0 };
      const told = (): unknown => held.update((sql) => sql.get(counts));
      expect(told()).toEqual(none);
      held.update((sql) => {
        expect(sql.run('INSERT INTO t VALUES (7, 1), (8, 1)')).toEqual({ changes: 2, lastInsertRowid: 8n });
        sql.run('DELETE FROM t WHERE n = 7');
        expect(sql.get(counts)).toEqual({ last: 1, whole: 3, rowid: 8 });
        expect(sql.run('DELETE FROM t WHERE n = 7').changes).toBe(0);
        expect(sql.get(counts)).toEqual({ last: 0, whole: 3, rowid: 8 });
      });
      expect(told()).toEqual(none);
      expect(held.update((sql) => sql.run('CREATE TABLE other (n)'))).toEqual({
        changes: 0,
        lastInsertRowid: 0n,
      });
      held.update((sql) => {
        sql.exec('CREATE TABLE log (n); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)');
        sql.exec('CREATE TRIGGER x AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (changes()); END');
      });
      const logged = (): unknown =>
        held.update((sql) => {
          sql.run('UPDATE t SET body = 0 WHERE n = 1');
          return sql.all('SELECT n FROM log').map(({ n }) => n);
        });
      expect(logged()).toEqual([0]);
      expect(logged()).toEqual([0, 0]);
    }));

  test('change the names and shapes of tables as they like', () =>
    holding(async (held) => {
      begin(held);
      put(held, 1);
      const steps =
        'ALTER TABLE t RENAME TO u; ALTER TABLE u ADD COLUMN more; ALTER TABLE u RENAME COLUMN n TO m';
      held.update((sql) => sql.exec(steps));
      expect(held.read((sql) => sql.all('SELECT m, more FROM u'))).toEqual([{ m: 1, more: null }]);
      held.update((sql) => sql.exec('ALTER TABLE u DROP COLUMN more; DROP TABLE u'));
      held.commit();
    }));

  test('are the holder’s alone: other changes of the database are refused', () =>
    holding(async (held, shard) => {
      begin(held);
      await expect(shard.db.run('DELETE FROM t')).rejects.toMatchObject({ code: 'SQLITE_REFUSED' });
      expect(() => shard.db.hold()).toThrow(/held/);
      expect(codeOf(() => held.update(() => Promise.resolve()))).toBe('SQLITE_REFUSED');
      expect(codeOf(() => held.read((sql) => sql.all('DELETE FROM t RETURNING n')))).toBe('SQLITE_REFUSED');
    }));

  test('fail for good once recording has', () =>
    holding(async (held, shard) => {
      begin(held);
      shard.kill();
      await shard.primary.session.ended;
      expect(
        codeOf(() => {
          for (let n = 1; n < 100; n++) put(held, n);
          held.commit();
        }),
      ).toBe('RECORDER_BROKEN');
      expect(codeOf(() => put(held, 1))).toBe('RECORDER_BROKEN');
    }));
});

test.each([
  'DROP TABLE _holdfast_mark',
  'INSERT INTO _HOLDFAST_MARK VALUES (1)',
  'ALTER TABLE _holdfast_mark RENAME TO mine',
  'CREATE TABLE _holdfast_other (n)',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM _holdfast_mark; END; INSERT INTO t VALUES (9, 9)',
  "ATTACH 'other.db' AS other",
  'PRAGMA writable_schema = 1',
  'PRAGMA foreign_keys = 1',
  'CREATE TEMP TABLE mine (n)',
  'CREATE TABLE temp.mine (n)',
  'CREATE TEMP VIEW mine AS SELECT 1',
  'CREATE TEMP TRIGGER mine AFTER INSERT ON t BEGIN SELECT 1; END',
  'CREATE VIRTUAL TABLE temp.mine USING fts5(a)',
  'RELEASE _holdfast',
  'ROLLBACK',
  'COMMIT',
  'BEGIN',
  'INSERT OR ROLLBACK INTO t VALUES (1, 1), (1, 1)',
  'insert or /* */ rollback into t values (1, 1), (1, 1)',
  'CREATE TABLE u (n INTEGER PRIMARY KEY ON CONFLICT ROLLBACK); INSERT INTO u VALUES (1), (1)',
  "CREATE TRIGGER x BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END; INSERT INTO t VALUES (9, 9)",
])('others cannot do what the holder relies on: %s', (sql) =>
  holding(async (held) => {
    begin(held);
    held.own((own) => own.run('INSERT INTO _holdfast_mark VALUES (7)'));
    for (const work of [
      (): unknown => held.update((other) => other.exec(sql)),
      (): unknown => held.update((other) => other.all(sql)),
      (): unknown => held.read((other) => other.all(sql)),
    ])
      expect(codeOf(work)).toMatch(/^SQLITE_/);
    expect(held.look((own) => own.all('SELECT n FROM _holdfast_mark'))).toEqual([{ n: 7 }]);
    held.commit();
  }),
);

test('a transaction that SQLite gives up by itself is an end of its own kind, so that nobody takes it for a refused statement', () =>
  holding(async (held) => {
    begin(held);
    put(held, 1);
    const giveUp = (): unknown =>
      held.own((sql) => sql.run('INSERT OR ROLLBACK INTO t VALUES (1, 1), (1, 1)'));
    expect(codeOf(giveUp)).toBe('SQLITE_TRANSACTION_LOST');
    expect(codeOf(() => put(held, 2))).toBe('SQLITE_TRANSACTION_LOST');
    expect(codeOf(() => rows(held))).toBe('SQLITE_TRANSACTION_LOST');
    expect(codeOf(() => held.commit())).toBe('SQLITE_TRANSACTION_LOST');
  }));

test('what a statement may do is judged by the schema that it runs under, however often it ran before', () =>
  holding(async (held) => {
    begin(held);
    const insert = 'INSERT INTO t VALUES (?, NULL)';
    const put = (n: number): unknown => held.update((sql) => sql.run(insert, [n]));
    const trigger = "CREATE TRIGGER x BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END -- the end";
    put(1);
    held.update((sql) => sql.exec(`; ${trigger}; -- there is no more`));
    expect(codeOf(() => put(2))).toBe('SQLITE_REFUSED');
    const withoutIt = (): unknown =>
      held.update((sql) => {
        sql.run('DROP TRIGGER x');
        sql.run(insert, [3]);
        throw new RangeError('no');
      });
    expect(withoutIt).toThrow(RangeError);
    expect(codeOf(() => put(4))).toBe('SQLITE_REFUSED'); // the trigger is back
    held.update((sql) => sql.run('DROP TRIGGER x'));
    put(5);
    held.update((sql) => {
      sql.run('SAVEPOINT mine');
      sql.run('SAVEPOINT other');
      sql.run(trigger);
      sql.run('ROLLBACK TO other');
      sql.run(insert, [6]);
      sql.run(trigger);
      expect(codeOf(() => sql.run(insert, [7]))).toBe('SQLITE_REFUSED');
      sql.run('ROLLBACK TO mine');
      sql.run(insert, [8]);
    });
    held.commit();
    expect(rows(held)).toEqual([1, 5, 8]);
  }));

test('looking marks no place to go back to, and does not go back to one', () =>
  holding(async (held) => {
    begin(held);
    held.update((sql) => sql.exec('SAVEPOINT mine; RELEASE mine'));
    const look = (text: string): string => codeOf(() => held.read((sql) => sql.all(text)));
    expect(look('SAVEPOINT mine')).toBe('SQLITE_REFUSED');
    put(held, 1);
    expect(look('ROLLBACK TO mine')).toBe('SQLITE_REFUSED');
    expect(look('RELEASE mine')).toBe('SQLITE_REFUSED');
    expect(rows(held)).toEqual([1]);
    held.commit();
  }));

test('the word ROLLBACK in texts, names and comments is nothing to refuse', () =>
  holding(async (held) => {
    begin(held);
    const text = `SELECT 'OR ROLLBACK' AS "a or rollback", '''' AS [or rollback] -- or rollback\n /* or rollback */`;
    const row = { 'a or rollback': 'OR ROLLBACK', 'or rollback': "'" };
    expect(held.update((sql) => sql.all(text))).toEqual([row]);
  }));

test('a statement that the holder has used is no way in for others, but looking is free', () =>
  holding(async (held) => {
    begin(held);
    const text = 'INSERT INTO _holdfast_mark VALUES (1)';
    held.own((sql) => sql.run(text));
    expect(codeOf(() => held.update((sql) => sql.run(text)))).toBe('SQLITE_REFUSED');
    expect(held.read((sql) => sql.all('SELECT n FROM _holdfast_mark'))).toEqual([{ n: 1 }]);
    expect(held.read((sql) => sql.all('PRAGMA table_info(t)'))).toHaveLength(2);
    held.update((sql) =>
      sql.exec('SAVEPOINT mine; INSERT INTO t VALUES (1, 1); ROLLBACK TO mine; RELEASE mine'),
    );
    expect(rows(held)).toEqual([]);
  }));

describe('a pinned file', () => {
  const read = (pinned: PinnedFile): Uint8Array => {
    const pieces: Uint8Array[] = [];
    for (let piece = pinned.next(); piece; piece = pinned.next()) pieces.push(piece);
    return concatBytes(pieces);
  };

  test('shows the last commit, whatever is committed before and while it is read', () =>
    holding(async (held, _shard, root) => {
      begin(held);
      fill(held);
      held.commit();
      const [early, late, at] = [held.pin(), held.pin(), held.pin()];
      const whole = read(at);
      const first = late.next()!;
      held.update((sql) => sql.run("UPDATE t SET body = 'other'"));
      held.commit();
      held.update((sql) => sql.run('DELETE FROM t'));
      held.commit();
      expect(whole.length).toBeGreaterThan(1_250_000);
      expect(Buffer.compare(read(early), whole)).toBe(0);
      expect(Buffer.compare(concatBytes([first, read(late)]), whole)).toBe(0);
      for (const pinned of [early, late, at]) pinned.release();
      const { writeFile, mkdir } = await import('node:fs/promises');
      await mkdir(`${root}/copy`);
      await writeFile(`${root}/copy/db`, whole);
      const copy = await openSqliteCopy(`${root}/copy`, 'db');
      expect(copy.read((sql) => sql.get('SELECT count(*) AS n, max(typeof(body)) AS kind FROM t'))).toEqual({
        n: ROWS,
        kind: 'blob',
      });
      copy.close();
    }));

  test('is not disturbed when the database’s file is written anew, and updates are not either', () =>
    holding(async (held, shard) => {
      begin(held);
      fill(held);
      held.commit();
      const pinned = held.pin();
      const first = pinned.next()!;
      const rewriting = shard.db.snapshot();
      put(held, 10_000);
      await rewriting;
      put(held, 10_001);
      held.commit();
      const whole = concatBytes([first, read(pinned)]);
      expect(whole.length).toBe(pinned.length);
      pinned.release();
      await shard.db.barrier();
      await shard.takeOver();
      const [row] = await shard.db.query('SELECT count(*) AS n FROM t');
      expect(row).toEqual({ n: ROWS + 2 });
    }));
});
