/**
 * Protobuf wire primitives on checked numbers: the hot path of recording and replay. gen/ has the same messages by protobufjs, which
 * the property tests compare with; protobufjs by itself writes a BigInt as 0 without a word (ecosystem.md §1.4), so none ever reaches it.
 *
 * V1  An int64 is a position: a safe integer, zero or more. Anything else is a PositionError, not a rounded number.
 * V2  A reader never looks beyond the bytes it was given, whatever a length says.
 */
import { checkPosition, positionFromBigInt, viewOf } from '../../base/index.ts';
import { WireError } from '../errors.ts';

const MAX_VARINT_BYTES = 10;

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes into a buffer that the caller has sized. */
export class WireWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  varint(value: number): void {
    let rest = checkPosition('int64', value);
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at++] = rest;
  }

  fixed32(value: number): void {
    this.#view.setUint32(this.at, value, true);
    this.at += 4;
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }
}

/** Reads fields one after another (V2). */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#what = what;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next field's number and wire type. */
  tag(): { readonly field: number; readonly type: number } {
    const tag = this.#varint();
    const field = Number(BigInt.asIntN(32, tag >> 3n));
    const type = Number(tag & 7n);
    if (field <= 0 || type === 4) throw this.#bad(`illegal tag ${tag}`);
    return { field, type };
  }

  position(name: string, type: number): number {
    this.#expect(name, type, 0);
    return positionFromBigInt(name, BigInt.asIntN(64, this.#varint()));
  }

  fixed32(name: string, type: number): number {
    this.#expect(name, type, 5);
    this.#need(4);
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  /** A length-delimited field, as a view. */
  bytes(name: string, type: number): Uint8Array {
    this.#expect(name, type, 2);
    return this.#delimited();
  }

  /** Passes over a field that this program does not know. */
  skip(type: number): void {
    switch (type) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#need(8);
        this.#at += 8;
        return;
      case 2:
        this.#delimited();
        return;
      case 3:
        this.#skipGroup();
        return;
      case 5:
        this.#need(4);
        this.#at += 4;
        return;
      default:
        throw this.#bad(`wire type ${type}`);
    }
  }

  #skipGroup(): void {
    for (;;) {
      const tag = this.#varint();
      const type = Number(tag & 7n);
      if (type === 4) return;
      if (tag >> 3n === 0n) throw this.#bad('illegal tag in a group');
      this.skip(type);
    }
  }

  #delimited(): Uint8Array {
    const length = this.#varint();
    if (length > BigInt(this.#bytes.length - this.#at))
      throw this.#bad(`a field of ${length} bytes where ${this.#bytes.length - this.#at} are left`);
    const start = this.#at;
    this.#at += Number(length);
    return this.#bytes.subarray(start, this.#at);
  }

  #varint(): bigint {
    let low = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.#next();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(low);
      scale *= 0x80;
    }
    let value = BigInt(low);
    for (let i = 7; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.#bad('a number of more than 64 bits');
  }

  #next(): number {
    this.#need(1);
    return this.#bytes[this.#at++]!;
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length) throw this.#bad('it ends in the middle of a field');
  }

  #expect(name: string, got: number, wanted: number): void {
    if (got !== wanted) throw this.#bad(`field ${name} has wire type ${got}`);
  }

  #bad(problem: string): WireError {
    return new WireError(this.#what, problem);
  }
}
