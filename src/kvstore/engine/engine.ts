/**
 * An engine: the key-value store as a replicated state machine, over tables that hold the pairs.
 *
 * Z1  A result's data is a digest of the command that gave it, its times left out. The runtime returns the first result for a repeated request id, so
 *     comparing digests tells an honest retry from an id used for something else, on every replica and after every handoff.
 * Z2  A snapshot is the view taken by prepareSnapshot; commands applied afterwards are not in it.
 */
import { ensureError } from '../../base/index.ts';
import { type AppliedEntry, type Entry, type WriteChunk } from '../../statemachine/index.ts';
import { decodeWithDigest } from '../command.ts';
import { snapshotChunks } from './snapshot.ts';
import { type Attributes, type KvState } from './state.ts';
import { type TableView } from './table.ts';
import {
  type ChangeApplier,
  type ChangeRecord,
  type Query,
  type QueryAnswer,
  type SavedChanges,
} from './types.ts';

/** A point in time of an engine. */
export interface Pin {
  readonly attributes: Attributes;
  readonly current: TableView;
  /** There is one exactly while the contents are being replaced. */
  readonly staged: TableView | undefined;
}

/** An engine that is open, for whoever drives it without a log of its own: a read replica. */
export interface Engine extends ChangeApplier {
  /** @throws KvError INVALID_QUERY, GapError, AheadError, DivergedError */
  lookup<Q extends Query>(query: Q): QueryAnswer<Q>;
  /** Replaces everything by a snapshot of another engine. @throws KvFormatError, the signal's reason; then it is as it was */
  load(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  stateHash(): string;
  /** Why it takes nothing more, until it is opened again; what it shows goes on. */
  readonly failure: Error | undefined;
  close(): void | Promise<void>;
}

/** @throws KvFormatError on a command that this version cannot read: the shard halts rather than guess */
export function applyEntries(state: KvState, entries: readonly Entry[]): readonly AppliedEntry[] {
  return entries.map((entry) => {
    const { digest, mark, ...stamped } = decodeWithDigest(entry.cmd);
    return { ...entry, result: { value: state.apply(entry.index, stamped, mark), data: digest } };
  });
}

/** Z2 */
export function pinOf({ attributes, tables }: KvState): Pin {
  return { attributes, current: tables.current.view(), staged: tables.staged?.view() };
}

/** Writes the pin's snapshot and lets go of it. @throws what `write` throws, the signal's reason */
export async function writePin(pin: Pin, write: WriteChunk, signal: AbortSignal): Promise<void> {
  const { attributes, current, staged } = pin;
  try {
    for (const chunk of snapshotChunks(attributes, current, staged)) {
      signal.throwIfAborted();
      await write(chunk);
    }
  } finally {
    current.close();
    staged?.close();
  }
}

/** Applies changes up to the first that fails. */
export function applyChanges(state: KvState, changes: readonly ChangeRecord[]): SavedChanges {
  try {
    for (const change of changes) state.applyChange(change);
    return { appliedUpTo: state.changes.latest };
  } catch (error) {
    return { appliedUpTo: state.changes.latest, error: ensureError(error) };
  }
}
