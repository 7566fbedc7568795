/**
 * The state of an on-disk machine in one recorded SQLite database: the machine's tables, and beside them, in the same transaction, the mark that says how
 * far they have come (types.ts DiskMark). SqliteMachine of the SDK is one use of it.
 *
 * S1  The mark, the runtime's rows and the machine's updates since the last commit become part of the file together or not at all.
 * S2  What updates do is seen at once (recoverylog's HeldSqlite); a crash before the commit takes it back, and the log has the commands.
 * S3  A snapshot is the file as it was when it was pinned. Recovering puts such a file, with the mark that was asked for, in the place of the old one by a
 *     rename: until the old one's name is taken from it the old state is whole, from then on the new one.
 * S4  Steps of the schema are done once each, in their order, before the first command that a version applies.
 */
import { mkdtemp, open as openFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, ensureError, type Clock } from '../../base/index.ts';
import {
  openSqliteCopy,
  RecordedSqlite,
  type HeldSqlite,
  type PinnedFile,
  type RecordedFs,
  type Sql,
  type SqlReader,
} from '../../recoverylog/index.ts';
import { logIndex, logTerm, type DiskMark, type MarkRow, type WriteChunk } from '../types.ts';
import { CommandTime } from './command-time.ts';
import { SchemaTooNewError, SqliteSnapshotError } from './errors.ts';
import { databaseHash } from './hash.ts';

export interface SqliteStateOptions {
  /** Of the database in the recorded directory. */
  readonly path: string;
  /** Steps of the schema, oldest first; later versions add steps and change none (S4). */
  readonly schema: readonly string[];
  /** Real time, for lookups. */
  readonly clock?: Clock;
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS _holdfast_mark (
    only INTEGER PRIMARY KEY CHECK (only = 1), log_index INTEGER, term INTEGER, now_ms INTEGER NOT NULL, steps INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS _holdfast_row (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  INSERT OR IGNORE INTO _holdfast_mark VALUES (1, NULL, NULL, 0, 0);`;
/** Where a snapshot is written before it takes the database's place. */
const RESTORED = '-restored';
/** Written at a time, bytes: one operation of the log. */
const PIECE_BYTES: number = 1024 * 1024;

interface Open {
  readonly fs: RecordedFs;
  readonly db: RecordedSqlite;
  readonly held: HeldSqlite;
}

export class SqliteState {
  readonly #path: string;
  readonly #schema: readonly string[];
  readonly #time: CommandTime;
  #open: Open | undefined;

  constructor({ path, schema, clock }: SqliteStateOptions) {
    this.#path = path;
    this.#schema = schema;
    this.#time = new CommandTime(clock);
  }

  /**
   * Opens the database, made when there is none, and brings its schema up to date. @returns the last mark committed; undefined when there is none
   * @throws SchemaTooNewError, SqliteError, RecorderBrokenError
   */
  async open(fs: RecordedFs): Promise<DiskMark | undefined> {
    assert(this.#open === undefined, 'a state is opened once');
    await this.#settle(fs);
    return await this.#openIn(fs);
  }

  /**
   * Runs `work` for the command `index`, in the time with which it was stamped (command-time.ts T1); undone when it throws.
   * @throws what `work` throws, SqliteError, SqliteRefusedError; SqliteTooLargeError and RecorderBrokenError, after which nothing can be applied any more
   */
  update<T>(index: number, stampedMs: number, work: (sql: Sql, nowMs: number) => T): T {
    const { held } = this.#opened();
    return this.#time.during(index, stampedMs, (nowMs) => held.update((sql) => work(sql, nowMs)));
  }

  /** Resolves when the log has room for what updates and commits write. To be awaited before them. @throws RecorderBrokenError */
  async room(): Promise<void> {
    await this.#opened().held.room();
  }

  /** What the next commit writes, bytes, about. */
  get pendingBytes(): number {
    return this.#opened().held.pendingBytes;
  }

  /** Runs `work`, which only looks, at everything that was applied. @throws what `work` throws, SqliteError, SqliteRefusedError */
  read<T>(work: (sql: SqlReader) => T): T {
    return this.#opened().held.read(work);
  }

  /** S1. @throws SqliteError, SqliteTooLargeError, RecorderBrokenError */
  commit(mark: DiskMark): void {
    const { held } = this.#opened();
    held.own((sql) => writeMark(sql, mark, this.#time.lastMs));
    held.commit();
  }

  /** The state as the last commit left it, until it is released or saved (S3). */
  pin(): PinnedFile {
    return this.#opened().held.pin();
  }

  /** Writes a pinned state and releases it. @throws what `write` throws, the signal's reason */
  async save(pinned: PinnedFile, write: WriteChunk, signal: AbortSignal): Promise<void> {
    try {
      for (let piece = pinned.next(); piece !== undefined; piece = pinned.next()) {
        signal.throwIfAborted();
        await write(piece);
      }
    } finally {
      pinned.release();
    }
  }

  /** S3. @throws SqliteSnapshotError, and then nothing was changed; RecorderBrokenError, the signal's reason */
  async recover(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal, mark: DiskMark): Promise<void> {
    const { fs, db } = this.#opened();
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-restored-'));
    try {
      const local = join(directory, 'db');
      await writeLocally(local, chunks, signal);
      await putMark(directory, mark);
      await this.#record(fs, local, signal);
      this.#open = undefined;
      await db.close();
      await fs.rename(this.#path + RESTORED, this.#path);
      await this.#openIn(fs);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Writes the file anew, beside updates, when that lets enough of the log be pruned. @throws RecorderBrokenError, the signal's reason */
  async compact(signal: AbortSignal): Promise<void> {
    const { db } = this.#opened();
    if (db.snapshotIsDue) await db.snapshot(signal);
  }

  /** Digest of all that the machine's tables say (hash.ts). */
  hash(): string {
    return this.#opened().held.look(databaseHash);
  }

  /** Closes; what was not committed is left to the log. Idempotent. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.db.close();
  }

  async #openIn(fs: RecordedFs): Promise<DiskMark | undefined> {
    const db = await RecordedSqlite.open(fs, this.#path, { clock: this.#time });
    try {
      const held = db.hold();
      held.useRandom(this.#time);
      held.own((sql) => sql.exec(TABLES));
      this.#bringUpToDate(held);
      held.commit();
      const { mark, nowMs } = held.look(readMark);
      this.#time.restore(nowMs);
      this.#open = { fs, db, held };
      return mark;
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  /** A crash may have cut a recovery: before the rename its file has no use, in the midst of it that file is whole and alone (S3). */
  async #settle(fs: RecordedFs): Promise<void> {
    const restored = this.#path + RESTORED;
    if (!fs.exists(restored)) return;
    await (fs.exists(this.#path) ? fs.unlink(restored) : fs.rename(restored, this.#path));
  }

  /** S4 */
  #bringUpToDate(held: HeldSqlite): void {
    const row = held.look((sql) => sql.get('SELECT steps FROM _holdfast_mark'));
    const done = Number(row?.['steps']);
    if (done > this.#schema.length) throw new SchemaTooNewError(done, this.#schema.length);
    for (const step of this.#schema.slice(done)) held.update((sql) => sql.exec(step));
    held.own((sql) => sql.run('UPDATE _holdfast_mark SET steps = ?', [this.#schema.length]));
  }

  /** Copies a local file into the recorded directory, beside the database. */
  async #record(fs: RecordedFs, local: string, signal: AbortSignal): Promise<void> {
    const source = await openFile(local, 'r');
    const target = await fs.open(this.#path + RESTORED, { create: true, truncate: true });
    try {
      for await (const piece of piecesOf(source)) {
        signal.throwIfAborted();
        await fs.ground.recorder.whenWritable();
        await target.append(piece);
      }
    } finally {
      await target.close();
      await source.close();
    }
  }

  #opened(): Open {
    assert(this.#open !== undefined, 'a state is opened before it is used, and not used after it was closed');
    return this.#open;
  }
}

function readMark(sql: SqlReader): { readonly mark: DiskMark | undefined; readonly nowMs: number } {
  const { log_index: index, term, now_ms: nowMs } = sql.get('SELECT * FROM _holdfast_mark')!;
  if (index === null || index === undefined) return { mark: undefined, nowMs: Number(nowMs) };
  const rows: readonly MarkRow[] = sql
    .all('SELECT key, value FROM _holdfast_row ORDER BY key')
    .map(({ key, value }) => ({ key: key as Uint8Array, value: value as Uint8Array }));
  return {
    mark: { index: logIndex(Number(index)), term: logTerm(Number(term)), rows },
    nowMs: Number(nowMs),
  };
}

function writeMark(sql: Sql, { index, term, rows }: DiskMark, nowMs: number): void {
  sql.run('UPDATE _holdfast_mark SET log_index = ?, term = ?, now_ms = ?', [index, term, nowMs]);
  for (const { key, value } of rows) {
    if (value === undefined) sql.run('DELETE FROM _holdfast_row WHERE key = ?', [key]);
    else sql.run('INSERT OR REPLACE INTO _holdfast_row (key, value) VALUES (?, ?)', [key, value]);
  }
}

async function writeLocally(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const file = await openFile(path, 'wx');
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
}

/** Gives a database that nobody records another mark, and looks whether it is whole. @throws SqliteSnapshotError */
async function putMark(directory: string, mark: DiskMark): Promise<void> {
  try {
    const copy = await openSqliteCopy(directory, 'db');
    try {
      const check = copy.read((sql) => sql.get('PRAGMA quick_check'));
      if (check?.['quick_check'] !== 'ok') throw new SqliteSnapshotError(String(check?.['quick_check']));
      copy.transaction((sql) => {
        sql.run('DELETE FROM _holdfast_row');
        writeMark(sql, mark, Number(sql.get('SELECT now_ms FROM _holdfast_mark')?.['now_ms']));
      });
    } finally {
      copy.close();
    }
  } catch (error) {
    if (error instanceof SqliteSnapshotError) throw error;
    throw new SqliteSnapshotError(ensureError(error).message, error);
  }
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ;) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(PIECE_BYTES), 0, PIECE_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
