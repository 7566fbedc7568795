/**
 * Digest of what a database says, but for what its holder keeps for itself: equal exactly when two databases answer everything alike, whatever their pages
 * look like. Takes time in proportion to the data, and memory for one page of rows.
 */
import { createHash, type Hash } from 'node:crypto';
import { HOLDERS_PREFIX, type Row, type SqlReader } from '../../recoverylog/index.ts';

/** Rows read at a time. */
const ROWS = 500;

interface Table {
  readonly name: string;
  /** Without a rowid of its own: ordered by all its columns. */
  readonly isKeyed: boolean;
}

/** SHA-256, hex. */
export function databaseHash(sql: SqlReader): string {
  const hash = createHash('sha256');
  const schema = sql.all('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name, type');
  for (const row of schema) if (!isHolders(String(row['tbl_name']))) addRow(hash, row);
  for (const table of tablesOf(sql)) {
    addText(hash, table.name);
    for (const row of rowsOf(sql, table)) addRow(hash, row);
  }
  return hash.digest('hex');
}

function tablesOf(sql: SqlReader): Table[] {
  return sql
    .all(
      "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') ORDER BY name",
    )
    .map(({ name, wr }) => ({ name: String(name), isKeyed: wr === 1 }))
    .filter(({ name }) => !isHolders(name) && name !== 'sqlite_schema');
}

function* rowsOf(sql: SqlReader, { name, isKeyed }: Table): Generator<Row> {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  if (isKeyed) {
    const columns = sql.all('SELECT name FROM pragma_table_info(?)', [name]);
    const order = columns.map((_, at) => String(at + 1)).join(', ');
    const text = `SELECT * FROM ${quoted} ORDER BY ${order} LIMIT ${ROWS} OFFSET ?`;
    for (let from = 0; ; from += ROWS) {
      const rows = sql.all(text, [from]);
      yield* rows;
      if (rows.length < ROWS) return;
    }
  }
  const text = `SELECT rowid AS "_holdfast_rowid", * FROM ${quoted} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS}`;
  for (let after: bigint | number = -(2n ** 63n); ;) {
    const rows = sql.all(text, [after]);
    yield* rows;
    if (rows.length < ROWS) return;
    after = rows.at(-1)!['_holdfast_rowid'] as bigint | number;
  }
}

function addRow(hash: Hash, row: Row): void {
  addText(hash, String(Object.keys(row).length));
  for (const value of Object.values(row)) {
    if (value instanceof Uint8Array) {
      addText(hash, `bytes ${value.length}`);
      hash.update(value);
    } else
      addText(
        hash,
        `${value === null ? 'null' : typeof value === 'string' ? 'text' : 'number'} ${String(value)}`,
      );
  }
}

/** With its length before it, so that no two sequences of texts look alike. */
function addText(hash: Hash, text: string): void {
  hash.update(`${Buffer.byteLength(text)}:${text}`);
}

function isHolders(name: string): boolean {
  return name.toLowerCase().startsWith(HOLDERS_PREFIX);
}
