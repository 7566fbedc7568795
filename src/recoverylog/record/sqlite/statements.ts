/**
 * The prepared statements of a connection.
 *
 * K1  The last STATEMENTS of those that came alone are kept, by their text; who is let go is finalized.
 * K2  Those of others (`guarded`) are kept apart from the connection's own: they were prepared under the guard (guard.ts), and their programs were looked at.
 * K3  What the look at a program has found (program.ts) holds while the schema is the same: when others change it, or go back behind a change, everything
 *     that others had prepared is let go.
 */
import type { Database, PreparedStatement } from '@sqlite.org/sqlite-wasm';
import { SqliteRefusedError } from './errors.ts';
import type { Sqlite } from './load.ts';
import { effectsOf } from './program.ts';

/** More different statements than a program writes by hand; each holds a few KiB. */
const STATEMENTS = 128;

/** Between two statements: white space, comments, ends of statements that were not begun. */
const BETWEEN_STATEMENTS = /^(?:[\s;]+|--[^\n]*|\/\*[^]*?(?:\*\/|$))+/;

interface Kept {
  readonly statement: PreparedStatement;
  readonly guarded: boolean;
  /** Only of those of others (K3). */
  readonly unsettles: boolean;
}

/** Calls SQLite for a text; what it throws becomes an error of ours. */
type Telling = <T>(sql: string, call: () => T) => T;

export class Statements {
  readonly #sqlite: Sqlite;
  readonly #db: Database;
  readonly #telling: Telling;
  readonly #kept = new Map<string, Kept>();
  /** Whether others have changed the schema since the last `begin`. */
  #unsettled = false;

  constructor(sqlite: Sqlite, db: Database, telling: Telling) {
    this.#sqlite = sqlite;
    this.#db = db;
    this.#telling = telling;
  }

  /** The statement of a text that is one, kept or new (K1, K2); it is used before the next call. @throws SqliteError, SqliteRefusedError */
  one(sql: string, guarded: boolean): PreparedStatement {
    const key = guarded ? `guarded ${sql}` : sql;
    const kept = this.#kept.get(key);
    if (kept) {
      this.#kept.delete(key);
      this.#kept.set(key, kept); // the last one used
      if (kept.unsettles) this.#unsettle(kept.statement);
      return kept.statement;
    }
    const { statement, after } = this.#first(sql);
    try {
      if (after !== '') throw new SqliteRefusedError('more than one statement', 'use exec for several');
      const unsettles = guarded && this.#examine(sql, statement);
      this.#kept.set(key, { statement, guarded, unsettles });
    } catch (error) {
      statement.finalize();
      throw error;
    }
    const [oldest] = this.#kept;
    if (oldest && this.#kept.size > STATEMENTS) this.#letGo(...oldest);
    return statement;
  }

  /** Calls `run` for every statement that others have in a text: each is looked at when those before it have run (K3). @throws what `run` throws, SqliteError, SqliteRefusedError */
  each(sql: string, run: (statement: PreparedStatement) => void): void {
    for (let rest = afterBlanks(sql); rest !== '';) {
      const { statement, after } = this.#first(rest);
      try {
        this.#examine(sql, statement);
        run(statement);
      } finally {
        statement.finalize();
      }
      rest = after;
    }
  }

  /** What others do from here on may be undone. */
  begin(): void {
    this.#unsettled = false;
  }

  /** What others did since `begin` was undone (K3). */
  undone(): void {
    if (this.#unsettled) this.#forget();
  }

  close(): void {
    for (const [key, kept] of this.#kept) this.#letGo(key, kept);
  }

  /** Prepares the first statement of a text; what comes after it. */
  #first(sql: string): { readonly statement: PreparedStatement; readonly after: string } {
    const statement = this.#telling(sql, () => this.#db.prepare(sql));
    const { length } = this.#sqlite.capi.sqlite3_sql(statement) ?? sql;
    return { statement, after: afterBlanks(sql.slice(length)) };
  }

  /** Looks at the program of a statement of others. Answers whether it unsettles those of others whenever it runs (K3). @throws SqliteRefusedError */
  #examine(sql: string, statement: PreparedStatement): boolean {
    const { givesUp, unsettles } = this.#telling(sql, () => effectsOf(this.#sqlite, statement));
    if (givesUp)
      throw new SqliteRefusedError(
        'a statement that may roll the whole transaction back',
        'say ABORT in place of ROLLBACK, in it and in the tables and triggers that it uses',
      );
    if (unsettles) this.#unsettle(statement);
    return unsettles;
  }

  #unsettle(by: PreparedStatement): void {
    this.#unsettled = true;
    this.#forget(by);
  }

  #forget(except?: PreparedStatement): void {
    for (const [key, kept] of this.#kept)
      if (kept.guarded && kept.statement !== except) this.#letGo(key, kept);
  }

  #letGo(key: string, { statement }: Kept): void {
    this.#kept.delete(key);
    statement.finalize();
  }
}

/** What is left of a text from its first statement on. */
function afterBlanks(sql: string): string {
  return sql.replace(BETWEEN_STATEMENTS, '');
}
