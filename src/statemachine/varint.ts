/**
 * varint: unsigned LEB128 numbers and length-prefixed bytes, for the envelope and the request table.
 */
import { concatBytes } from '../base/index.ts';
import { EnvelopeError } from './errors.ts';

/** Longest varint of a number below 2^53. */
const MAX_VARINT_BYTES = 8;
const U64_BYTES = 8;

export class ByteWriter {
  readonly #parts: Uint8Array[] = [];

  byte(value: number): this {
    this.#parts.push(Uint8Array.of(value));
    return this;
  }

  /** A whole number from 0 to 2^53-1. */
  number(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }

  /** A whole number from 0 to 2^64-1, in eight bytes, the least significant first. */
  u64(value: bigint): this {
    const bytes = new Uint8Array(U64_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.#parts.push(bytes);
    return this;
  }

  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): this {
    this.number(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  finish(): Uint8Array {
    return concatBytes(this.#parts);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
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
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, U64_BYTES);
    this.#at += U64_BYTES;
    return view.getBigUint64(0, true);
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
