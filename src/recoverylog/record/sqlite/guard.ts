/**
 * What statements of others may touch in a database that is held (held.ts): anything in its content but what the holder keeps for itself. Pure.
 *
 * U1  Names that begin with HOLDERS_PREFIX are the holder's: nobody else changes such a table, or makes one. Looking is free.
 * U2  Nobody else changes the connection: no other databases, nothing temporary, no settings that the content does not carry. A replica that is opened anew
 *     has none of them.
 * U3  A savepoint of the holder's name is the holder's.
 */
import type { Sqlite } from './load.ts';

/** Of the holder's tables, in lower case; and the name of its savepoint. */
export const HOLDERS_PREFIX = '_holdfast';

/** Those that look, and those that the content carries. */
const PRAGMAS: ReadonlySet<string> = new Set([
  'application_id',
  'collation_list',
  'compile_options',
  'foreign_key_check',
  'foreign_key_list',
  'function_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'quick_check',
  'table_info',
  'table_list',
  'table_xinfo',
  'user_version',
]);

/** What SQLite's authorizer is told of an action; the names' meaning depends on it. */
interface Touched {
  readonly first: string;
  readonly second: string;
  readonly database: string;
}

/** Whatever is made in it begins with a row of its schema (U2). */
const TEMPORARY = 'temp';

/** Whether a statement of others may do `action`. */
export function isAllowed(
  capi: Sqlite['capi'],
  action: number,
  { first, second, database }: Touched,
): boolean {
  switch (action) {
    case capi.SQLITE_READ:
    case capi.SQLITE_SELECT:
    case capi.SQLITE_FUNCTION:
      return true;
    case capi.SQLITE_ATTACH:
    case capi.SQLITE_DETACH:
    case capi.SQLITE_TRANSACTION:
      return false;
    case capi.SQLITE_PRAGMA:
      return PRAGMAS.has(first.toLowerCase());
    case capi.SQLITE_INSERT:
      return database !== TEMPORARY && !isHolders(first);
    default:
      return !isHolders(first) && !isHolders(second);
  }
}

function isHolders(name: string): boolean {
  return name.toLowerCase().startsWith(HOLDERS_PREFIX);
}
