/**
 * The one thing the SQLite engine needs of a database, and the two there are: one that is recorded in the log, and a plain file for a read replica.
 *
 * B1  Work is synchronous. What a transaction has changed is seen by whoever looks next; its promise tells when it is durable.
 * B2  `read` shows what may not be durable yet. The engine may use it: the commands that made it are in the log (types.ts of statemachine, log first).
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type RecordedSqlite } from '../../../recoverylog/index.ts';

export type SqlValue = string | number | bigint | null | Uint8Array;
export type Row = Readonly<Record<string, SqlValue>>;

/** For looking. */
export interface SqlReader {
  all(sql: string, parameters?: readonly SqlValue[]): readonly Row[];
  get(sql: string, parameters?: readonly SqlValue[]): Row | undefined;
}

/** For changing. */
export interface SqlWriter extends SqlReader {
  run(sql: string, parameters?: readonly SqlValue[]): { readonly changes: number };
  /** Any number of statements. */
  exec(sql: string): void;
}

export interface SqlDatabase {
  /** Most rows that a transaction may write at places of their own, and most bytes that it may write in all. */
  readonly limits: { readonly rows: number; readonly bytes: number };
  read<T>(work: (sql: SqlReader) => T): T;
  /** All of it or nothing. */
  transaction<T>(work: (sql: SqlWriter) => T): Promise<T>;
  /** Makes what it keeps in the log shorter, where that is worth it; others use it meanwhile. */
  compact(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * A row at a place of its own changes two pages of 4 KiB, one of them in the index of expiries, and the log has both before and after: 16 KiB. So many rows
 * are a third of what a transaction may write (48 MiB), which leaves room for the copy that a compaction makes meanwhile, and they hold what the runtime
 * lets gather before it commits (1024 commands) with the pairs that these remove.
 */
const RECORDED_LIMITS = { rows: 1100, bytes: 8 * 1024 * 1024 } as const;
/** Nothing waits in memory here; larger transactions only make the journal longer. */
const PLAIN_LIMITS = { rows: 100_000, bytes: 64 * 1024 * 1024 } as const;

/** A database in a recorded directory. */
export function recordedDatabase(db: RecordedSqlite): SqlDatabase {
  return {
    limits: RECORDED_LIMITS,
    read: (work) => db.peek(work),
    transaction: (work) => db.transaction(work),
    compact: async (signal) => {
      if (db.snapshotIsDue) await db.snapshot(signal);
    },
    close: () => db.close(),
  };
}

/** The database file `path`, made when there is none; `:memory:` for one that is gone with the process. @throws what SQLite says */
export function plainDatabase(path: string): SqlDatabase {
  return new PlainDatabase(path);
}

class PlainDatabase implements SqlDatabase, SqlWriter {
  readonly limits: SqlDatabase['limits'] = PLAIN_LIMITS;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    // A power cut takes back whole transactions at most, which a read replica then gets again.
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  }

  all(sql: string, parameters: readonly SqlValue[] = []): readonly Row[] {
    return this.#prepare(sql).all(...(parameters as readonly SQLInputValue[]));
  }

  get(sql: string, parameters: readonly SqlValue[] = []): Row | undefined {
    return this.#prepare(sql).get(...(parameters as readonly SQLInputValue[]));
  }

  run(sql: string, parameters: readonly SqlValue[] = []): { readonly changes: number } {
    return {
      changes: Number(this.#prepare(sql).run(...(parameters as readonly SQLInputValue[])).changes),
    };
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  read<T>(work: (sql: SqlReader) => T): T {
    return work(this);
  }

  async transaction<T>(work: (sql: SqlWriter) => T): Promise<T> {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work(this);
      this.#db.exec('COMMIT');
      return await Promise.resolve(result);
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  compact(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
    return Promise.resolve();
  }

  /** The engine's statements are few; all are kept. */
  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
