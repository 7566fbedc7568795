/**
 * statemachine/sqlite: what an on-disk machine needs to keep its state in a recorded SQLite database (sqlite-state.ts).
 */
export { CommandTime } from './command-time.ts';
export { SchemaTooNewError, SqliteSnapshotError } from './errors.ts';
export { databaseHash } from './hash.ts';
export { SqliteState, type SqliteStateOptions } from './sqlite-state.ts';
