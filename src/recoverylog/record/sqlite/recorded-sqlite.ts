/**
 * A SQLite database in a recorded directory: whoever waits for a call of it sees nothing that a crash could take back.
 *
 * R1  What a call has changed or seen is durable in the log when it resolves.
 * R2  Calls that change something go no faster than the log takes them, one transaction at a time.
 * R3  After a failure of disk or log every call says RecorderBrokenError: this process has to end, and another one takes over.
 * R4  A cut of the log at any operation leaves a database that SQLite brings to the end of a transaction (docs/decisions/0035).
 * R5  While it is held (held.ts), its holder alone changes it.
 */
import { assert, systemClock, systemRandom } from '../../../base/index.ts';
import type { Segment } from '../../format/segment.ts';
import type { RecordedFs } from '../recorded-fs.ts';
import type { Recorder } from '../recorder.ts';
import { Connection, type Row, type Sql, type SqlParameters, type SqlReader } from './connection.ts';
import { SqliteRefusedError } from './errors.ts';
import { DatabaseFiles, type OpenFile } from './files.ts';
import { HeldSqlite } from './held.ts';
import { RecordingLedger } from './ledger.ts';
import { removeSuperJournals } from './leftovers.ts';
import { loadSqlite } from './load.ts';
import {
  databasePath,
  DEFAULT_JOURNAL_MODE,
  MAX_TRANSACTION_BYTES,
  PAGE_BYTES,
  SNAPSHOT_FACTOR,
  SNAPSHOT_LEAST_BYTES,
  type RecordedSqliteOptions,
} from './settings.ts';
import { FileSnapshot, settle } from './snapshot.ts';

/** Databases that are open, by directory: one connection each (files.ts F4). */
const taken = new WeakMap<Recorder, Set<string>>();

/** What a database's files keep in the log, bytes. */
export interface SqliteFootprint {
  /** Length of its files. */
  readonly databaseBytes: number;
  /** Log from the beginning of the oldest of them on: it cannot be pruned before the next snapshot. */
  readonly logBytes: number;
}

export class RecordedSqlite {
  readonly #recorder: Recorder;
  readonly #files: DatabaseFiles;
  readonly #ledger: RecordingLedger;
  readonly #connection: Connection;
  readonly #limit: number;
  readonly #path: string;
  #held: HeldSqlite | undefined;
  #snapshot: Promise<void> | undefined;
  #closed = false;

  private constructor(
    recorder: Recorder,
    files: DatabaseFiles,
    ledger: RecordingLedger,
    connection: Connection,
    path: string,
    limit: number,
  ) {
    this.#path = path;
    this.#recorder = recorder;
    this.#files = files;
    this.#ledger = ledger;
    this.#connection = connection;
    this.#limit = limit;
  }

  /**
   * Opens the database `path` of the recorded directory, made when there is none. What a crash has cut is undone first.
   * @throws SqliteError when it is no database, SqliteRefusedError when it is open already or in WAL mode, RecordedFsError EINVAL, RecorderBrokenError.
   */
  static async open(
    fs: RecordedFs,
    path: string,
    options: RecordedSqliteOptions = {},
  ): Promise<RecordedSqlite> {
    const { clock = systemClock, random = systemRandom } = options;
    const { dir, recorder, live } = fs.ground;
    await fs.barrier(); // what was written there before is on the disk, where SQLite reads it
    const clean = databasePath(path);
    const sqlite = await loadSqlite();
    const { liveNodes } = await recorder.buildHints();
    const begins = liveNodes.map(({ fnode, segments }) => [fnode, beginOf(segments)] as const);
    await recorder.whenWritable(); // what was cut may have to be undone
    const held = taken.get(recorder) ?? new Set<string>();
    taken.set(recorder, held);
    const ledger = new RecordingLedger(recorder, live, new Map(begins));
    const files = new DatabaseFiles(dir, ledger, held);
    if (!held.has(clean)) settle(files, clean);
    const connection = new Connection(sqlite, files, clean, { clock, random });
    try {
      prepare(connection, options);
      removeSuperJournals(files, clean, [...recorder.links.keys()]);
      files.flush();
    } catch (error) {
      connection.close();
      throw error;
    }
    const limit = options.maxTransactionBytes ?? MAX_TRANSACTION_BYTES;
    const db = new RecordedSqlite(recorder, files, ledger, connection, clean, limit);
    await db.barrier();
    return db;
  }

  /** Runs `work` in one transaction, and resolves with its result when that is durable. @throws what `work` throws (all is undone then), SqliteError, SqliteRefusedError, SqliteTooLargeError, RecorderBrokenError */
  async transaction<T>(work: (sql: Sql) => T): Promise<T> {
    return await this.#change(() => this.#connection.transaction(work));
  }

  /** From now on changes are made by what this returns, in transactions that stay open over calls. @throws SqliteRefusedError when it is held, RecorderBrokenError */
  hold(): HeldSqlite {
    this.#checkChange();
    this.#held = new HeldSqlite({
      connection: this.#connection,
      files: this.#files,
      recorder: this.#recorder,
      path: this.#path,
      maxTransactionBytes: this.#limit,
    });
    return this.#held;
  }

  /** Runs `work`, which looks and changes nothing; resolves when what it saw is durable. It may be what an older primary sees: ask session.readIndex first where that matters. @throws as transaction */
  async read<T>(work: (sql: SqlReader) => T): Promise<T> {
    this.#check();
    const result = this.#connection.read(work);
    await this.barrier();
    return result;
  }

  /**
   * Runs `work`, which looks and changes nothing, at what this connection sees, durable or not: for whoever has all of it in the log in another way, as a
   * state machine has its commands. @throws as transaction
   */
  peek<T>(work: (sql: SqlReader) => T): T {
    this.#check();
    return this.#connection.read(work);
  }

  /** One statement in a transaction of its own. @throws as transaction */
  async run(
    sql: string,
    parameters?: SqlParameters,
  ): Promise<{ readonly changes: number; readonly lastInsertRowid: bigint }> {
    return await this.transaction((tx) => tx.run(sql, parameters));
  }

  /** The rows of one statement that changes nothing. @throws as transaction */
  async query(sql: string, parameters?: SqlParameters): Promise<Row[]> {
    return await this.read((tx) => tx.all(sql, parameters));
  }

  /** Statements outside a transaction, each its own: VACUUM, ATTACH, PRAGMA, and what is one anyway. @throws as transaction */
  async exec(sql: string): Promise<void> {
    await this.#change(() => this.#connection.exec(sql));
  }

  /** Resolves when everything that was changed so far is durable. @throws RecorderBrokenError */
  async barrier(): Promise<void> {
    this.#check();
    await this.#recorder.barrier();
  }

  get footprint(): SqliteFootprint {
    const { databases } = this.#files;
    const begins = databases.map(({ id }) => this.#ledger.beginOf(id));
    return {
      databaseBytes: databases.reduce((sum, { size }) => sum + size, 0),
      logBytes: this.#recorder.end - Math.min(...begins),
    };
  }

  /** Whether a snapshot is worth what it writes. */
  get snapshotIsDue(): boolean {
    const { databaseBytes, logBytes } = this.footprint;
    return logBytes > Math.max(SNAPSHOT_LEAST_BYTES, SNAPSHOT_FACTOR * databaseBytes);
  }

  /**
   * Writes the files of all databases of this connection anew, while transactions go on: hints made from now on need nothing of the log before. Resolves
   * when that is durable. Calls at the same time share one.
   * @throws RecorderBrokenError, the signal's reason
   */
  async snapshot(signal?: AbortSignal): Promise<void> {
    this.#check();
    this.#snapshot ??= this.#rewrite(signal).finally(() => (this.#snapshot = undefined));
    await this.#snapshot;
  }

  /** Closes, also after a failure. Calls under way resolve by themselves; a snapshot under way is given up. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#snapshot?.catch(() => undefined); // its caller is told
    this.#held?.releaseAll();
    this.#connection.close();
  }

  async #rewrite(signal: AbortSignal | undefined): Promise<void> {
    for (const { path } of this.#files.databases) {
      await this.#room(signal);
      this.#files.allow(this.#limit);
      this.#connection.settle(); // the length that a database tells is right only then
      const file = this.#files.databases.find((each) => each.path === path);
      if (file && file.size > 0) await this.#rewriteFile(file, signal);
    }
    await this.barrier();
  }

  async #rewriteFile(file: OpenFile, signal: AbortSignal | undefined): Promise<void> {
    const copying = new FileSnapshot(this.#files, file);
    try {
      while (!copying.step()) {
        await this.#room(signal);
        if (file.gone) return copying.cancel(); // it was detached
      }
    } catch (error) {
      copying.cancel();
      throw error;
    }
    copying.finish();
  }

  /** Until a snapshot may go on. */
  async #room(signal: AbortSignal | undefined): Promise<void> {
    await this.#recorder.whenWritable();
    signal?.throwIfAborted();
    this.#check();
  }

  /** R1, R2 */
  async #change<T>(act: () => T): Promise<T> {
    this.#checkChange();
    await this.#recorder.whenWritable();
    this.#checkChange();
    this.#files.allow(this.#limit);
    const result = act();
    await this.barrier();
    return result;
  }

  /** R5 */
  #checkChange(): void {
    this.#check();
    if (this.#held) throw new SqliteRefusedError('the database is held', 'use what hold() gave');
  }

  /** R3 */
  #check(): void {
    if (this.#files.failure) throw this.#files.failure;
    if (this.#closed) throw new SqliteRefusedError('the database is closed', 'open it again');
  }
}

/** Where a file begins in this log; one that came from another log needs all of this one. */
function beginOf([first]: readonly Segment[]): number {
  return first === undefined || first.log !== '' ? 0 : first.firstOffset;
}

/** Settings, and what SQLite makes of them: a database that would write in another way is not opened. */
function prepare(connection: Connection, options: RecordedSqliteOptions): void {
  const journalMode = options.journalMode ?? DEFAULT_JOURNAL_MODE;
  if (connection.pragma('page_count') === 0)
    connection.exec(`PRAGMA page_size = ${options.pageBytes ?? PAGE_BYTES}`); // a later VACUUM would give it to an older one
  const mode = connection.pragma(`journal_mode = ${journalMode}`); // reads the file: a cut transaction is undone here
  assert(mode === journalMode, 'the journal mode is the one that was asked for', { mode: String(mode) });
  connection.exec('PRAGMA synchronous = FULL');
  assert(connection.pragma('synchronous') === 2, 'synchronous is FULL');
}
