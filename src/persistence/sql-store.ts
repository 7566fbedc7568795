/**
 * sql-store: the revision primitive over one table of an SQL database (seeds.md §5.5; the original's statements are right on SQLite only: F2.16).
 *
 * Q1  The database compares: a first value is an INSERT under a unique key, every later one an UPDATE … WHERE id AND revision. No transaction is held
 *     and nothing that was read is relied on, so two writers never both win, whatever the isolation level.
 * Q2  Every attempt leaves a token of its own in the row. When nobody knows whether a statement was done, the row is read: our token says yes;
 *     another's under the revision that we wanted says that ours was not and never will be; anything else is told as unknown.
 * Q3  A row is covered by a checksum: cut or changed by hand it is CorruptError, never another value and never nothing (DESIGN I12).
 * Q4  Ids are stored as bytes: no collation takes two of them for one.
 */
import {
  backoffMs,
  crc32c,
  fromUtf8,
  HoldfastError,
  raceAbort,
  utf8,
  type BackoffPolicy,
} from '../base/index.ts';
import type { RetryParts } from './annotated-object.ts';
import { writerToken } from './annotations.ts';
import { ConflictError, CorruptError, ForbiddenError, TooLargeError, UnavailableError } from './errors.ts';
import type { SqlDialect } from './sql-dialect.ts';
import type { SqlDriver, SqlRow } from './sql-driver.ts';
import { sqlStatements, type SqlStatements } from './sql-statements.ts';
import type { RevisionStore, StoredState } from './types.ts';

/** Largest value, bytes: a quarter of the smallest packet that a server takes as delivered (MariaDB: 16 MiB). */
export const MAX_SQL_VALUE_BYTES: number = 4 * 1024 * 1024;
/** Longest id, bytes of UTF-8: what every one of the databases takes as a key. */
const MAX_ID_BYTES = 255;
/** Characters of a writer's name; it is for people. */
const MAX_WRITER = 200;
const RETRY: BackoffPolicy = { firstMs: 10, factor: 2, capMs: 500, jitter: 1 };
/** With RETRY about two seconds of others being in the way. */
const MAX_ATTEMPTS = 10;

export interface SqlStoreOptions extends RetryParts {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  /** Lower-case letters, digits and underscores; `holdfast_state` by default. */
  readonly table?: string;
  /** Who writes, for people; a random part is added for every attempt. */
  readonly writer: string;
}

interface Row extends StoredState {
  readonly writer: string;
}

interface Commit {
  readonly id: string;
  readonly revision: number | undefined;
  readonly row: Row;
  /** One attempt; @returns rows changed */
  readonly write: () => Promise<number>;
}

/** @throws HoldfastError STATE_TABLE_INVALID */
export function sqlStore(options: SqlStoreOptions): RevisionStore {
  return new SqlStore(options);
}

class SqlStore implements RevisionStore {
  readonly #options: SqlStoreOptions;
  readonly #sql: SqlStatements;
  readonly #where: string;

  constructor(options: SqlStoreOptions) {
    const { dialect, table = 'holdfast_state' } = options;
    this.#options = options;
    this.#sql = sqlStatements(dialect, table);
    this.#where = `Table ${table} of the ${dialect.name} database`;
  }

  async init(signal?: AbortSignal): Promise<void> {
    const { driver } = this.#options;
    try {
      await this.#ask(() => driver.run(this.#sql.create, []), signal);
    } catch (error) {
      signal?.throwIfAborted();
      // Another process made it at the same moment, or only others may make tables: it is enough that it is there.
      await this.#ask(() => driver.all(this.#sql.probe, []), signal).catch(() => {
        throw error;
      });
    }
  }

  async read(id: string, signal?: AbortSignal): Promise<StoredState | undefined> {
    const row = await this.#row(id, signal);
    return row && stateOf(row);
  }

  async compareAndSet(
    id: string,
    revision: number | undefined,
    value: Uint8Array,
    signal?: AbortSignal,
  ): Promise<number> {
    const { driver, random } = this.#options;
    const key = keyOf(id);
    if (value.length > MAX_SQL_VALUE_BYTES) throw new TooLargeError(id, value.length, MAX_SQL_VALUE_BYTES);
    const name = this.#options.writer.replaceAll(/[^ -~]/g, '_').slice(0, MAX_WRITER);
    const row: Row = {
      value: value.slice(),
      revision: (revision ?? 0) + 1,
      writer: writerToken(name, random),
    };
    const columns = [row.revision, row.writer, checksumOf(id, row), row.value];
    const write = (): Promise<number> =>
      revision === undefined
        ? driver.run(this.#sql.insert, [...columns, key])
        : driver.run(this.#sql.update, [...columns, key, revision]);
    await this.#commit({ id, revision, row, write }, signal);
    return row.revision;
  }

  /** Q1, Q2. */
  async #commit({ id, revision, row, write }: Commit, signal: AbortSignal | undefined): Promise<void> {
    const { dialect, clock, random } = this.#options;
    let unsure: unknown;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      let obstacle: unknown;
      try {
        if ((await raceAbort(write(), signal)) > 0) return;
      } catch (error) {
        signal?.throwIfAborted();
        const fault = dialect.faultOf(error);
        if (fault === 'away') unsure = error;
        else if (fault !== 'busy' && fault !== 'duplicate') throw this.#told(unsure ?? error);
        obstacle = error;
      }
      const stored = await this.#look(id, unsure, signal);
      if (stored?.writer === row.writer) return;
      if (stored?.revision !== revision) {
        if (unsure === undefined || stored?.revision === row.revision)
          throw new ConflictError(id, revision, stored && stateOf(stored));
        throw new UnavailableError(`The outcome for ${id}`, unsure);
      }
      if (attempt === MAX_ATTEMPTS) throw new UnavailableError(this.#where, unsure ?? obstacle);
      await clock.sleep(backoffMs(RETRY, attempt - 1, random), signal);
    }
  }

  /** The row after a write that did not say that it was done. Where nobody can look, nobody knows. */
  async #look(id: string, unsure: unknown, signal: AbortSignal | undefined): Promise<Row | undefined> {
    try {
      return await this.#row(id, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw unsure === undefined ? error : new UnavailableError(`The outcome for ${id}`, unsure);
    }
  }

  async list(signal?: AbortSignal): Promise<readonly string[]> {
    const rows = await this.#ask(() => this.#options.driver.all(this.#sql.list, []), signal);
    return rows.map(({ id }) => idOf(id)).sort();
  }

  async #row(id: string, signal: AbortSignal | undefined): Promise<Row | undefined> {
    const key = keyOf(id);
    const row = await this.#ask(() => this.#options.driver.get(this.#sql.read, [key]), signal);
    return row && checked(id, row);
  }

  /** What may be asked again without harm. */
  async #ask<T>(question: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return await raceAbort(question(), signal);
      } catch (error) {
        signal?.throwIfAborted();
        const fault = this.#options.dialect.faultOf(error);
        if ((fault !== 'busy' && fault !== 'away') || attempt === MAX_ATTEMPTS) throw this.#told(error);
      }
      await this.#options.clock.sleep(backoffMs(RETRY, attempt - 1, this.#options.random), signal);
    }
  }

  #told(error: unknown): Error {
    switch (this.#options.dialect.faultOf(error)) {
      case 'forbidden':
        return new ForbiddenError(this.#where, error);
      case 'too-large':
        return new TooLargeError(this.#where, 0, MAX_SQL_VALUE_BYTES);
      case 'damaged':
        return new CorruptError(this.#where, 'the database itself says so', error);
      case 'away':
      case 'busy':
      case 'duplicate':
      case 'missing':
        return new UnavailableError(this.#where, error);
    }
  }
}

function stateOf({ value, revision }: Row): StoredState {
  return { value, revision };
}

/** @throws HoldfastError STATE_ID_INVALID */
function keyOf(id: string): Uint8Array {
  const key = utf8(id);
  if (key.length > MAX_ID_BYTES)
    throw new HoldfastError('STATE_ID_INVALID', `The id "${id}" is longer than ${MAX_ID_BYTES} bytes.`, {
      fields: { id },
    });
  return key;
}

function idOf(stored: unknown): string {
  if (!(stored instanceof Uint8Array)) throw new CorruptError('An id', 'it is not stored as bytes');
  try {
    return fromUtf8(stored);
  } catch (cause) {
    throw new CorruptError('An id', 'it is not UTF-8', cause);
  }
}

/** Q3. @throws CorruptError */
function checked(id: string, row: SqlRow): Row {
  const { revision, writer, checksum, value } = row;
  const counted = typeof revision === 'bigint' || typeof revision === 'string' ? Number(revision) : revision;
  if (typeof counted !== 'number' || !Number.isSafeInteger(counted) || counted < 1)
    throw new CorruptError(id, 'its revision is no number of a commit');
  if (typeof writer !== 'string' || !(value instanceof Uint8Array))
    throw new CorruptError(id, 'its columns are not of their types');
  const found: Row = { value: new Uint8Array(value), revision: counted, writer };
  if (checksumOf(id, found) !== checksum) throw new CorruptError(id, 'its checksum does not fit');
  return found;
}

function checksumOf(id: string, { value, revision, writer }: Row): string {
  const head = utf8(JSON.stringify([id, revision, writer]));
  return crc32c(value, crc32c(head)).toString(16).padStart(8, '0');
}
