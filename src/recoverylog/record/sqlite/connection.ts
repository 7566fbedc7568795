/**
 * One connection to a database, synchronous: statements, transactions, and SQLite's errors as ours.
 *
 * Q1  Transactions begin and end here, never in a statement: what was said to be one is one.
 * Q2  A call that fails leaves no transaction open.
 * Q3  A text is one statement where rows or parameters are concerned; a second one is refused, not passed over.
 * Q4  Statements are kept prepared (statements.ts).
 * Q5  Statements of others (`guarded`) reach neither tables of the holder nor settings of the connection (guard.ts), however they were prepared.
 * Q6  Statements of others do not end the transaction of the holder, whatever they meet: one whose program could (program.ts) is refused.
 * Q7  A transaction of the holder that SQLite has given up by itself is an end of its own kind: nothing goes on as if it were there.
 */
import type { Database, PreparedStatement } from '@sqlite.org/sqlite-wasm';
import { ensureError, type Clock, type Random } from '../../../base/index.ts';
import { ChangeCounts } from './counts.ts';
import {
  SqliteError,
  SqliteRefusedError,
  SqliteTooLargeError,
  SqliteTransactionLostError,
} from './errors.ts';
import type { DatabaseFiles } from './files.ts';
import { HOLDERS_PREFIX, isAllowed } from './guard.ts';
import type { Sqlite } from './load.ts';
import { Statements } from './statements.ts';
import { addVfs, type Vfs } from './vfs.ts';

/** What the library puts before SQLite's own words. */
const LIBRARY_PREFIX = /^SQLITE_\w+: sqlite3 result code \d+: /;

export type SqlValue = string | number | bigint | boolean | null | Uint8Array;
export type Row = Readonly<Record<string, Exclude<SqlValue, boolean>>>;
/** By position, or by name as the statement spells it: `{ ':id': 1 }`. */
export type SqlParameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

/** For looking. */
export interface SqlReader {
  /** All rows of one statement. Whole numbers beyond 2^53 come as bigint. @throws SqliteError */
  all(sql: string, parameters?: SqlParameters): Row[];
  /** The first row. @throws SqliteError */
  get(sql: string, parameters?: SqlParameters): Row | undefined;
}

/** For changing. */
export interface Sql extends SqlReader {
  /** One statement without rows; how many rows it changed. @throws SqliteError */
  run(
    sql: string,
    parameters?: SqlParameters,
  ): { readonly changes: number; readonly lastInsertRowid: bigint };
  /** Any number of statements. @throws SqliteError */
  exec(sql: string): void;
}

export class Connection {
  readonly #sqlite: Sqlite;
  readonly #files: DatabaseFiles;
  readonly #vfs: Vfs;
  readonly #db: Database;
  readonly #statements: Statements;
  readonly #counts: ChangeCounts;
  /** Whether this class itself begins or ends a transaction right now (Q1). */
  #deciding = false;
  /** Whether statements are those of others right now (Q5). */
  #guarding = false;

  /** @throws SqliteError, SqliteRefusedError */
  constructor(
    sqlite: Sqlite,
    files: DatabaseFiles,
    path: string,
    ports: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#sqlite = sqlite;
    this.#files = files;
    this.#vfs = addVfs(sqlite, files, ports);
    try {
      this.#db = this.#telling(`open ${path}`, () => new sqlite.oo1.DB(path, 'c', this.#vfs.name));
    } catch (error) {
      this.#vfs.remove();
      throw error;
    }
    this.#statements = new Statements(sqlite, this.#db, (sql, call) => this.#telling(sql, call));
    this.#counts = new ChangeCounts(sqlite, this.#db);
    const { capi } = sqlite;
    // VACUUM begins one of its own; a BEGIN of the caller is found when it is left open.
    const allows = (
      _: number,
      action: number,
      what: string | 0,
      other: string | 0,
      database: string | 0,
    ): number => {
      const ends = action === capi.SQLITE_TRANSACTION && what !== 'BEGIN';
      if (ends && !this.#deciding) return capi.SQLITE_DENY; // Q1
      return this.#guarding &&
        !isAllowed(capi, action, { first: what || '', second: other || '', database: database || '' }) // Q5
        ? capi.SQLITE_DENY
        : capi.SQLITE_OK;
    };
    capi.sqlite3_set_authorizer(this.#db.pointer!, allows, 0);
  }

  /** Statements outside a transaction of the caller: each one is its own. @throws SqliteError, SqliteRefusedError */
  exec(sql: string): void {
    try {
      this.#exec(sql);
      if (this.#inTransaction())
        throw new SqliteRefusedError('the statements leave a transaction open', 'use transaction()');
    } catch (error) {
      this.#rollBack(error);
      throw error;
    } finally {
      this.#flush();
    }
  }

  /** Runs `work` in one transaction; all of it is in the database then, or nothing. @throws what `work` throws, SqliteError, SqliteRefusedError */
  transaction<T>(work: (sql: Sql) => T): T {
    this.#decide('BEGIN');
    let open = true;
    const inside = <R>(call: () => R): R => {
      if (!open || !this.#inTransaction())
        throw new SqliteRefusedError(
          'the transaction is over',
          'use what transaction() gives only inside it',
        );
      return call();
    };
    try {
      const result = work(this.#sql(inside));
      if (result instanceof Promise)
        throw new SqliteRefusedError('a transaction cannot wait', 'do what waits before or after it');
      inside(() => this.#decide('COMMIT'));
      return result;
    } catch (error) {
      this.#rollBack(error);
      throw error;
    } finally {
      open = false;
      this.#flush();
    }
  }

  /** Runs `work`, which only looks. @throws what `work` throws, SqliteError, SqliteRefusedError */
  read<T>(work: (sql: SqlReader) => T, guarded = false): T {
    const { capi } = this.#sqlite;
    const looking = (sql: string): string => {
      const statement = this.#statements.one(sql, guarded);
      // SQLite counts those that begin, mark or end something among those that only read: they give no rows.
      if (capi.sqlite3_stmt_readonly(statement) && capi.sqlite3_column_count(statement) > 0) return sql;
      throw new SqliteRefusedError('a statement that does not only look', 'use transaction()');
    };
    const rows = (sql: string, parameters?: SqlParameters, most?: number): Row[] =>
      this.#guarded(guarded, () => this.#rows(looking(sql), parameters, most));
    return work({
      all: (sql, parameters) => rows(sql, parameters),
      get: (sql, parameters) => rows(sql, parameters, 1)[0],
    });
  }

  /** Begins a transaction that stays open over calls (held.ts). */
  begin(): void {
    this.#decide('BEGIN');
  }

  /** Ends the transaction of `begin` with all that was done in it. A failure leaves none open. @throws SqliteError */
  commit(): void {
    try {
      this.#decide('COMMIT');
    } catch (error) {
      this.#rollBack(error);
      throw error;
    } finally {
      this.#flush();
    }
  }

  /**
   * Runs `work` inside the transaction of `begin`; what it did is undone when it throws.
   * @throws what `work` throws, SqliteError, SqliteRefusedError, SqliteTransactionLostError (Q7)
   */
  within<T>(work: (sql: Sql) => T, guarded: boolean): T {
    this.#statements.begin();
    this.#counts.begin();
    this.#surviving(() => this.#savepoint('SAVEPOINT'));
    let open = true;
    const inside = <R>(call: () => R): R => {
      if (!open) throw new SqliteRefusedError('the update is over', 'use what it was given only inside it');
      return this.#surviving(() => this.#guarded(guarded, call));
    };
    try {
      const result = work(this.#sql(inside));
      if (result instanceof Promise)
        throw new SqliteRefusedError('an update cannot wait', 'do what waits before or after it');
      this.#surviving(() => this.#savepoint('RELEASE'));
      return result;
    } catch (error) {
      this.#undo();
      throw error;
    } finally {
      open = false;
      this.#flush();
    }
  }

  /** Checks that the transaction of `begin` is open. @throws the failure of the files, SqliteTransactionLostError (Q7) */
  checkTransaction(cause?: unknown): void {
    if (this.#files.failure) throw this.#files.failure;
    if (!this.#inTransaction()) throw new SqliteTransactionLostError(cause);
  }

  /** Gives SQL a function, or another one in place of its own. */
  define(name: string, parameters: number, act: (argument: unknown) => SqlValue): void {
    this.#db.createFunction({
      name,
      arity: parameters,
      xFunc: (_context, argument) => act(argument) as never,
    });
  }

  /** Makes SQL count by `within` (counts.ts). */
  countByUpdate(): void {
    this.#counts.tellSql();
  }

  /** A setting and what SQLite made of it. */
  pragma(pragma: string): SqlValue | undefined {
    return Object.values(this.#rows(`PRAGMA ${pragma}`)[0] ?? {})[0];
  }

  /** Makes SQLite look at every database of the connection, and undo in it what a crash has cut. @throws SqliteError */
  settle(): void {
    for (const { name } of this.#rows('PRAGMA database_list'))
      this.#rows(`PRAGMA ${JSON.stringify(name)}.schema_version`);
    this.#flush();
  }

  /** Statements that were begun are given up. Files are closed whatever happens. */
  close(): void {
    try {
      this.#statements.close();
      this.#db.close();
    } finally {
      this.#vfs.remove();
    }
  }

  /** What a transaction's work is given; `inside` makes each call of it. */
  #sql(inside: <R>(call: () => R) => R): Sql {
    return {
      all: (sql, parameters) => inside(() => this.#rows(sql, parameters)),
      get: (sql, parameters) => inside(() => this.#rows(sql, parameters, 1))[0],
      run: (sql, parameters) => inside(() => this.#run(sql, parameters)),
      exec: (sql) => inside(() => this.#exec(sql)),
    };
  }

  #run(sql: string, parameters?: SqlParameters): { changes: number; lastInsertRowid: bigint } {
    this.#each(sql, parameters, () => true);
    return { changes: Number(this.#counts.last), lastInsertRowid: this.#counts.rowid };
  }

  #rows(sql: string, parameters?: SqlParameters, most = Number.POSITIVE_INFINITY): Row[] {
    const rows: Row[] = [];
    this.#each(sql, parameters, (statement) => rows.push(statement.get({}) as Row) < most);
    return rows;
  }

  /** Runs a statement, row by row as long as `take` wants more. */
  #each(
    sql: string,
    parameters: SqlParameters | undefined,
    take: (statement: PreparedStatement) => boolean,
  ): void {
    const statement = this.#statements.one(sql, this.#guarding); // Q3, Q4, Q6
    this.#telling(sql, () => {
      try {
        // The library refuses even an empty list for a statement without parameters.
        if (parameters && Object.keys(parameters).length > 0) statement.bind(parameters as SqlValue[]);
        while (statement.step() && take(statement));
      } finally {
        statement.resetNoThrow(true);
      }
    });
  }

  #exec(sql: string): void {
    if (!this.#guarding) return void this.#telling(sql, () => this.#db.exec(sql));
    this.#statements.each(sql, (statement) =>
      this.#telling(sql, () => {
        while (statement.step());
      }),
    ); // Q6
  }

  #inTransaction(): boolean {
    return this.#sqlite.capi.sqlite3_get_autocommit(this.#db.pointer!) === 0;
  }

  #decide(what: 'BEGIN' | 'COMMIT' | 'ROLLBACK'): void {
    this.#deciding = true;
    try {
      this.#each(what, undefined, () => true);
    } finally {
      this.#deciding = false;
    }
  }

  /** One savepoint for every `within`: they do not nest. */
  #savepoint(what: 'SAVEPOINT' | 'RELEASE' | 'ROLLBACK TO'): void {
    this.#each(`${what} ${HOLDERS_PREFIX}`, undefined, () => true);
  }

  #guarded<R>(guarded: boolean, call: () => R): R {
    this.#guarding = guarded;
    try {
      return call();
    } finally {
      this.#guarding = false;
    }
  }

  /** What was done since the savepoint; when there is no transaction any more, nothing is left of that. */
  #undo(): void {
    if (this.#files.failure !== undefined || !this.#inTransaction()) return;
    this.#savepoint('ROLLBACK TO');
    this.#savepoint('RELEASE');
    this.#statements.undone();
  }

  /** Makes a call in the transaction of the holder, which is open before and after. @throws what `call` throws, SqliteTransactionLostError (Q7) */
  #surviving<R>(call: () => R): R {
    this.checkTransaction();
    try {
      return call();
    } catch (error) {
      if (!(error instanceof SqliteTooLargeError)) this.checkTransaction(error);
      throw error;
    }
  }

  /** Q2 */
  #rollBack(reason: unknown): void {
    if (this.#files.failure) return;
    const isTooLarge = reason instanceof SqliteTooLargeError;
    if (isTooLarge) this.#files.allow(Number.POSITIVE_INFINITY); // what undoes it is no longer than what it wrote
    if (this.#inTransaction()) this.#decide('ROLLBACK');
    if (isTooLarge) this.settle(); // SQLite undoes what it has spilled when it looks next
  }

  /** After a failure of the files nothing can be flushed, and the caller is told of that failure. */
  #flush(): void {
    if (this.#files.failure === undefined) this.#files.flush();
  }

  /** Calls SQLite; what it throws becomes an error of ours. */
  #telling<T>(sql: string, call: () => T): T {
    this.#vfs.takeError(); // of an earlier call that SQLite has got over
    try {
      return call();
    } catch (thrown) {
      const cause = this.#vfs.takeError();
      if (this.#files.failure) throw this.#files.failure;
      if (cause instanceof SqliteRefusedError || cause instanceof SqliteTooLargeError) throw cause;
      const error = ensureError(thrown);
      const { capi, SQLite3Error } = this.#sqlite;
      const code = error instanceof SQLite3Error ? capi.sqlite3_js_rc_str(error.resultCode) : undefined;
      if (code === 'SQLITE_AUTH')
        throw new SqliteRefusedError(
          'a statement that ends a transaction',
          'use transaction(), which does; inside it SAVEPOINT is allowed',
          error,
        );
      const problem = error.message.replace(LIBRARY_PREFIX, '');
      throw new SqliteError(code ?? 'SQLITE_ERROR', problem, sql, cause ?? error);
    }
  }
}
