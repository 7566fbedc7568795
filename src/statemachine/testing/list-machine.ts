/**
 * The least machine that shows order, loss and repetition: the list of all commands it was given.
 */
import { fromUtf8, sha256Hex, utf8 } from '../../base/index.ts';
import type { AppliedEntry, ConcurrentStateMachine, Entry, SnapshotFiles, WriteChunk } from '../types.ts';

/** A command that makes the machine throw. */
export const POISON = 'poison';
/** Of a long command only the beginning is answered: results are kept and must be short. */
const ECHO_CHARACTERS = 100;

export class ListMachine implements ConcurrentStateMachine<void, readonly string[], readonly string[]> {
  readonly kind = 'concurrent';
  #list: string[] = [];
  closed = false;
  /** Commands of each call of update: how they were batched. */
  readonly batches: number[] = [];
  /** Thrown by saveSnapshot while it is set. */
  failSave: Error | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** Lets no snapshot be saved until the returned function is called. */
  holdSave(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#saving = promise;
    return resolve;
  }

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    this.batches.push(entries.length);
    return entries.map((entry) => {
      const text = fromUtf8(entry.cmd);
      if (text === POISON) throw new Error('the machine cannot take this');
      this.#list.push(text);
      return { ...entry, result: { value: this.#list.length, data: utf8(text.slice(0, ECHO_CHARACTERS)) } };
    });
  }

  lookup(): readonly string[] {
    return this.#list.slice();
  }

  prepareSnapshot(): readonly string[] {
    return this.#list.slice();
  }

  async saveSnapshot(
    view: readonly string[],
    write: WriteChunk,
    signal: AbortSignal,
    _files?: SnapshotFiles,
  ): Promise<void> {
    await this.#saving;
    if (this.failSave) throw this.failSave;
    for (const text of view) {
      signal.throwIfAborted();
      await write(utf8(`${text}\n`));
    }
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    signal.throwIfAborted();
    const text = fromUtf8(new Uint8Array(Buffer.concat(parts)));
    this.#list = text === '' ? [] : text.slice(0, -1).split('\n');
  }

  stateHash(): string {
    return sha256Hex(utf8(this.#list.join('\n')));
  }

  close(): void {
    this.closed = true;
  }
}
