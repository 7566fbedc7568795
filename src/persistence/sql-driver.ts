/**
 * sql-driver: the three methods by which an SQL database is reached, and the two drivers that are made here: node:sqlite and anything with the
 * `query` of `pg`. Another client is a dozen lines of its user's.
 *
 * R1  Every call is one statement, committed by itself when its promise resolves. What `run` has committed, the next `get` and `all` see: no replica.
 * R2  Errors come as the client throws them; the dialect knows what they mean.
 */
import type { DatabaseSync } from 'node:sqlite';

export type SqlValue = string | number | Uint8Array;
export type SqlRow = Readonly<Record<string, unknown>>;

export interface SqlDriver {
  /** @returns how many rows were changed */
  run(sql: string, parameters: readonly SqlValue[]): Promise<number>;
  /** The first row. */
  get(sql: string, parameters: readonly SqlValue[]): Promise<SqlRow | undefined>;
  all(sql: string, parameters: readonly SqlValue[]): Promise<readonly SqlRow[]>;
}

/** How long SQLite holds this process' only thread for another process that writes, ms; the store waits longer, and without holding anything. */
const BUSY_MS = 20;
/** The same while a file is opened: several processes that start together take turns. */
const OPENING_BUSY_MS = 2_000;

/** Over a database that the caller has opened and closes. */
export function sqliteDriver(database: DatabaseSync): SqlDriver {
  // A driver answers by promises, so what node:sqlite throws is a rejection too.
  const soon = async <T>(work: () => T): Promise<T> => await Promise.resolve().then(work);
  return {
    run: (sql, parameters) => soon(() => Number(database.prepare(sql).run(...parameters).changes)),
    get: (sql, parameters) => soon(() => exact(database, sql).get(...parameters)),
    all: (sql, parameters) => soon(() => exact(database, sql).all(...parameters)),
  };
}

export interface SqliteFile extends SqlDriver {
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a SQLite file for several processes of this machine: write-ahead log, every commit on the disk before it resolves.
 * @throws the error of node:sqlite
 */
export async function openSqlite(path: string): Promise<SqliteFile> {
  const { DatabaseSync } = await import('node:sqlite'); // here only: it warns that it is experimental
  const database = new DatabaseSync(path, { timeout: OPENING_BUSY_MS });
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = ${BUSY_MS};`);
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    ...sqliteDriver(database),
    close: () => {
      if (database.isOpen) database.close();
    },
  };
}

/** Integers come as bigint, so that one beyond 2^53 can be told from its neighbour. */
function exact(database: DatabaseSync, sql: string): ReturnType<DatabaseSync['prepare']> {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement;
}

/** A pool or client of `pg`, by its shape. */
export interface PgQueryable {
  query(
    text: string,
    values: unknown[],
  ): Promise<{ readonly rows: readonly SqlRow[]; readonly rowCount: number | null }>;
}

/** Over a pool of `pg` that the caller makes and ends. A pool, not a client: the store asks again on another connection when one breaks. */
export function postgresDriver(pool: PgQueryable): SqlDriver {
  const query = (sql: string, parameters: readonly SqlValue[]): ReturnType<PgQueryable['query']> =>
    pool.query(
      sql,
      parameters.map((each) => (each instanceof Uint8Array ? Buffer.from(each) : each)),
    );
  return {
    run: async (sql, parameters) => (await query(sql, parameters)).rowCount ?? 0,
    get: async (sql, parameters) => (await query(sql, parameters)).rows[0],
    all: async (sql, parameters) => (await query(sql, parameters)).rows,
  };
}
