/**
 * A workload of everything that makes SQLite write in its own way, on few pages with a small cache, so that pages are spilled in the middle of
 * transactions.
 */
import type { RecordedSqlite } from '../index.ts';
import { SIDE, type Step } from './recorded-story.ts';

const insert =
  (from: number, to: number, bytes: number): Step =>
  (db) =>
    db.transaction((sql) => {
      for (let id = from; id < to; id++)
        sql.run('INSERT INTO item (id, name, body) VALUES (?, ?, zeroblob(?))', [id, `item ${id}`, bytes]);
    });

const exec =
  (sql: string): Step =>
  (db) =>
    db.exec(sql);

/** A step for each statement: each is a transaction. */
const each = (sql: string): Step[] => sql.split('; ').map(exec);

async function rollBack(db: RecordedSqlite): Promise<void> {
  const changed = db.transaction((sql) => {
    sql.exec("UPDATE item SET name = 'never', body = zeroblob(900)");
    throw new Error('the caller gives up');
  });
  await changed.catch((error: unknown) => {
    if (!(error instanceof Error && error.message === 'the caller gives up')) throw error;
  });
}

const savepoints: Step = (db) =>
  db.transaction((sql) => {
    sql.exec("UPDATE item SET name = name || '!' WHERE id % 3 = 0; SAVEPOINT one");
    sql.exec('DELETE FROM item WHERE id > 10; SAVEPOINT two; UPDATE item SET body = NULL');
    sql.exec('ROLLBACK TO two; INSERT INTO item (name) VALUES (1.5); ROLLBACK TO one; RELEASE one');
    sql.exec("INSERT INTO item (name, body) VALUES ('kept', x'00ff')");
  });

const both: Step = (db) =>
  db.transaction((sql) => {
    sql.exec("INSERT INTO item (name) VALUES ('on both sides')");
    sql.exec(
      'INSERT INTO side.entry SELECT id, name, zeroblob(300) FROM item WHERE id < 12; DELETE FROM side.entry WHERE id < 3',
    );
  });

export const WORKLOAD: readonly Step[] = [
  ...each('PRAGMA cache_size = 4; CREATE TABLE item (id INTEGER PRIMARY KEY, name, body)'),
  insert(1, 40, 90),
  ...each("CREATE INDEX by_name ON item (name); UPDATE item SET name = 'changed ' || name WHERE id % 2 = 0"),
  rollBack,
  savepoints,
  insert(100, 103, 6000),
  ...each('DELETE FROM item WHERE id > 20 AND id < 101; ALTER TABLE item ADD COLUMN more DEFAULT 7'),
  exec('VACUUM'),
  (db) => db.snapshot(),
  exec(`ATTACH '${SIDE}' AS side; PRAGMA side.page_size = 1024; PRAGMA side.auto_vacuum = FULL`),
  exec('CREATE TABLE side.entry (id INTEGER PRIMARY KEY, name, body)'),
  both,
  (db) =>
    db.transaction((sql) => sql.exec('DELETE FROM side.entry WHERE id > 4; DELETE FROM item WHERE id = 2')),
  ...each('DROP INDEX by_name; CREATE TABLE last AS SELECT count(*) AS n FROM item; DROP TABLE side.entry'),
];

/** For cuts at every byte. */
export const SMALL_WORKLOAD: readonly Step[] = [
  exec('CREATE TABLE item (id INTEGER PRIMARY KEY, name)'),
  exec("INSERT INTO item (name) VALUES ('one')"),
  exec("UPDATE item SET name = 'two'"),
];
