/**
 * The engine on SQLite: a state machine of the on-disk kind. What is held need not fit into memory, and a restart reads nothing but the head.
 *
 * E1  What commands write stays in memory until `commit`, which brings it to the disk together with the log position and the runtime's rows: all of it or
 *     nothing (saving.ts). What a crash takes back, the log has.
 * E2  Reads see the writes that are not committed (sqlite-table.ts).
 * E3  Pairs that nobody needs are removed behind a commit; when that fails, the next commit does.
 * E4  An engine whose commit failed shows what it has and takes nothing more, which it could only keep in memory. What the disk has is whole: whoever opens
 *     it again goes on from there.
 */
import { assert, ensureError, type Clock } from '../../../base/index.ts';
import {
  logIndex,
  logTerm,
  type AppliedEntry,
  type DiskMark,
  type Entry,
  type OnDiskStateMachine,
  type WriteChunk,
} from '../../../statemachine/index.ts';
import { RecordedSqlite, type RecordedFs } from '../../../recoverylog/index.ts';
import { applyChanges, applyEntries, pinOf, writePin, type Engine, type Pin } from '../engine.ts';
import { type History } from '../history.ts';
import { lookup } from '../lookup.ts';
import { KvState, NO_ATTRIBUTES, type Attributes } from '../state.ts';
import { type Answer, type ChangeRecord, type Query, type QueryAnswer, type SavedChanges } from '../types.ts';
import { recordedDatabase, type SqlDatabase, type SqlWriter } from './database.ts';
import { loadPairs, type Loaded } from './loading.ts';
import { Saver } from './saving.ts';
import { createSchema, generationsIn, readHead, UPSERT_ROW, writeHead, type Head } from './schema.ts';
import { SqliteTables } from './sqlite-tables.ts';

/** Rows of a generation that nobody needs, removed after each commit: a small part of what the commit itself may write. */
const REMOVED_ROWS = 256;

/** Path in the recorded directory. */
const DATABASE = 'kv.db';

export interface SqliteEngineOptions {
  /** Opens the database; by default `kv.db` of the recorded directory. */
  readonly database?: (fs: RecordedFs) => Promise<SqlDatabase>;
  /** Reads tell by it what has expired; without one they judge by the time of the latest command. */
  readonly clock?: Clock;
}

interface Opened {
  readonly db: SqlDatabase;
  readonly tables: SqliteTables;
  readonly saver: Saver;
  readonly state: KvState;
}

export class SqliteEngine implements OnDiskStateMachine<Query, Answer, Pin>, Engine {
  readonly kind = 'on-disk';
  readonly #options: SqliteEngineOptions;
  #opened: Opened | undefined;
  /** E3 */
  #tidying: Promise<void> | undefined;
  /** Of a commit, or behind one (E3, E4). */
  #failure: Error | undefined;

  constructor(options: SqliteEngineOptions = {}) {
    this.#options = options;
  }

  /** An engine on a database that nobody records, for a read replica. @throws what SQLite says, KvFormatError */
  static async over(db: SqlDatabase, clock?: Clock): Promise<SqliteEngine> {
    const engine = new SqliteEngine(clock ? { clock } : {});
    await engine.#open(db);
    return engine;
  }

  /** @throws what the database says, KvFormatError when a newer version has written it */
  async open(fs: RecordedFs): Promise<DiskMark | undefined> {
    assert(this.#opened === undefined, 'an engine is opened once');
    const { database = recorded } = this.#options;
    return await this.#open(await database(fs));
  }

  /** E4 */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Pairs held, expired ones included; 0 before open. */
  get keys(): number {
    return this.#opened?.tables.current.size ?? 0;
  }

  /** Bytes of their keys and values. */
  get dataBytes(): number {
    return this.#opened?.tables.current.dataBytes ?? 0;
  }

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return applyEntries(this.#sound().state, entries);
  }

  /** E1 @throws what the database says; the engine takes nothing more then (E4) */
  async commit(mark: DiskMark): Promise<void> {
    const { tables, saver, state } = this.#sound();
    const saved = tables.beginSave();
    const head = headOf(tables, state, mark); // nothing is awaited between: both are of one moment
    try {
      await saver.save(saved, (sql, folds) => {
        writeHead(sql, { ...head, folds });
        writeRows(sql, mark);
      });
    } catch (error) {
      this.#failure = ensureError(error);
      throw error;
    }
    tables.endSave();
    this.#tidying ??= this.#tidy(tables);
  }

  lookup<Q extends Query>(query: Q): QueryAnswer<Q> {
    const wallMs = this.#options.clock?.wallMs() ?? 0;
    return lookup(this.#use().state, 'sqlite', query, wallMs) as QueryAnswer<Q>;
  }

  prepareSnapshot(): Pin {
    return pinOf(this.#use().state);
  }

  async saveSnapshot(pin: Pin, write: WriteChunk, signal: AbortSignal): Promise<void> {
    await writePin(pin, write, signal);
  }

  async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    mark: DiskMark,
  ): Promise<void> {
    await this.#load(chunks, signal, () => mark);
  }

  async load(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.#load(chunks, signal, ({ attributes }) => markOf(attributes.change));
  }

  async compact(signal: AbortSignal): Promise<void> {
    await this.#use().db.compact(signal);
  }

  latestAppliedChangeNumber(): number {
    return this.#use().state.changes.latest;
  }

  appliedHistory(): History {
    return this.#use().state.changes.history;
  }

  /** As the others, and what was applied is on the disk when it resolves. @throws what the database says */
  async saveChanges(changes: readonly ChangeRecord[]): Promise<SavedChanges> {
    const saved = applyChanges(this.#sound().state, changes);
    await this.commit(markOf(saved.appliedUpTo));
    return saved;
  }

  stateHash(): string {
    return this.#use().state.hash();
  }

  /** What is not committed is lost to the disk, not to the log. Idempotent. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await this.#tidying;
    await opened?.db.close();
  }

  async #open(db: SqlDatabase): Promise<DiskMark | undefined> {
    const made = db.read((sql) => sql.get("SELECT 1 AS there FROM sqlite_master WHERE name = 'kv_head'"));
    if (!made) await db.transaction(createSchema);
    const head = db.read(readHead);
    await db.transaction((sql) => sql.run('DELETE FROM kv_fold WHERE seq > ?', [head?.folds ?? 0]));
    this.#opened = openedOn(db, head);
    await this.#opened.saver.fold();
    if (!head) return undefined;
    const rows = db.read((sql) => sql.all('SELECT k, v FROM kv_row ORDER BY k'));
    return {
      index: logIndex(head.index),
      term: logTerm(head.term),
      rows: rows.map((row) => ({ key: row['k'] as Uint8Array, value: row['v'] as Uint8Array })),
    };
  }

  async #load(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    mark: (loaded: Loaded) => DiskMark,
  ): Promise<void> {
    const { db, tables, saver } = this.#sound();
    const generations = { current: tables.newGeneration(), staged: tables.newGeneration() };
    let head: Head;
    try {
      const loaded = await loadPairs(db, chunks, generations, signal);
      const { attributes, current, staged } = loaded;
      const { index, term, rows } = mark(loaded);
      const folds = db.read(readHead)?.folds ?? 0;
      head = { ...attributes, index, term, current, staged: attributes.replacement && staged, folds };
      await db.transaction((sql) => {
        writeHead(sql, head);
        sql.run('DELETE FROM kv_row');
        writeRows(sql, { index, term, rows });
      });
    } catch (error) {
      for (const gen of Object.values(generations)) tables.abandon(gen);
      throw error;
    }
    tables.replace(head.current, head.staged);
    this.#opened = { db, tables, saver, state: stateOf(tables, head) };
  }

  /** Never rejects (E3). */
  async #tidy(tables: SqliteTables): Promise<void> {
    try {
      await tables.removeSome(REMOVED_ROWS);
    } catch (error) {
      this.#failure = ensureError(error);
    }
    this.#tidying = undefined;
  }

  /** E4 @throws what a commit failed of */
  #sound(): Opened {
    if (this.#failure) throw this.#failure;
    return this.#use();
  }

  #use(): Opened {
    assert(this.#opened !== undefined, 'an engine is used between open and close');
    return this.#opened;
  }
}

async function recorded(fs: RecordedFs): Promise<SqlDatabase> {
  return recordedDatabase(await RecordedSqlite.open(fs, DATABASE));
}

function openedOn(db: SqlDatabase, head: Head | undefined): Opened {
  const current = head?.current ?? { gen: 0, size: 0, dataBytes: 0 };
  const tables = new SqliteTables(db, current, head?.staged, db.read(generationsIn));
  return {
    db,
    tables,
    saver: new Saver(db, tables, head?.folds ?? 0),
    state: stateOf(tables, head ?? NO_ATTRIBUTES),
  };
}

function stateOf(tables: SqliteTables, { change, history, now, replacement }: Attributes): KvState {
  return new KvState(tables, { change, history, now, replacement });
}

function headOf(
  tables: SqliteTables,
  { attributes }: KvState,
  { index, term }: DiskMark,
): Omit<Head, 'folds'> {
  return { ...attributes, index, term, current: tables.current.head, staged: tables.staged?.head };
}

function writeRows(sql: SqlWriter, { rows }: DiskMark): void {
  for (const { key, value } of rows) {
    if (value) sql.run(UPSERT_ROW, [key, value]);
    else sql.run('DELETE FROM kv_row WHERE k = ?', [key]);
  }
}

/** The mark of an engine without a log of its own. */
function markOf(change: number): DiskMark {
  return { index: logIndex(change), term: logTerm(0), rows: [] };
}
