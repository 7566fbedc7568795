/**
 * record/sqlite: SQLite databases whose every change is in the log (README.md).
 *
 * recorded-sqlite.ts is what a program uses, held.ts what a state machine uses; connection.ts is one connection; calls.ts and vfs.ts are what SQLite calls; files.ts is what becomes of it,
 * on the disk and in the ledger.ts; snapshot.ts lets the log be pruned.
 */
export type { Row, Sql, SqlParameters, SqlReader, SqlValue } from './connection.ts';
export { openSqliteCopy, type SqliteCopy, type SqliteCopyOptions } from './copy.ts';
export {
  SqliteError,
  SqliteRefusedError,
  SqliteTooLargeError,
  SqliteTransactionLostError,
} from './errors.ts';
export { HOLDERS_PREFIX } from './guard.ts';
export type { HeldSqlite } from './held.ts';
export type { PinnedFile } from './pinned-file.ts';
export { RecordedSqlite, type SqliteFootprint } from './recorded-sqlite.ts';
export type { RecordedSqliteOptions } from './settings.ts';
