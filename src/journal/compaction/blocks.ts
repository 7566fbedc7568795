/**
 * Memory for the body of a fragment: blocks of one length, used again for the next fragment.
 *
 * Small slots would otherwise be hundreds of thousands of small buffers, and fresh memory for every fragment is mapped, cleared and collected while
 * that of the fragment before it is still there.
 */
import { EMPTY_BYTES } from '../../base/index.ts';

/** Long enough that a request has few of them, short enough that a digest of one, and the empty part of the last one, are nothing. */
const BLOCK_BYTES: number = 1024 * 1024;

export class BlockMemory {
  readonly #blockBytes: number;
  readonly #free: Uint8Array[] = [];

  /** `mostBytes`: of the largest body; one that is smaller than a block needs no whole block. */
  constructor(mostBytes: number, blockBytes: number = BLOCK_BYTES) {
    this.#blockBytes = Math.min(blockBytes, mostBytes);
  }

  /** A block with anything in it. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(this.#blockBytes).buffer);
  }

  /** Nobody reads or writes this block any longer. */
  give(block: Uint8Array): void {
    this.#free.push(block);
  }
}

/** Bytes in blocks, in their order. All blocks but the last are full. */
export class Blocks {
  readonly #memory: BlockMemory;
  readonly #blocks: Uint8Array[] = [];
  /** Bytes in the last block. */
  #filled = 0;
  #bytes = 0;

  constructor(memory: BlockMemory) {
    this.#memory = memory;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is in the last block. */
  get last(): Uint8Array {
    return (this.#blocks.at(-1) ?? EMPTY_BYTES).subarray(0, this.#filled);
  }

  /** Nothing fits into the last block. */
  get isFull(): boolean {
    return this.#filled === (this.#blocks.at(-1)?.length ?? 0);
  }

  /** Puts as much of `bytes` behind what is there as one block has room for; how much that was. */
  fill(bytes: Uint8Array): number {
    if (this.isFull) {
      this.#blocks.push(this.#memory.take());
      this.#filled = 0;
    }
    const block = this.#blocks.at(-1)!;
    const part = bytes.subarray(0, block.length - this.#filled);
    block.set(part, this.#filled);
    this.#filled += part.length;
    this.#bytes += part.length;
    return part.length;
  }

  /** Puts all of `bytes` behind what is there. */
  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.fill(bytes.subarray(at));
  }

  /** All bytes, in the memory of the blocks. */
  pieces(): readonly Uint8Array[] {
    return this.#blocks.map((block, i) => (i === this.#blocks.length - 1 ? this.last : block));
  }

  /** All pieces one after another; each is given back when the next one is asked for. Nothing is left at the end. */
  async *drain(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let block = this.#blocks.shift(); block; block = this.#blocks.shift()) {
      const piece = this.#blocks.length === 0 ? block.subarray(0, this.#filled) : block;
      this.#bytes -= piece.length;
      yield piece;
      this.#memory.give(block);
    }
    this.#filled = 0;
  }

  /** Gives all memory back. */
  free(): void {
    for (const block of this.#blocks.splice(0)) this.#memory.give(block);
    this.#bytes = this.#filled = 0;
  }
}
