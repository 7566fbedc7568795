/**
 * Large hints in memory. What nobody names any more is removed at once: a reader that is told a name has to find the object nevertheless, or look again.
 */
import type { HintsObjects } from '../index.ts';

export class MemoryObjects implements HintsObjects {
  readonly all = new Map<string, Uint8Array>();
  /** Thrown by the next calls, one each. */
  readonly failures: Error[] = [];
  /** Runs when the next object has been asked for, before the answer. */
  beforeAnswer: () => Promise<unknown> = () => Promise.resolve();

  async put({ term, sha256, bytes }: Parameters<HintsObjects['put']>[0]): Promise<string> {
    await this.#call();
    const key = `hints/${term}-${sha256}`;
    this.all.set(key, bytes.slice());
    return key;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#call();
    const { beforeAnswer } = this;
    this.beforeAnswer = () => Promise.resolve();
    await beforeAnswer();
    return this.all.get(key)?.slice();
  }

  async keep({ named }: Parameters<HintsObjects['keep']>[0]): Promise<void> {
    await Promise.resolve();
    for (const key of this.all.keys()) if (!named.has(key)) this.all.delete(key);
  }

  async #call(): Promise<void> {
    await Promise.resolve();
    const failure = this.failures.shift();
    if (failure) throw failure;
  }
}
