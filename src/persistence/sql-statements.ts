/**
 * sql-statements: every statement of the store, the same for every dialect but for types and placeholders.
 */
import { HoldfastError } from '../base/index.ts';
import type { SqlDialect } from './sql-dialect.ts';

export interface SqlStatements {
  readonly create: string;
  /** No row: tells whether the table is there and may be read. */
  readonly probe: string;
  /** Parameter: id. */
  readonly read: string;
  /** Parameters: revision, writer, checksum, value, id. */
  readonly insert: string;
  /** Parameters: revision, writer, checksum, value, id, revision expected. */
  readonly update: string;
  readonly list: string;
}

/** What needs no quotes in any dialect, and is no longer than PostgreSQL takes. */
const TABLE = /^[a-z_][a-z0-9_]{0,62}$/;

/** @throws HoldfastError STATE_TABLE_INVALID */
export function sqlStatements(dialect: SqlDialect, table: string): SqlStatements {
  if (!TABLE.test(table))
    throw new HoldfastError(
      'STATE_TABLE_INVALID',
      `"${table}" is no name for a table here: use at most 63 lower-case letters, digits and underscores.`,
      { fields: { table } },
    );
  const { keyType, valueType } = dialect;
  const [p1, p2, p3, p4, p5, p6] = [1, 2, 3, 4, 5, 6].map((n) => dialect.placeholder(n));
  return {
    create:
      `CREATE TABLE IF NOT EXISTS ${table} (id ${keyType} NOT NULL PRIMARY KEY, revision BIGINT NOT NULL, ` +
      `writer VARCHAR(255) NOT NULL, checksum VARCHAR(8) NOT NULL, value ${valueType} NOT NULL)`,
    probe: `SELECT id FROM ${table} WHERE 1 = 0`,
    read: `SELECT revision, writer, checksum, value FROM ${table} WHERE id = ${p1}`,
    insert: `INSERT INTO ${table} (revision, writer, checksum, value, id) VALUES (${p1}, ${p2}, ${p3}, ${p4}, ${p5})`,
    update: `UPDATE ${table} SET revision = ${p1}, writer = ${p2}, checksum = ${p3}, value = ${p4} WHERE id = ${p5} AND revision = ${p6}`,
    list: `SELECT id FROM ${table}`,
  };
}
