/**
 * types: the contract between the runtime and a state machine of the three kinds (seeds.md §4.1, §5.2).
 *
 * Y1  A command's failure is a result. An error thrown by the machine halts the shard: there is no "this one command failed" (F4.6).
 * Y2  Update is a function of the state and the commands alone: no time, no randomness, no I/O. The same commands give the same state, the same
 *     results and the same hash on the primary, on a standby and after replay (DESIGN I7).
 * Y3  A command is applied in one turn, so no lookup ever sees half of it; in memory a whole batch is. Saving a snapshot runs beside updates, on the view
 *     that prepare took; only a regular machine stands still instead.
 * Y4  Indexes of the entries a machine gets grow and may leave out some: the runtime's own entries and repeated commands take indexes as well.
 */
import { checkPosition } from '../base/index.ts';
import type { RecordedFs } from '../recoverylog/index.ts';

declare const kind: unique symbol;
/** Number of a command in the history of one shard: 1, 2, 3 … without gaps. 0 means "before the first". */
export type LogIndex = number & { readonly [kind]: 'index' };
/** Number of an assignment of the shard; it only grows. */
export type Term = number & { readonly [kind]: 'term' };

/** @throws PositionError unless `value` is a whole number from 0 to 2^53-1 */
export function logIndex(value: number): LogIndex {
  return checkPosition('log index', value) as LogIndex;
}

/** @throws PositionError unless `value` is a whole number from 0 to 2^53-1 */
export function logTerm(value: number): Term {
  return checkPosition('term', value) as Term;
}

/** What a command answered. `value` is a whole number from 0 to 2^53-1 whose meaning is the machine's. */
export interface Result {
  readonly value: number;
  readonly data: Uint8Array;
}

/** A command as the machine gets it; `cmd` must not be kept without copying (F4.5). */
export interface Entry {
  readonly index: LogIndex;
  readonly cmd: Uint8Array;
}

/** The same entry with its result; the result's data belongs to the runtime from here on. */
export interface AppliedEntry extends Entry {
  readonly result: Result;
}

export type WriteChunk = (chunk: Uint8Array) => Promise<void>;

/** A file that travels beside a snapshot (F4.24). */
export interface SnapshotFile {
  /** Unique within its snapshot. */
  readonly id: number;
  /** Where its bytes can be read: a path of the recorded directory while saving, a local path while recovering. */
  readonly path: string;
  readonly metadata: Uint8Array;
}

/** Takes the files that belong to a snapshot while it is saved. All of them are named before the first byte is written. */
export interface SnapshotFiles {
  /** @param path of the recorded directory; the file is linked, so it may be unlinked or replaced afterwards but not written to */
  add(id: number, path: string, metadata?: Uint8Array): void;
}

interface Machine<Query, Answer> {
  /** Answers from the state as it is now; on a standby that may be behind. May answer with a promise. */
  lookup(query: Query): Answer;
  /** The same with bytes, for callers that know nothing of Query (F4.17). */
  lookupBytes?(query: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Replaces the whole state by a saved one. @throws when the bytes are not a whole snapshot */
  recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    files: readonly SnapshotFile[],
  ): Promise<void>;
  /** Digest of the state as text; equal states have equal hashes (F4.17: a machine may have none). */
  stateHash?(): string;
  close(): void | Promise<void>;
}

/** A state machine that stands still while it is saved: updates wait, lookups go on (F4.7). */
export interface RegularStateMachine<Query, Answer> extends Machine<Query, Answer> {
  readonly kind: 'regular';
  /** Applies one command (Y1, Y2). */
  update(entry: Entry): Result;
  saveSnapshot(write: WriteChunk, signal: AbortSignal, files: SnapshotFiles): Promise<void>;
}

/** A state machine whose snapshots are saved while it goes on. `View` is what prepareSnapshot pins. */
export interface ConcurrentStateMachine<Query, Answer, View = unknown> extends Machine<Query, Answer> {
  readonly kind: 'concurrent';
  /** Applies the entries in order and returns each of them with its result (Y1, Y2). */
  update(entries: readonly Entry[]): readonly AppliedEntry[];
  /** Pins the present state for one saveSnapshot; later updates must not change what the view shows. */
  prepareSnapshot(): View;
  /** Writes the view; stops with the signal's reason when it aborts. */
  saveSnapshot(view: View, write: WriteChunk, signal: AbortSignal, files: SnapshotFiles): Promise<void>;
}

/** A small row that the runtime wants kept beside the machine's data: sessions live there (C5.10). */
export interface MarkRow {
  readonly key: Uint8Array;
  /** Undefined: the row is gone. */
  readonly value: Uint8Array | undefined;
}

/** What an on-disk machine keeps with its data, in one atomic step. */
export interface DiskMark {
  readonly index: LogIndex;
  readonly term: Term;
  /** In `commit` the rows that have changed; from `open` all of them. */
  readonly rows: readonly MarkRow[];
}

/**
 * A state machine that keeps its own files in the recorded directory. The log of commands stays first (runtime N1): what the machine has committed may be behind it,
 * and what is left is applied at open (F4.13). A commit may cover several updates.
 */
export interface OnDiskStateMachine<Query, Answer, View = unknown> {
  readonly kind: 'on-disk';
  /** Called once, before anything else (F4.15). @returns the last mark committed, with all rows that commits have left; undefined when there is none */
  open(fs: RecordedFs, signal: AbortSignal): Promise<DiskMark | undefined>;
  /** Applies the entries in order; lookups see them, a crash before `commit` takes them back. */
  update(entries: readonly Entry[]): readonly AppliedEntry[] | Promise<readonly AppliedEntry[]>;
  /**
   * Makes all updates since the last commit, and `mark`, part of the machine's files: all of it or nothing, wherever the log is cut. Resolves when it is
   * recorded; what is recorded later is then behind it in the log.
   */
  commit(mark: DiskMark): void | Promise<void>;
  /** Answers from all updates so far, committed or not; beside an update that waits, too. */
  lookup(query: Query): Answer;
  lookupBytes?(query: Uint8Array): Uint8Array | Promise<Uint8Array>;
  prepareSnapshot(): View;
  /** The whole state, for an export or a new replica; equal views give equal bytes (F4.10). */
  saveSnapshot(view: View, write: WriteChunk, signal: AbortSignal): Promise<void>;
  /** Replaces the whole state and all rows, and commits it with `mark`. */
  recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal, mark: DiskMark): Promise<void>;
  /** Bytes that the next commit has to write, as far as the machine knows: the runtime commits before they are many. */
  pendingBytes?(): number;
  /** At each checkpoint, beside updates: may write files anew whose history in the log has grown long, so that the log can be pruned. */
  compact?(signal: AbortSignal): Promise<void>;
  stateHash?(): string;
  close(): void | Promise<void>;
}

export type MachineKind = StateMachine<unknown, unknown>['kind'];

export type StateMachine<Query, Answer, View = unknown> =
  | RegularStateMachine<Query, Answer>
  | ConcurrentStateMachine<Query, Answer, View>
  | OnDiskStateMachine<Query, Answer, View>;
