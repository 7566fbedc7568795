/**
 * Tables and statements of the SQLite engine.
 *
 *   kv_pair  the pairs of every generation: one for what the store holds, one for what is staged, and those that are being removed
 *   kv_head  one row: what the state is beside its pairs, and the log position that all of it belongs to
 *   kv_row   the runtime's own rows (sessions, request ids)
 *   kv_fold  writes that are committed and not in kv_pair yet (saving.ts)
 *
 * H1  Keys are blobs, which SQLite compares byte by byte: the order of the store.
 */
import { bytesOf, keyOf } from '../../key.ts';
import { KvFormatError } from '../../errors.ts';
import { type Attributes } from '../state.ts';
import { type Stored } from '../table.ts';
import { type Row, type SqlReader, type SqlWriter } from './database.ts';

const SCHEMA = `
CREATE TABLE kv_pair (gen INTEGER NOT NULL, k BLOB NOT NULL, v BLOB NOT NULL, e INTEGER NOT NULL, PRIMARY KEY (gen, k)) WITHOUT ROWID;
CREATE INDEX kv_expiry ON kv_pair (gen, e, k) WHERE e > 0;
CREATE TABLE kv_head (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);
CREATE TABLE kv_row (k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE kv_fold (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
`;

// coalesce: a driver may bind bytes of length 0 as NULL.
export const SELECT_PAIR = 'SELECT v, e FROM kv_pair WHERE gen = ? AND k = ?';
export const SELECT_CHUNK =
  "SELECT k, v, e FROM kv_pair WHERE gen = ? AND k >= coalesce(?, x'') ORDER BY k LIMIT ?";
export const SELECT_EXPIRIES =
  "SELECT e, k FROM kv_pair WHERE gen = ? AND e > 0 AND (e, k) > (?, coalesce(?, x'')) ORDER BY e, k LIMIT ?";
export const SELECT_NEXT_GENERATION = 'SELECT min(gen) AS gen FROM kv_pair WHERE gen > ?';
export const UPSERT_PAIR =
  "INSERT INTO kv_pair (gen, k, v, e) VALUES (?, ?, coalesce(?, x''), ?) ON CONFLICT (gen, k) DO UPDATE SET v = excluded.v, e = excluded.e";
export const DELETE_PAIR = 'DELETE FROM kv_pair WHERE gen = ? AND k = ?';
/** The first so many keys of a generation. */
export const DELETE_SOME =
  'DELETE FROM kv_pair WHERE gen = ?1 AND k <= (SELECT max(k) FROM (SELECT k FROM kv_pair WHERE gen = ?1 ORDER BY k LIMIT ?2))';
export const UPSERT_ROW =
  "INSERT INTO kv_row (k, v) VALUES (?, coalesce(?, x'')) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
const HEAD_VERSION = 1;

/** A generation that is in use. */
export interface TableHead {
  readonly gen: number;
  readonly size: number;
  readonly dataBytes: number;
}

export interface Head extends Attributes {
  /** Position in the log: index and term of the last command. */
  readonly index: number;
  readonly term: number;
  readonly current: TableHead;
  readonly staged: TableHead | undefined;
  /** The last row of kv_fold that counts. */
  readonly folds: number;
}

/** Makes the tables of a new database. */
export function createSchema(sql: SqlWriter): void {
  if (sql.get("SELECT 1 AS there FROM sqlite_master WHERE name = 'kv_head'") === undefined) sql.exec(SCHEMA);
}

/** @throws KvFormatError when a newer version has written it */
export function readHead(sql: SqlReader): Head | undefined {
  const body = sql.get('SELECT body FROM kv_head')?.['body'];
  if (typeof body !== 'string') return undefined;
  const { version, ...head } = JSON.parse(body) as Head & { readonly version: unknown };
  if (version !== HEAD_VERSION) throw new KvFormatError('head of the database', `version ${String(version)}`);
  return { ...head, history: head.history, replacement: head.replacement, staged: head.staged };
}

export function writeHead(sql: SqlWriter, head: Head): void {
  const body = JSON.stringify({ version: HEAD_VERSION, ...head });
  sql.run(
    'INSERT INTO kv_head (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
    [body],
  );
}

/** Every generation that has pairs, ascending. */
export function generationsIn(sql: SqlReader): readonly number[] {
  const found: number[] = [];
  for (;;) {
    const gen = sql.get(SELECT_NEXT_GENERATION, [found.at(-1) ?? -1])?.['gen'];
    if (typeof gen !== 'number') return found;
    found.push(gen);
  }
}

export function storedIn(row: Row): Stored {
  return { value: keyOf(row['v'] as Uint8Array), expiresAt: Number(row['e']) };
}

/** What a generation holds for a key, on the disk. */
export function pairOnDisk(sql: SqlReader, gen: number, key: string): Stored | undefined {
  const row = sql.get(SELECT_PAIR, [gen, bytesOf(key)]);
  return row && storedIn(row);
}
