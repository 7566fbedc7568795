/**
 * A database of a directory that nobody records: a restored copy, to look at or to check.
 *
 * It has to be opened in this way if a crash may have cut a transaction over several databases: their journals name each other by their paths in the
 * recorded directory (calls.ts V2), which another program would look for at the machine's root.
 */
import { systemClock, systemRandom, type Clock, type Random } from '../../../base/index.ts';
import { Connection, type Sql, type SqlReader } from './connection.ts';
import { DatabaseFiles } from './files.ts';
import { SilentLedger } from './ledger.ts';
import { loadSqlite } from './load.ts';
import { databasePath } from './settings.ts';
import { settle } from './snapshot.ts';

export interface SqliteCopy {
  /** Any number of statements outside a transaction. @throws SqliteError */
  exec(sql: string): void;
  /** @throws SqliteError, what `work` throws */
  read<T>(work: (sql: SqlReader) => T): T;
  /** @throws SqliteError, what `work` throws */
  transaction<T>(work: (sql: Sql) => T): T;
  close(): void;
}

export interface SqliteCopyOptions {
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Opens the database `path` of `dir`, made when there is none. A transaction that was cut is undone. @throws SqliteError, RecordedFsError EINVAL */
export async function openSqliteCopy(
  dir: string,
  path: string,
  { clock = systemClock, random = systemRandom }: SqliteCopyOptions = {},
): Promise<SqliteCopy> {
  const clean = databasePath(path);
  const sqlite = await loadSqlite();
  const files = new DatabaseFiles(dir, new SilentLedger(dir), new Set());
  settle(files, clean);
  return new Connection(sqlite, files, clean, { clock, random });
}
