/**
 * Memory of large bodies that was given back, for the next ones of the same length. Fresh memory has to be mapped, page by page, and collected
 * afterwards: for ranges read one after another that costs as much as receiving them. Threads share it, so that another one can digest what came.
 */
import { letGo } from '../base/index.ts';

/** Smaller bodies are not worth it. */
const LEAST_BYTES: number = 1024 * 1024;
/** Kept at most, bytes: what a reader gives back while it asks for the next. */
const MOST_BYTES: number = 64 * 1024 * 1024;

export class BodyPool {
  readonly #free: Uint8Array[] = [];
  #bytes = 0;

  /** Memory of exactly `bytes`, all of its buffer, with anything in it. Large memory is shared memory. */
  take(bytes: number): Uint8Array {
    const at = this.#free.findIndex(({ length }) => length === bytes);
    const [found] = at < 0 ? [] : this.#free.splice(at, 1);
    if (!found)
      return bytes < LEAST_BYTES
        ? new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
        : new Uint8Array(new SharedArrayBuffer(bytes));
    this.#bytes -= bytes;
    return found;
  }

  /** Nobody holds a part of `memory` any longer. */
  give(memory: Uint8Array): void {
    if (memory.length < LEAST_BYTES || memory.length > MOST_BYTES) return letGo(memory);
    this.#free.push(memory);
    this.#bytes += memory.length;
    while (this.#bytes > MOST_BYTES) this.#bytes -= this.#free.shift()!.length; // the length of an earlier reader's ranges
  }
}
