/**
 * A recorded database whose transactions last as long as their holder wants: for a state machine whose commands are durable before they are applied, and
 * which commits many of them at once.
 *
 * L1  There is always one transaction open. What updates do in it is seen by every later call at once; a crash before `commit` takes it back.
 * L2  Nothing of it is in the database's file before `commit` (cache_spill is off): until then the file says what the last commit left. What changes
 *     waits in memory, so the holder commits before it is much.
 * L3  Nothing here waits for the log: what a commit has changed is durable with the next barrier, and what was recorded later is durable no earlier.
 * L4  SQL's time and randomness are what the holder gives, and what it counts is of one update, so that the same updates give the same content everywhere.
 */
import { assert, type Random } from '../../../base/index.ts';
import type { Recorder } from '../recorder.ts';
import type { Connection, Sql, SqlReader } from './connection.ts';
import type { DatabaseFiles } from './files.ts';
import { PinnedFile } from './pinned-file.ts';

export interface HeldParts {
  readonly connection: Connection;
  readonly files: DatabaseFiles;
  readonly recorder: Recorder;
  readonly path: string;
  readonly maxTransactionBytes: number;
}

/**
 * What a commit may write, in transactions' limits: nothing of it is ever undone, so the room that others keep for that is free, and the journal is in the
 * log before.
 */
const COMMIT_FACTOR = 2;
/** Most bytes that SQL's randomblob() makes at once: what a value may have is far below. */
const MAX_RANDOM_BYTES: number = 1024 * 1024;

export class HeldSqlite {
  readonly #parts: HeldParts;
  readonly #pinned = new Set<PinnedFile>();
  readonly #pageBytes: number;
  /** At the last commit. */
  #since = { written: 0, pages: 0 };

  /** The connection is between two transactions. */
  constructor(parts: HeldParts) {
    this.#parts = parts;
    parts.connection.exec('PRAGMA cache_spill = OFF'); // L2
    parts.connection.countByUpdate(); // L4
    this.#pageBytes = Number(parts.connection.pragma('page_size'));
    this.#begin();
  }

  /** Resolves when the log has room for what an update writes. To be awaited before each. @throws RecorderBrokenError */
  async room(): Promise<void> {
    await this.#parts.recorder.whenWritable();
  }

  /**
   * Runs `work` of others (guard.ts): it sees all earlier updates, and is undone when it throws.
   * @throws what `work` throws, SqliteError, SqliteRefusedError, SqliteTooLargeError, SqliteTransactionLostError, RecorderBrokenError
   */
  update<T>(work: (sql: Sql) => T): T {
    return this.#within(work, true);
  }

  /** As update, for the holder's own statements. */
  own<T>(work: (sql: Sql) => T): T {
    return this.#within(work, false);
  }

  /** Runs `work` of others, which only looks. @throws as update */
  read<T>(work: (sql: SqlReader) => T): T {
    return this.#looking(work, true);
  }

  /** As read, for the holder's own statements: they may read SQLite's settings too. */
  look<T>(work: (sql: SqlReader) => T): T {
    return this.#looking(work, false);
  }

  /** Makes all updates since the last commit part of the database's file, all or none (L3). @throws SqliteError, SqliteTooLargeError, SqliteTransactionLostError, RecorderBrokenError */
  commit(): void {
    const { connection, files, maxTransactionBytes } = this.#parts;
    connection.checkTransaction();
    for (const pinned of this.#pinned) pinned.saveFromChange();
    files.allow(COMMIT_FACTOR * maxTransactionBytes);
    connection.commit();
    this.#begin();
  }

  /**
   * What the next commit writes, bytes, or a little more: pages that were there before are in the journal by now, and those that are new are counted.
   */
  get pendingBytes(): number {
    const { files } = this.#parts;
    return files.written - this.#since.written + (this.#pages() - this.#since.pages) * this.#pageBytes;
  }

  /** The database's file as the last commit left it, for as long as it is not released, whatever is committed meanwhile. */
  pin(): PinnedFile {
    const { files, path } = this.#parts;
    files.flush();
    const file = files.databases.find((each) => each.path === path);
    assert(file !== undefined, 'a database that is held is open', { path });
    const pinned: PinnedFile = new PinnedFile(
      (into, offset) => files.read(file, into, offset),
      () => this.#pinned.delete(pinned),
    );
    this.#pinned.add(pinned);
    return pinned;
  }

  /** SQL's random() and randomblob() take what they give from here (L4). */
  useRandom(random: Pick<Random, 'bytes'>): void {
    const { connection } = this.#parts;
    const word = (): bigint => {
      const bytes = random.bytes(8);
      return new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0);
    };
    connection.define('random', 0, word);
    connection.define('randomblob', 1, (length) =>
      random.bytes(Math.max(1, Math.min(Number(length) || 1, MAX_RANDOM_BYTES))),
    );
  }

  /** Whoever reads from pinned files goes on; new calls are the connection's business. */
  releaseAll(): void {
    for (const pinned of this.#pinned) pinned.release();
  }

  #begin(): void {
    const { connection, files } = this.#parts;
    connection.begin();
    this.#since = { written: files.written, pages: this.#pages() };
  }

  #pages(): number {
    return Number(this.#parts.connection.pragma('page_count'));
  }

  /** What is lost was seen before: a look that does not find it any more goes back in time. */
  #looking<T>(work: (sql: SqlReader) => T, guarded: boolean): T {
    this.#parts.connection.checkTransaction();
    return this.#parts.connection.read(work, guarded);
  }

  #within<T>(work: (sql: Sql) => T, guarded: boolean): T {
    const { connection, files, maxTransactionBytes } = this.#parts;
    connection.checkTransaction();
    files.allow(maxTransactionBytes);
    return connection.within(work, guarded);
  }
}
