/**
 * The body of one frame of a snapshot while it is filled: a million pairs go through here while writes wait for their turn, so nothing is allocated for
 * each of them.
 */
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../limits.ts';
import { type Stored } from './table.ts';

/** A frame is closed once it has this many bytes: few enough that encoding them takes well under a millisecond. */
const FRAME_BYTES: number = 64 * 1024;
/** Most bytes of a pair beside its key and value: two lengths and a moment. */
const PAIR_OVERHEAD_BYTES = 24;
const MAX_PAIR_BYTES: number = MAX_KEY_BYTES + MAX_VALUE_BYTES + PAIR_OVERHEAD_BYTES;
/** No writer ever made a longer one: those of version 1 closed a frame at 256 KiB. */
export const MAX_FRAME_BYTES: number = 256 * 1024 + MAX_PAIR_BYTES;

export class FrameWriter {
  /** Fits whatever can be added while the frame is not full. */
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(FRAME_BYTES + MAX_PAIR_BYTES);
  #length = 0;

  get isFull(): boolean {
    return this.#length >= FRAME_BYTES;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** key block, value block, number expiry */
  add(key: string, { value, expiresAt }: Stored): void {
    this.#number(key.length);
    this.#length += this.#bytes.write(key, this.#length, 'latin1');
    this.#number(value.length);
    this.#length += this.#bytes.write(value, this.#length, 'latin1');
    this.#number(expiresAt);
  }

  /** The body so far; the next one is empty. */
  take(): Uint8Array {
    const body = Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
    this.#length = 0;
    return body;
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }
}
