/**
 * The list machine as a regular one: one command a call, saved as it stands.
 */
import { fromUtf8, sha256Hex, utf8 } from '../../base/index.ts';
import type { Entry, RegularStateMachine, Result, WriteChunk } from '../types.ts';
import { POISON } from './list-machine.ts';

export class RegularList implements RegularStateMachine<
  void,
  readonly string[] | Promise<readonly string[]>
> {
  readonly kind = 'regular';
  #list: string[] = [];
  closed = false;
  /** Updates while a snapshot was being saved, which there must not be (F4.7). */
  updatesWhileSaved = 0;
  #saving = false;
  #held: Promise<void> = Promise.resolve();
  /** Answers lookups when it settles, while it is set. */
  slowLookups: Promise<void> | undefined;

  /** Lets no snapshot be saved until the returned function is called. */
  holdSave(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  update({ cmd }: Entry): Result {
    if (this.#saving) this.updatesWhileSaved++;
    const text = fromUtf8(cmd);
    if (text === POISON) throw new Error('the machine cannot take this');
    this.#list.push(text);
    return { value: this.#list.length, data: cmd.slice() };
  }

  lookup(): readonly string[] | Promise<readonly string[]> {
    return this.slowLookups ? this.slowLookups.then(() => this.#list.slice()) : this.#list.slice();
  }

  async saveSnapshot(write: WriteChunk, signal: AbortSignal): Promise<void> {
    this.#saving = true;
    try {
      await this.#held;
      for (const text of this.#list) {
        signal.throwIfAborted();
        await write(utf8(`${text}\n`));
      }
    } finally {
      this.#saving = false;
    }
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.#list = fromUtf8(new Uint8Array(Buffer.concat(parts)))
      .split('\n')
      .slice(0, -1);
  }

  stateHash(): string {
    return sha256Hex(utf8(this.#list.join('\n')));
  }

  close(): void {
    this.closed = true;
  }
}
