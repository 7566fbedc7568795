/**
 * sql-dialect: in what the databases differ: types, placeholders, and what their errors mean. The statements themselves are the same (sql-store.ts).
 *
 * D1  A fault is told as done or not done only where the database promises it. Everything unknown is 'away': nobody knows.
 */

/** What became of a statement that failed. */
export type SqlFault =
  /** Not done: the unique key is taken. */
  | 'duplicate'
  /** Not done, and worth another attempt: others were in the way. */
  | 'busy'
  /** Nobody knows whether it was done (D1). */
  | 'away'
  | 'forbidden'
  | 'too-large'
  /** The table or its database is not there. */
  | 'missing'
  /** The database says that its own data is damaged. */
  | 'damaged';

export interface SqlDialect {
  readonly name: string;
  /** Type of a key of up to 255 bytes, compared byte by byte. */
  readonly keyType: string;
  /** Type of a value of up to 4 MiB. */
  readonly valueType: string;
  /** The nth parameter of a statement, from 1. */
  placeholder(n: number): string;
  faultOf(error: unknown): SqlFault;
}

/** Result codes of SQLite without their extension. */
const SQLITE_FAULTS: Readonly<Record<number, SqlFault>> = {
  3: 'forbidden', // PERM
  5: 'busy', // BUSY: another process writes
  6: 'busy', // LOCKED: another connection of this process
  8: 'forbidden', // READONLY
  11: 'damaged', // CORRUPT
  18: 'too-large', // TOOBIG
  19: 'duplicate', // CONSTRAINT: the key is the only one that this table's rows can break
  23: 'forbidden', // AUTH
  26: 'damaged', // NOTADB
};
const SQLITE_PRIMARY_CODE = 0xff;

/** SQLite, as node:sqlite reports it. */
export const SQLITE: SqlDialect = {
  name: 'SQLite',
  keyType: 'BLOB',
  valueType: 'BLOB',
  placeholder: () => '?',
  faultOf: (error) => {
    const code = property(error, 'errcode');
    if (typeof code !== 'number') return 'away';
    // Its only code for a statement that it cannot prepare is the general one.
    if (String(property(error, 'message')).startsWith('no such table')) return 'missing';
    return SQLITE_FAULTS[code & SQLITE_PRIMARY_CODE] ?? 'away';
  },
};

/** SQLSTATEs; where no exact one is listed, the class of its first two characters counts. */
const POSTGRES_FAULTS: Readonly<Record<string, SqlFault>> = {
  '23505': 'duplicate', // unique_violation
  '40': 'busy', // rolled back: serialization failure, deadlock
  '40003': 'away', // statement_completion_unknown
  '53': 'busy', // insufficient resources: too many connections, no memory, disk full: rolled back
  '55P03': 'busy', // lock_not_available
  '57014': 'busy', // query_canceled: by a timeout of the server
  '57P03': 'busy', // cannot_connect_now: starting up or shutting down
  '42P01': 'missing', // undefined_table
  '3D000': 'missing', // no such database
  '28': 'forbidden', // wrong name or password
  '42501': 'forbidden', // insufficient_privilege
  '22001': 'too-large', // string_data_right_truncation
  '54': 'too-large', // program limit exceeded
  XX001: 'damaged',
  XX002: 'damaged',
};

/** PostgreSQL, as `pg` reports it. */
export const POSTGRES: SqlDialect = {
  name: 'PostgreSQL',
  keyType: 'BYTEA',
  valueType: 'BYTEA',
  placeholder: (n) => `$${n}`,
  faultOf: (error) => {
    const code = property(error, 'code');
    if (typeof code !== 'string' || code.length !== 5) return 'away'; // of the network, not of the server
    return POSTGRES_FAULTS[code] ?? POSTGRES_FAULTS[code.slice(0, 2)] ?? 'away';
  },
};

const MYSQL_FAULTS: Readonly<Record<number, SqlFault>> = {
  1040: 'busy', // too many connections
  1062: 'duplicate',
  1205: 'busy', // lock wait timeout
  1213: 'busy', // deadlock: rolled back
  1049: 'missing', // no such database
  1146: 'missing', // no such table
  1044: 'forbidden',
  1045: 'forbidden',
  1142: 'forbidden',
  1143: 'forbidden',
  1227: 'forbidden',
  1153: 'too-large', // larger than max_allowed_packet
  1406: 'too-large', // data too long for the column
};

/** MySQL and MariaDB, as `mysql2` reports them. */
export const MYSQL: SqlDialect = {
  name: 'MySQL',
  keyType: 'VARBINARY(255)', // a text type would take ids for equal that differ in case or in spaces at the end
  valueType: 'LONGBLOB', // a BLOB ends at 64 KiB, and without strict mode it does so silently
  placeholder: () => '?',
  faultOf: (error) => {
    const code = property(error, 'errno');
    return (typeof code === 'number' ? MYSQL_FAULTS[code] : undefined) ?? 'away';
  },
};

function property(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined;
}
