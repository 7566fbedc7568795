/**
 * Memory for the slots of a session, used again and again: a fresh buffer of megabytes for every slot is mapped, cleared and collected, which takes
 * longer than its checksum (docs/reports/journal.md).
 *
 * M1  Bytes are given back only by who knows that nothing reads them any more; what is never given back is collected like anything else.
 * M2  All have room for the largest slot, so that one fits every next; what was never written of it costs no memory. At most SPARES are kept: a
 *     session at its limit holds two, one on its way and one that is being prepared.
 */
import { assert } from '../../base/index.ts';

/** Slots below this get memory of their own: it is cheap, and most slots of a quiet shard are smaller. A busy one makes a hundred larger ones a second. */
const LEAST_BYTES = 16 * 1024;
const SPARES = 2;

export class SlotBuffers {
  readonly #largestBytes: number;
  readonly #spares: ArrayBufferLike[] = [];

  constructor(largestBytes: number) {
    this.#largestBytes = largestBytes;
  }

  /** `length` bytes with any content: the caller writes them all. */
  take(length: number): Uint8Array {
    assert(length <= this.#largestBytes, 'M2: no slot is larger than the largest', { length });
    if (length < LEAST_BYTES) return new Uint8Array(length);
    const buffer = this.#spares.pop() ?? Buffer.allocUnsafeSlow(this.#largestBytes).buffer;
    return new Uint8Array(buffer, 0, length);
  }

  /** Takes back what `take` gave (M1). */
  giveBack(bytes: Uint8Array): void {
    if (bytes.length >= LEAST_BYTES && this.#spares.length < SPARES) this.#spares.push(bytes.buffer);
  }
}
