/**
 * What a database says, as text: to compare two of them, and whether SQLite finds it whole. For this build of SQLite and for Node's own.
 */
import type { DatabaseSync } from 'node:sqlite';
import { sha1Hex, utf8 } from '../../../../base/index.ts';
import type { Row, SqlReader } from '../index.ts';

/** Longer texts are told by their digest. */
const LONGEST = 200;

export type Ask = (sql: string) => readonly Row[];

export function askNode(db: DatabaseSync): Ask {
  return (sql) => db.prepare(sql).all();
}

export function askReader(reader: SqlReader): Ask {
  return (sql) => reader.all(sql);
}

/** Schema, rows and versions of every database of the connection, except empty ones; tables that SQLite keeps for a virtual one are its own affair. */
export function dump(ask: Ask): string {
  return ask('PRAGMA database_list')
    .flatMap(({ name }) => dumpOf(ask, String(name)))
    .join('\n');
}

function dumpOf(ask: Ask, schema: string): string[] {
  const listed = ask(`PRAGMA "${schema}".table_list`).filter((table) => table['schema'] === schema);
  const tables = listed.filter(
    ({ name, type }) => ['table', 'virtual'].includes(String(type)) && !isSchemaTable(name),
  );
  const shadows = new Set<unknown>(listed.filter(({ type }) => type === 'shadow').map(({ name }) => name));
  const objects = ask(`SELECT name, tbl_name, sql FROM "${schema}".sqlite_schema ORDER BY name`);
  if (objects.length === 0) return [];
  const versions = ['user_version', 'application_id'].flatMap((each) => ask(`PRAGMA "${schema}".${each}`));
  return [
    ...objects
      .filter((each) => !shadows.has(each['tbl_name']))
      .map(({ name, sql }) => `${schema}.${String(name)}: ${String(sql)}`),
    ...versions.map(rowText),
    ...tables.flatMap(({ name, wr }) => {
      const columns = wr === 1 ? '*' : 'rowid AS "#", *';
      const rows = ask(`SELECT ${columns} FROM "${schema}"."${String(name)}" ORDER BY 1, 2`);
      return [`rows of ${String(name)}:`, ...rows.map(rowText)];
    }),
  ];
}

function isSchemaTable(name: unknown): boolean {
  return name === 'sqlite_schema' || name === 'sqlite_temp_schema';
}

/** Every finding of SQLite's own check of every database; none is good. */
export function damage(ask: Ask): string[] {
  return ask('PRAGMA database_list')
    .flatMap(({ name }) => ask(`PRAGMA "${String(name)}".integrity_check`))
    .map(({ integrity_check: found }) => String(found))
    .filter((found) => found !== 'ok');
}

export function rowText(row: Row): string {
  return Object.values(row).map(valueText).join('|');
}

function valueText(value: Row[string]): string {
  if (value instanceof Uint8Array) return `${value.length} bytes ${sha1Hex(value)}`;
  return typeof value === 'string' && value.length > LONGEST ? `text ${sha1Hex(utf8(value))}` : String(value);
}
