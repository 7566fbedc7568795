/**
 * Options of a recorded database, with their defaults and reasons.
 */
import { DEFAULT_SESSION_OPTIONS } from '../../../journal/index.ts';
import type { Clock, Random } from '../../../base/index.ts';
import { RecordedFsError } from '../../errors.ts';
import { cleanPath } from '../../paths.ts';

export interface RecordedSqliteOptions {
  /** How a commit ends its journal: it is removed, or emptied. The same to the log; TRUNCATE saves opening it for every transaction. */
  readonly journalMode?: 'delete' | 'truncate';
  /**
   * What one transaction may write, bytes, its journal included: all of it waits in memory until the log has it. The default leaves room for undoing
   * it, below what a session with the default bufferLimitBytes takes; a session with a smaller buffer needs a smaller limit here.
   */
  readonly maxTransactionBytes?: number;
  /** Size of a page, bytes: what the smallest change costs the log four times over (two pages, and both in the journal). Counts for a new database only. */
  readonly pageBytes?: number;
  /** The time that SQL sees. */
  readonly clock?: Clock;
  readonly random?: Random;
}

export const DEFAULT_JOURNAL_MODE = 'truncate';
/** With HARD_BUFFER_FACTOR 4: one buffer that is full, one and a half for a transaction, and as much to undo it. */
export const MAX_TRANSACTION_BYTES: number = 1.5 * DEFAULT_SESSION_OPTIONS.bufferLimitBytes;
/** SQLite's own default; this build's is 8 KiB. */
export const PAGE_BYTES = 4096;
/** A snapshot is worth its price when this many times its bytes can go from the log: half of what is written then, at most, is snapshots. */
export const SNAPSHOT_FACTOR = 2;
/** Below it a log is short enough for any restore, bytes. */
export const SNAPSHOT_LEAST_BYTES: number = 16 * 1024 * 1024;

/** @throws RecordedFsError EINVAL */
export function databasePath(path: string): string {
  const clean = cleanPath(path);
  if (clean === undefined) throw new RecordedFsError('EINVAL', 'open', path);
  return clean;
}
