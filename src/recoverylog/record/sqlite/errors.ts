/**
 * What can go wrong with a recorded database, beside what can go wrong with its recorder.
 */
import { HoldfastError } from '../../../base/index.ts';

/** Characters of a statement that an error shows. */
const SHOWN_SQL = 200;

/** What SQLite itself says: a constraint, a syntax error, no such table. The statement had no effect; `code` is SQLite's name of it. */
export class SqliteError extends HoldfastError {
  constructor(code: string, problem: string, sql: string, cause: unknown) {
    super(code, `SQLite: ${problem}.`, { fields: { problem, sql: sql.slice(0, SHOWN_SQL) }, cause });
  }
}

/** A request that a recorded database does not take; nothing was changed. */
export class SqliteRefusedError extends HoldfastError {
  constructor(problem: string, advice: string, cause?: unknown) {
    super('SQLITE_REFUSED', `${problem}; ${advice}.`, { fields: { problem }, cause });
  }
}

/** A transaction that writes more than the log may hold back; it was rolled back. */
export class SqliteTooLargeError extends HoldfastError {
  constructor(limitBytes: number) {
    super(
      'SQLITE_TRANSACTION_TOO_LARGE',
      `The transaction writes more than ${limitBytes} bytes and was rolled back: what a transaction writes waits in memory until the log has it. Split it; instead of VACUUM, dump into a new database in parts.`,
      { fields: { limitBytes } },
    );
  }
}

/**
 * A transaction that SQLite has rolled back by itself while its holder relies on it: after some failures of memory or disk, or a conflict that is to do
 * so. What was not committed is gone, and the connection is of no use any more.
 */
export class SqliteTransactionLostError extends HoldfastError {
  constructor(cause?: unknown) {
    super(
      'SQLITE_TRANSACTION_LOST',
      'SQLite has given the open transaction up, and with it all that was not committed. Open the database again, and do that again.',
      { cause },
    );
  }
}
