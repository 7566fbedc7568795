/**
 * What SQL is told of its own changes: changes(), total_changes() and last_insert_rowid(). SQLite counts them for a connection, whose past differs between
 * two replicas that hold the same; here they are of the update that asks.
 *
 * N1  What an update is told follows from what it did itself: before that there was no change, and no row.
 */
import type { Database } from '@sqlite.org/sqlite-wasm';
import type { Sqlite } from './load.ts';

export class ChangeCounts {
  readonly #capi: Sqlite['capi'];
  readonly #db: Database;
  /** Of all changes, at the beginning of the update. */
  #before = 0n;

  constructor({ capi }: Sqlite, db: Database) {
    this.#capi = capi;
    this.#db = db;
  }

  /** An update begins. */
  begin(): void {
    const db = this.#db.pointer!;
    this.#before = this.#capi.sqlite3_total_changes64(db);
    this.#capi.sqlite3_set_last_insert_rowid(db, 0n);
  }

  /** Rows that the update has changed so far. */
  get total(): bigint {
    return this.#capi.sqlite3_total_changes64(this.#db.pointer!) - this.#before;
  }

  /** Rows that its last statement changed: of those before it nothing is known when all of its own changed none. */
  get last(): bigint {
    return this.total === 0n ? 0n : this.#capi.sqlite3_changes64(this.#db.pointer!);
  }

  /** The row that it inserted last. */
  get rowid(): bigint {
    return this.#capi.sqlite3_last_insert_rowid(this.#db.pointer!);
  }

  /** Makes SQL's functions say this; last_insert_rowid() does by itself. */
  tellSql(): void {
    const define = (name: string, count: () => bigint): void =>
      void this.#db.createFunction({ name, arity: 0, xFunc: count });
    define('changes', () => this.last);
    define('total_changes', () => this.total);
  }
}
