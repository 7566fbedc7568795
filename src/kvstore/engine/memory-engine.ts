/**
 * The engine in memory: a state machine of the concurrent kind. All of it is rebuilt from a snapshot and the log behind it.
 */
import { type Clock } from '../../base/index.ts';
import {
  type AppliedEntry,
  type ConcurrentStateMachine,
  type Entry,
  type WriteChunk,
} from '../../statemachine/index.ts';
import { KvFormatError } from '../errors.ts';
import { applyChanges, applyEntries, pinOf, writePin, type Engine, type Pin } from './engine.ts';
import { type History } from './history.ts';
import { lookup } from './lookup.ts';
import { MemoryTableLoad, MemoryTables } from './memory-table.ts';
import { readSnapshot } from './snapshot.ts';
import { KvState, type Attributes } from './state.ts';
import { type Answer, type ChangeRecord, type Query, type QueryAnswer, type SavedChanges } from './types.ts';

export interface MemoryEngineOptions {
  /** Reads tell by it what has expired; without one they judge by the time of the latest command. */
  readonly clock?: Clock;
}

export class MemoryEngine implements ConcurrentStateMachine<Query, Answer, Pin>, Engine {
  readonly kind = 'concurrent';
  readonly failure = undefined;
  readonly #clock: Clock | undefined;
  #state: KvState = new KvState(new MemoryTables());

  constructor({ clock }: MemoryEngineOptions = {}) {
    this.#clock = clock;
  }

  /** Pairs held, expired ones included. */
  get keys(): number {
    return this.#state.tables.current.size;
  }

  /** Bytes of their keys and values. */
  get dataBytes(): number {
    return this.#state.tables.current.dataBytes;
  }

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return applyEntries(this.#state, entries);
  }

  lookup<Q extends Query>(query: Q): QueryAnswer<Q> {
    return lookup(this.#state, 'memory', query, this.#clock?.wallMs() ?? 0) as QueryAnswer<Q>;
  }

  prepareSnapshot(): Pin {
    return pinOf(this.#state);
  }

  async saveSnapshot(pin: Pin, write: WriteChunk, signal: AbortSignal): Promise<void> {
    await writePin(pin, write, signal);
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    this.#state = await loadState(chunks, signal);
  }

  async load(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.recoverFromSnapshot(chunks, signal);
  }

  latestAppliedChangeNumber(): number {
    return this.#state.changes.latest;
  }

  appliedHistory(): History {
    return this.#state.changes.history;
  }

  saveChanges(changes: readonly ChangeRecord[]): Promise<SavedChanges> {
    return Promise.resolve(applyChanges(this.#state, changes));
  }

  stateHash(): string {
    return this.#state.hash();
  }

  close(): void {
    this.#state = new KvState(new MemoryTables());
  }
}

/** @throws KvFormatError, or the signal's reason */
async function loadState(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<KvState> {
  const loads = { current: new MemoryTableLoad(), staged: new MemoryTableLoad() };
  let attributes: Attributes | undefined;
  for await (const part of readSnapshot(chunks, signal)) {
    if (part.kind === 'start') attributes = part.attributes;
    else loads[part.into].add(part.keys, part.stored);
  }
  if (!attributes) throw new KvFormatError('snapshot', 'it has no beginning');
  const staged = attributes.replacement && loads.staged.finish();
  return new KvState(new MemoryTables(loads.current.finish(), staged), attributes);
}
