/**
 * varint: unsigned LEB128 numbers and length-prefixed bytes, for the envelope and the request table.
 */
import { EnvelopeError } from './errors.ts';

/** Longest varint of a number below 2^53. */
const MAX_VARINT_BYTES = 8;
const U64_BYTES = 8;
/** Room for a small row or entry; what needs more grows by doubling. */
const FIRST_BYTES = 256;

export class ByteWriter {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  #at = 0;

  byte(value: number): this {
    this.#room(1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  /** A whole number from 0 to 2^53-1. */
  number(value: number): this {
    this.#room(MAX_VARINT_BYTES);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
    this.#bytes[this.#at++] = rest;
    return this;
  }

  /** A whole number from 0 to 2^64-1, in eight bytes, the least significant first. */
  u64(value: bigint): this {
    this.#room(U64_BYTES);
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += U64_BYTES;
    return this;
  }

  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): this {
    this.number(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** What was written; the writer is used up. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get position(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws EnvelopeError at the end */
  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new EnvelopeError('it ends too early');
    this.#at++;
    return value;
  }

  /** @throws EnvelopeError when it is cut off or beyond 2^53-1 */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < MAX_VARINT_BYTES; n++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) break;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new EnvelopeError('a number is beyond 2^53-1');
  }

  /** @throws EnvelopeError when it is cut off */
  u64(): bigint {
    if (this.left < U64_BYTES) throw new EnvelopeError('it ends too early');
    this.#at += U64_BYTES;
    return this.#view.getBigUint64(this.#at - U64_BYTES, true);
  }

  /** A copy of the next length-prefixed bytes. @throws EnvelopeError when they are cut off */
  sized(): Uint8Array {
    const length = this.number();
    if (length > this.left) throw new EnvelopeError('a length reaches beyond the end');
    const bytes = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  /** @throws EnvelopeError unless everything was read */
  finish(): void {
    if (this.left > 0) throw new EnvelopeError(`${this.left} bytes too many`);
  }
}
