/**
 * Protobuf wire primitives on checked numbers: the hot path of recording and replay. gen/ has the same messages by protobufjs, which
 * the property tests compare with; protobufjs by itself writes a BigInt as 0 without a word (ecosystem.md §1.4), so none ever reaches it.
 *
 * V1  An int64 is a position: a safe integer, zero or more. Anything else is a PositionError, not a rounded number.
 * V2  A reader never looks beyond the bytes it was given, nor beyond the end of the message it is in, whatever a length says.
 * V3  Nothing is copied and nothing is allocated but the texts: a reader is set on a stretch of a larger array, again and again.
 */
import { checkPosition, positionFromBigInt, utf8 } from '../../base/index.ts';
import { WireError } from '../errors.ts';
import { Texts } from './texts.ts';

const MAX_VARINT_BYTES = 10;
/** Bytes of a varint that a number holds for sure: longer ones are rare and go through a BigInt. */
const NUMBER_VARINT_BYTES = 7;

/** Bytes of a position as a varint; of what is no position, any number: writing it is what refuses it. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80 && length < MAX_VARINT_BYTES; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Bytes of a text in UTF-8. */
export function textBytes(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return text.length;
}

/** Writes into a buffer that the caller has sized. */
export class WireWriter {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(value: number): void {
    this.#bytes[this.at++] = value;
  }

  /** @throws PositionError */
  varint(value: number): void {
    let rest = checkPosition('int64', value);
    while (rest > 0x7fff_ffff) {
      this.#bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.at++] = rest;
  }

  fixed32(value: number): void {
    const bytes = this.#bytes;
    const at = this.at;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.at = at + 4;
  }

  /** A text of `length` bytes (textBytes). */
  text(text: string, length: number): void {
    if (length === text.length)
      for (let i = 0; i < length; i++) this.#bytes[this.at + i] = text.charCodeAt(i);
    else this.#bytes.set(utf8(text), this.at);
    this.at += length;
  }
}

/** Of all readers. */
export const texts: Texts = new Texts();

/** Reads fields one after another (V2, V3). */
export class WireReader {
  readonly #what: string;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** End of the message that is being read. */
  #end = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** Sets the reader on the message in [begin, end) of `bytes`. */
  set(bytes: Uint8Array, begin: number, end: number): void {
    this.#bytes = bytes;
    this.#at = begin;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field: its number times 8 plus its wire type. */
  tag(): number {
    const at = this.#at;
    const tag = at < this.#end ? this.#bytes[at]! : 0;
    if (tag < 8 || tag >= 0x80 || (tag & 7) === 4) return this.#otherTag();
    this.#at = at + 1;
    return tag;
  }

  position(name: string): number {
    const small = this.#small();
    return small >= 0 ? small : positionFromBigInt(name, BigInt.asIntN(64, this.#wide()));
  }

  fixed32(): number {
    this.#need(4);
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + 4;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  /** Steps into a message; returns what leave() needs to go on in the outer one. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    this.#end = this.#at + length;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  /** A text. @throws WireError when it is not UTF-8 */
  text(name: string): string {
    const length = this.#length();
    const begin = this.#at;
    const bytes = this.#bytes;
    this.#at = begin + length;
    try {
      return texts.read(bytes, begin, this.#at);
    } catch {
      throw this.#bad(`field ${name} is not UTF-8`);
    }
  }

  /** Passes over a field that this program does not know; one that it knows by another wire type is damage. */
  skip(tag: number, known: number): void {
    if (tag < (known + 1) * 8) throw this.#bad(`field ${tag >>> 3} has wire type ${tag & 7}`);
    this.#skip(tag & 7);
  }

  /** Passes over a length-delimited field. */
  skipBytes(): void {
    const length = this.#length();
    this.#at += length;
  }

  #skip(type: number): void {
    if (type === 0) {
      if (this.#small() < 0) this.#wide();
    } else if (type === 1) this.#pass(8);
    else if (type === 2) this.skipBytes();
    else if (type === 3) this.#skipGroup();
    else if (type === 5) this.#pass(4);
    else throw this.#bad(`wire type ${type}`);
  }

  /** Not by recursion: a damaged payload may nest as deep as it is long. */
  #skipGroup(): void {
    for (let depth = 1; depth > 0;) {
      const tag = this.#wide();
      const type = Number(tag & 7n);
      if (type === 4) depth--;
      else if (tag >> 3n === 0n) throw this.#bad('illegal tag in a group');
      else if (type === 3) depth++;
      else this.#skip(type);
    }
  }

  #length(): number {
    const small = this.#small();
    const length = small >= 0 ? small : this.#wide();
    if (length > this.#end - this.#at)
      throw this.#bad(`a field of ${length} bytes where ${this.#end - this.#at} are left`);
    return Number(length);
  }

  /** A varint that a number holds; -1, and nothing taken, when it is longer or cut off. */
  #small(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    const left = this.#end - at;
    const first = left > 0 ? bytes[at]! : 0x80;
    if (first < 0x80) {
      this.#at = at + 1;
      return first;
    }
    const second = left > 1 ? bytes[at + 1]! : 0x80;
    if (second < 0x80) {
      this.#at = at + 2;
      return (first & 0x7f) | (second << 7);
    }
    const third = left > 2 ? bytes[at + 2]! : 0x80;
    if (third < 0x80) {
      this.#at = at + 3;
      return (first & 0x7f) | ((second & 0x7f) << 7) | (third << 14);
    }
    return this.#long();
  }

  /** As #small, for more than three bytes. */
  #long(): number {
    let value = 0;
    let scale = 1;
    for (let i = this.#at; i < this.#end && i < this.#at + NUMBER_VARINT_BYTES; i++) {
      const byte = this.#bytes[i]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#at = i + 1;
        return value;
      }
      scale *= 0x80;
    }
    return -1;
  }

  /** A long tag, or an illegal one. Field numbers are 32-bit signed, as protobuf has them. */
  #otherTag(): number {
    const tag = this.#wide();
    const field = Number(BigInt.asIntN(32, tag >> 3n));
    const type = Number(tag & 7n);
    if (field <= 0 || type === 4) throw this.#bad(`illegal tag ${tag}`);
    return field * 8 + type;
  }

  #wide(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      this.#need(1);
      const byte = this.#bytes[this.#at++]!;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.#bad('a number of more than 64 bits');
  }

  #pass(count: number): void {
    this.#need(count);
    this.#at += count;
  }

  #need(count: number): void {
    if (this.#at + count > this.#end) throw this.#bad('it ends in the middle of a field');
  }

  #bad(problem: string): WireError {
    return new WireError(this.#what, problem);
  }
}
