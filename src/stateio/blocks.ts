/**
 * blocks: reads a file in whole blocks, as far as it reached when it was last looked at.
 *
 * B1  Nothing beyond `limit` is ever visible, so a point-in-time reader and a reader of a growing file are the same thing (C5.15).
 * B2  The size moves only in `look`: between two looks the reader sees one unchanging prefix of the file.
 */
import { BLOCK_BYTES } from './format.ts';
import type { ReadableStateFile } from './file.ts';

/** Blocks fetched by one forward read: 1 MiB keeps the number of reads low and the buffer small. */
export const READ_AHEAD_BLOCKS = 32;

export class BlockSource {
  readonly #file: ReadableStateFile;
  readonly #limit: number;
  #size = 0;
  #limited = false;
  #cache: Uint8Array = new Uint8Array(0);
  #cacheStart = 0;

  /** @param limit first byte that does not count; Infinity for the whole file */
  constructor(file: ReadableStateFile, limit: number = Infinity) {
    this.#file = file;
    this.#limit = limit;
  }

  /** Bytes visible now (B2). */
  get size(): number {
    return this.#size;
  }

  /** True when the file goes on behind the limit. */
  get limited(): boolean {
    return this.#limited;
  }

  /** Looks how far the file reaches now. */
  async look(): Promise<void> {
    const fileSize = await this.#file.size();
    const size = Math.min(fileSize, this.#limit);
    this.#limited = fileSize > this.#limit;
    const cachedShort = this.#cache.length % BLOCK_BYTES !== 0;
    if (size < this.#size || cachedShort) this.#cache = new Uint8Array(0);
    this.#size = size;
  }

  /** The visible bytes of the block that starts at `start`. The result is only valid until the next call; copy what is kept. */
  async block(start: number, ahead: number = READ_AHEAD_BLOCKS): Promise<Uint8Array> {
    const end = Math.min(start + BLOCK_BYTES, this.#size);
    if (end <= start) return new Uint8Array(0);
    if (start < this.#cacheStart || end > this.#cacheStart + this.#cache.length) {
      const length = Math.min(ahead * BLOCK_BYTES, this.#size - start);
      this.#cache = await this.#file.read(start, length);
      this.#cacheStart = start;
    }
    return this.#cache.subarray(start - this.#cacheStart, end - this.#cacheStart);
  }
}
