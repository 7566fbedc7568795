/**
 * Reading and writing of length-prefixed bytes: what the command codec and the snapshot share.
 *
 * W1  Canonical: a value has one encoding. A varint longer than needed is refused, so equal bytes and equal meaning are the same thing.
 */
import { KvFormatError } from './errors.ts';

/** Bytes of the longest length accepted: 5 x 7 bits hold every length below 2^32. */
const MAX_VARINT_BYTES = 5;
/** Bytes of the longest number accepted: 8 x 7 bits hold every position and every moment below 2^53. */
const MAX_NUMBER_BYTES = 8;

/** Room of a writer at first: a command of one pair. */
const FIRST_BYTES = 256;

export class WireWriter {
  /** Out of the pool of small buffers: making memory for each of many small things costs more than filling it. */
  #room: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    this.#need(1);
    this.#room[this.#length++] = value;
    return this;
  }

  /** A whole number from 0 to 2^53-1. */
  varint(value: number): this {
    this.#need(MAX_NUMBER_BYTES);
    let rest = value;
    while (rest >= 0x80) {
      this.#room[this.#length++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#room[this.#length++] = rest;
    return this;
  }

  /** Eight bytes, big endian. */
  u64(value: bigint): this {
    this.#need(8);
    this.#room.writeBigUInt64BE(value, this.#length);
    this.#length += 8;
    return this;
  }

  /** A length and the bytes. */
  block(bytes: Uint8Array): this {
    this.varint(bytes.length);
    this.#need(bytes.length);
    this.#room.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** What was written. Called once, at the end. */
  finish(): Uint8Array {
    return new Uint8Array(this.#room.buffer, this.#room.byteOffset, this.#length);
  }

  #need(bytes: number): void {
    const least = this.#length + bytes;
    if (least <= this.#room.length) return;
    const larger = Buffer.allocUnsafe(Math.max(least, 2 * this.#room.length));
    larger.set(this.#room.subarray(0, this.#length));
    this.#room = larger;
  }
}

/** Reads what WireWriter wrote. Every method throws KvFormatError on bytes no writer makes (W1). */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #text: Buffer | undefined;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.bad('it ends too early');
    this.#at++;
    return value;
  }

  /** A length or a count, below 2^35. */
  varint(): number {
    return this.#small() ?? this.#number(MAX_VARINT_BYTES);
  }

  /** A position or a moment, at most 2^53-1. */
  number(): number {
    const small = this.#small();
    if (small !== undefined) return small;
    const value = this.#number(MAX_NUMBER_BYTES);
    if (!Number.isSafeInteger(value)) throw this.bad('a number is beyond 2^53-1');
    return value;
  }

  /** A number of one byte, which most are. */
  #small(): number | undefined {
    const byte = this.#bytes[this.#at];
    if (byte === undefined || byte >= 0x80) return undefined;
    this.#at++;
    return byte;
  }

  /** Eight bytes, big endian. */
  u64(): bigint {
    let value = 0n;
    for (let half = 0; half < 2; half++) {
      const word = this.byte() * 2 ** 24 + (this.byte() << 16) + (this.byte() << 8) + this.byte();
      value = (value << 32n) | BigInt(word);
    }
    return value;
  }

  #number(maxBytes: number): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < maxBytes; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      if (i > 0 && byte === 0) throw this.bad('a number is longer than needed');
      return value;
    }
    throw this.bad('a number is too long');
  }

  /** The bytes of a block, as a view into the input. */
  block(minBytes: number, maxBytes: number): Uint8Array {
    const begin = this.#open(minBytes, maxBytes);
    return this.#bytes.subarray(begin, this.#at);
  }

  /** The bytes of a block as a key string (key.ts). Makes nothing but the string: a million pairs are read through here. */
  text(minBytes: number, maxBytes: number): string {
    const begin = this.#open(minBytes, maxBytes);
    const { buffer, byteOffset } = this.#bytes;
    this.#text ??= Buffer.from(buffer, byteOffset, this.#bytes.length);
    return this.#text.toString('latin1', begin, this.#at);
  }

  /** Passes over a block; where its bytes begin. */
  #open(minBytes: number, maxBytes: number): number {
    const length = this.varint();
    if (length < minBytes || length > maxBytes)
      throw this.bad(`a field of ${length} bytes is outside ${minBytes}..${maxBytes}`);
    if (this.#at + length > this.#bytes.length) throw this.bad('it ends inside a field');
    this.#at += length;
    return this.#at - length;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Checks that nothing follows. */
  end(): void {
    if (!this.atEnd) throw this.bad(`${this.#bytes.length - this.#at} bytes too many`);
  }

  bad(detail: string): KvFormatError {
    return new KvFormatError(this.#what, detail);
  }
}
