/**
 * SQLite's WebAssembly build, loaded when the first database is opened: a process without one pays nothing. One instance serves all databases of the
 * process.
 */
import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm';

export type Sqlite = Sqlite3Static;

let loading: Promise<Sqlite> | undefined;

/** The library. A load that failed is tried again by the next caller. */
export function loadSqlite(): Promise<Sqlite> {
  loading ??= import('@sqlite.org/sqlite-wasm').then(async ({ default: init }) => {
    const sqlite = await init();
    sqlite.config.warn = () => undefined; // it prints every error that it throws; whoever called is told, and decides
    return sqlite;
  });
  loading.catch(() => (loading = undefined)); // whoever asked is told
  return loading;
}
