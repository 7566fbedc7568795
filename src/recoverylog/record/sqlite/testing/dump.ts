/**
 * What a database says, as text: to compare two of them, and whether SQLite finds it whole. For this build of SQLite and for Node's own.
 */
import type { DatabaseSync } from 'node:sqlite';
import { sha1Hex } from '../../../../base/index.ts';
import type { Row, SqlReader } from '../index.ts';

export type Ask = (sql: string) => readonly Row[];

export function askNode(db: DatabaseSync): Ask {
  return (sql) => db.prepare(sql).all();
}

export function askReader(reader: SqlReader): Ask {
  return (sql) => reader.all(sql);
}

/** Schema and rows of every database of the connection, except empty ones. */
export function dump(ask: Ask): string {
  const lines: string[] = [];
  for (const { name: schema } of ask('PRAGMA database_list')) {
    const tables = ask(
      `SELECT name, sql FROM "${String(schema)}".sqlite_schema WHERE type = 'table' ORDER BY name`,
    );
    for (const { name, sql } of tables) {
      lines.push(`${String(schema)}: ${String(sql)}`);
      const rows = ask(`SELECT rowid AS "#", * FROM "${String(schema)}"."${String(name)}" ORDER BY 1`);
      lines.push(...rows.map((row) => Object.values(row).map(valueText).join('|')));
    }
  }
  return lines.join('\n');
}

/** Every finding of SQLite's own check of every database; none is good. */
export function damage(ask: Ask): string[] {
  return ask('PRAGMA database_list')
    .flatMap(({ name }) => ask(`PRAGMA "${String(name)}".integrity_check`))
    .map(({ integrity_check: found }) => String(found))
    .filter((found) => found !== 'ok');
}

function valueText(value: Row[string]): string {
  return value instanceof Uint8Array ? `${value.length} bytes ${sha1Hex(value)}` : String(value);
}
