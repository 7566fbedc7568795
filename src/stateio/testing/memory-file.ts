/**
 * memory-file: a StateFile over an array, which remembers its single writes so that a test can tear between or inside them.
 */
import type { StateFile } from '../file.ts';

export class MemoryStateFile implements StateFile {
  /** With room to grow behind `#size`, so that a long file of small writes costs what its bytes cost. */
  #memory: Uint8Array;
  #size: number;
  /** File size after each write. */
  readonly boundaries: number[] = [];
  /** Thrown by the next write or sync, once. */
  failWrite: Error | undefined;
  failSync: Error | undefined;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#memory = bytes.slice();
    this.#size = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#memory.slice(0, this.#size);
  }

  size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.#memory.slice(offset, Math.min(offset + length, this.#size)));
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    const failure = this.failWrite;
    this.failWrite = undefined;
    if (failure) return Promise.reject(failure);
    this.#put(data, offset);
    this.boundaries.push(this.#size);
    return Promise.resolve();
  }

  sync(): Promise<void> {
    const failure = this.failSync;
    this.failSync = undefined;
    return failure ? Promise.reject(failure) : Promise.resolve();
  }

  /** Puts bytes at the end without a write of the writer's: what a player does. */
  extend(data: Uint8Array): void {
    this.#put(data, this.#size);
  }

  #put(data: Uint8Array, offset: number): void {
    const end = offset + data.length;
    if (end > this.#memory.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#memory.length));
      grown.set(this.#memory.subarray(0, this.#size));
      this.#memory = grown;
    }
    this.#memory.set(data, offset);
    this.#size = Math.max(this.#size, end);
  }
}
