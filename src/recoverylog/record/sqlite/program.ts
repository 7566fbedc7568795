/**
 * What a statement may do to the transaction that it runs in, as SQLite's own program for it tells (EXPLAIN). Its text does not: the words may stand in
 * texts, names and comments, and the conflict clause or trigger that a statement meets may be written elsewhere.
 *
 * P1  A program gives the transaction up where it stops with the conflict clause ROLLBACK: its own (INSERT OR ROLLBACK), a table's (ON CONFLICT
 *     ROLLBACK), a trigger's (RAISE(ROLLBACK, …)), or one that is handed to a virtual table.
 * P2  A program is SQLite's as long as the schema is what it was when the statement was prepared.
 */
import type { PreparedStatement } from '@sqlite.org/sqlite-wasm';
import type { Sqlite } from './load.ts';

export interface Effects {
  /** Whether it may end the transaction that others began (P1). */
  readonly givesUp: boolean;
  /** Whether programs made before may be others from here on (P2): it changes the schema, or goes back to a savepoint, behind which the schema may have been changed. */
  readonly unsettles: boolean;
}

/** SQLite's number of the conflict clause ROLLBACK in a program (OE_Rollback). */
const ON_CONFLICT_ROLLBACK = 1;
/** SQLite's number of going back to a savepoint in a program (SAVEPOINT_ROLLBACK). */
const BACK_TO_SAVEPOINT = 2;
/** Columns of a program's listing. */
const OPCODE = 1;
const P1 = 2;
const P2 = 3;
const P5 = 6;
/** `sqlite3_stmt_explain`: the statement lists its program, or runs it. */
const LISTS = 1;
const RUNS = 0;

const NOTHING: Effects = { givesUp: false, unsettles: false };

/** Lists the program of a statement that was just prepared and does not run; it runs as before afterwards. @throws SQLite3Error */
export function effectsOf({ capi, SQLite3Error }: Sqlite, { pointer }: PreparedStatement): Effects {
  const statement = pointer!;
  const check = (code: number): void => {
    if (code !== 0) throw new SQLite3Error(code);
  };
  if (capi.sqlite3_stmt_isexplain(statement) !== 0) return NOTHING;
  const number = (column: number): number => capi.sqlite3_column_int(statement, column);
  let { givesUp, unsettles } = NOTHING;
  check(capi.sqlite3_stmt_explain(statement, LISTS));
  try {
    let code = capi.sqlite3_step(statement);
    for (; code === capi.SQLITE_ROW; code = capi.sqlite3_step(statement)) {
      const opcode = capi.sqlite3_column_text(statement, OPCODE);
      if (opcode === 'Halt') givesUp ||= number(P1) !== 0 && number(P2) === ON_CONFLICT_ROLLBACK;
      else if (opcode === 'HaltIfNull') givesUp ||= number(P2) === ON_CONFLICT_ROLLBACK;
      else if (opcode === 'VUpdate') givesUp ||= number(P5) === ON_CONFLICT_ROLLBACK;
      else if (opcode === 'SetCookie') unsettles = true;
      else if (opcode === 'Savepoint') unsettles ||= number(P1) === BACK_TO_SAVEPOINT;
    }
    if (code !== capi.SQLITE_DONE) check(code);
  } finally {
    capi.sqlite3_reset(statement);
    check(capi.sqlite3_stmt_explain(statement, RUNS));
  }
  return { givesUp, unsettles };
}
