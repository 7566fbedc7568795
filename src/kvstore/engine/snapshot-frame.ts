/**
 * One frame of a snapshot while it is filled: a million pairs go through here while writes wait for their turn, so nothing is allocated for each of them, and
 * once for each frame.
 */
import { crc32c } from '../../base/index.ts';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../limits.ts';
import { type Stored } from './table.ts';

/** Length and checksum. */
export const FRAME_HEAD_BYTES = 8;
/** A frame is closed once it has this many bytes: few enough that encoding them takes well under a millisecond. */
const FRAME_BYTES: number = 64 * 1024;
/** Most bytes of a pair beside its key and value: two lengths and a moment. */
const PAIR_OVERHEAD_BYTES = 24;
const MAX_PAIR_BYTES: number = MAX_KEY_BYTES + MAX_VALUE_BYTES + PAIR_OVERHEAD_BYTES;
/** No writer ever made a longer one: those of version 1 closed a frame at 256 KiB. */
export const MAX_FRAME_BYTES: number = 256 * 1024 + MAX_PAIR_BYTES;

export class FrameWriter {
  /** Fits whatever can be added while the frame is not full; what is added begins behind the head. */
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + FRAME_BYTES + MAX_PAIR_BYTES);
  #length = FRAME_HEAD_BYTES;
  /** Of everything before. */
  #crc = 0;

  get isFull(): boolean {
    return this.#length >= FRAME_HEAD_BYTES + FRAME_BYTES;
  }

  get isEmpty(): boolean {
    return this.#length === FRAME_HEAD_BYTES;
  }

  /** key block, value block, number expiry */
  add(key: string, { value, expiresAt }: Stored): void {
    this.#number(key.length);
    this.#length += this.#bytes.write(key, this.#length, 'latin1');
    this.#number(value.length);
    this.#length += this.#bytes.write(value, this.#length, 'latin1');
    this.#number(expiresAt);
  }

  /** The frame so far; the next one is empty. */
  take(): Uint8Array {
    this.#crc = crc32c(this.#bytes, this.#crc, FRAME_HEAD_BYTES, this.#length);
    this.#bytes.writeUInt32BE(this.#length - FRAME_HEAD_BYTES, 0);
    this.#bytes.writeUInt32BE(this.#crc, 4);
    const frame = Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
    this.#length = FRAME_HEAD_BYTES;
    return frame;
  }

  /** The frame of a body that is no pairs. */
  takeOf(body: Uint8Array): Uint8Array {
    this.#bytes.set(body, this.#length);
    this.#length += body.length;
    return this.take();
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
