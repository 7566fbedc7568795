/**
 * types: the contract between the runtime and a concurrent state machine (seeds.md §4.1, §5.2).
 *
 * Y1  A command's failure is a result. An error thrown by the machine halts the shard: there is no "this one command failed" (F4.6).
 * Y2  Update is a function of the state and the commands alone: no time, no randomness, no I/O. The same commands give the same state, the same
 *     results and the same hash on the primary, on a standby and after replay (DESIGN I7).
 * Y3  Update is synchronous, so no lookup ever sees half a batch. Saving a snapshot runs beside updates, on the view that prepare took.
 */
import { checkPosition } from '../base/index.ts';

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

/** A state machine whose snapshots are saved while it goes on. `View` is what prepareSnapshot pins. */
export interface ConcurrentStateMachine<Query, Answer, View = unknown> {
  /** Applies the entries in order and returns each of them with its result (Y1, Y2). */
  update(entries: readonly Entry[]): readonly AppliedEntry[];
  /** Answers from the state as it is now; on a standby that may be behind. */
  lookup(query: Query): Answer;
  /** Pins the present state for one saveSnapshot; later updates must not change what the view shows. */
  prepareSnapshot(): View;
  /** Writes the view; stops with the signal's reason when it aborts. */
  saveSnapshot(view: View, write: WriteChunk, signal: AbortSignal): Promise<void>;
  /** Replaces the whole state by a saved one. @throws when the bytes are not a whole snapshot */
  recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Digest of the state as text; equal states have equal hashes. */
  stateHash(): string;
  close(): void;
}
