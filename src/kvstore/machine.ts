/**
 * The store as a replicated state machine.
 *
 * Z1  A result's data is a digest of the command that gave it. The runtime returns the first result for a repeated request id, so comparing
 *     digests tells an honest retry from an id used for something else, on every replica and after every handoff.
 * Z2  A snapshot is the view taken by prepareSnapshot; commands applied afterwards are not in it.
 */
import { createHash } from 'node:crypto';
import {
  type AppliedEntry,
  type ConcurrentStateMachine,
  type Entry,
  type WriteChunk,
} from '../statemachine/index.ts';
import { decodeCommand } from './command.ts';
import { type OrderedView } from './ordered-map.ts';
import { type Query, type Values } from './service.ts';
import { readSnapshot, snapshotChunks } from './snapshot.ts';
import { KvState, type Page } from './store.ts';

/** Bytes of a digest: 64 bits guard against a client's mistake, not against an attacker, who could as well send the other request. */
const DIGEST_BYTES = 8;

/** What a result's data holds (Z1). */
export function commandDigest(cmd: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(cmd).digest().subarray(0, DIGEST_BYTES));
}

export class KvMachine implements ConcurrentStateMachine<Query, Values | Page, OrderedView<Uint8Array>> {
  readonly kind = 'concurrent';
  #state: KvState = new KvState();

  get keys(): number {
    return this.#state.keys;
  }

  get dataBytes(): number {
    return this.#state.dataBytes;
  }

  /** @throws KvFormatError on a command that this version cannot read: the shard halts rather than guess */
  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return entries.map((entry) => ({
      ...entry,
      result: { value: this.#state.apply(decodeCommand(entry.cmd)), data: commandDigest(entry.cmd) },
    }));
  }

  lookup(query: Query): Values | Page {
    return query.kind === 'get' ? this.#state.get(query.keys) : this.#state.page(query.page);
  }

  prepareSnapshot(): OrderedView<Uint8Array> {
    return this.#state.view();
  }

  async saveSnapshot(view: OrderedView<Uint8Array>, write: WriteChunk, signal: AbortSignal): Promise<void> {
    for (const chunk of snapshotChunks(view)) {
      signal.throwIfAborted();
      await write(chunk);
    }
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    this.#state = await readSnapshot(chunks, signal);
  }

  stateHash(): string {
    return this.#state.hash();
  }

  close(): void {
    this.#state = new KvState();
  }
}
