/**
 * memory-file: a StateFile over an array, which remembers its single writes so that a test can tear between or inside them.
 */
import type { StateFile } from '../file.ts';

export class MemoryStateFile implements StateFile {
  #bytes: Uint8Array;
  /** File size after each write. */
  readonly boundaries: number[] = [];
  /** Thrown by the next write or sync, once. */
  failWrite: Error | undefined;
  failSync: Error | undefined;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes.slice();
  }

  get bytes(): Uint8Array {
    return this.#bytes.slice();
  }

  size(): number {
    return this.#bytes.length;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.#bytes.slice(offset, offset + length));
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    const failure = this.failWrite;
    this.failWrite = undefined;
    if (failure) return Promise.reject(failure);
    const grown = new Uint8Array(Math.max(this.#bytes.length, offset + data.length));
    grown.set(this.#bytes);
    grown.set(data, offset);
    this.#bytes = grown;
    this.boundaries.push(grown.length);
    return Promise.resolve();
  }

  sync(): Promise<void> {
    const failure = this.failSync;
    this.failSync = undefined;
    return failure ? Promise.reject(failure) : Promise.resolve();
  }

  /** Puts bytes at the end without a write of the writer's: what a player does. */
  extend(data: Uint8Array): void {
    const grown = new Uint8Array(this.#bytes.length + data.length);
    grown.set(this.#bytes);
    grown.set(data, this.#bytes.length);
    this.#bytes = grown;
  }
}
