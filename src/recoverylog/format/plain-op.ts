/**
 * Operations in the form that recorders write, decoded in one go: what nearly every operation of every log is, at half the cost of the general reader.
 *
 * P1  Known fields ascending, each at most once, numbers below 2^28, a body shorter than 128 bytes that ends where the operation ends. Whatever is not so is
 *     not for this function, damage included: op.ts decodes it, or says what is wrong with it. What is so means the same there.
 * P2  Nothing is believed before the end was reached exactly: a number that was read across the end leads behind it.
 */
import type { RecordedOp } from './recorded-op.ts';
import type { Texts } from './texts.ts';

/** Where the last number ended. */
let at = 0;

/** The number at `at`, below 2^28; negative when it is longer. */
function number(bytes: Uint8Array): number {
  let byte = bytes[at++]!;
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  byte = bytes[at++]!;
  value |= (byte & 0x7f) << 7;
  if (byte < 0x80) return value;
  byte = bytes[at++]!;
  value |= (byte & 0x7f) << 14;
  if (byte < 0x80) return value;
  byte = bytes[at++]!;
  value |= (byte & 0x7f) << 21;
  return byte < 0x80 ? value : -1;
}

/** The number of a field that comes next, or 0 when another does. */
function field(bytes: Uint8Array, tag: number, end: number): number {
  if (at >= end || bytes[at] !== tag) return 0;
  at++;
  return number(bytes);
}

/** The same for four bytes. */
function fixed32(bytes: Uint8Array, tag: number, end: number): number {
  if (at >= end || bytes[at] !== tag) return 0;
  const from = at + 1;
  at = from + 4;
  return (bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)) >>> 0;
}

/** The operation in [begin, end) of `bytes`; undefined when it is not of this form (P1). */
export function plainOp(bytes: Uint8Array, begin: number, end: number, texts: Texts): RecordedOp | undefined {
  if (end - begin < 2 || bytes[begin] !== 0x08) return undefined;
  at = begin + 1;
  const seqNo = number(bytes);
  const checksum = fixed32(bytes, 0x15, end);
  const author = fixed32(bytes, 0x1d, end);
  if (seqNo < 0 || at + 2 > end || at + 2 + bytes[at + 1]! !== end) return undefined; // also of a body of 128 bytes and more
  const kind = bytes[at]!;
  at += 2;
  if (kind === 0x3a) {
    const fnode = field(bytes, 0x08, end);
    const offset = field(bytes, 0x10, end);
    const length = field(bytes, 0x18, end);
    if (at !== end || fnode < 0 || offset < 0 || length < 0) return undefined; // P2
    const write = { fnode, offset, length };
    return {
      seqNo,
      checksum,
      author,
      create: undefined,
      link: undefined,
      unlink: undefined,
      write,
      property: undefined,
    };
  }
  if (kind !== 0x22 && kind !== 0x2a && kind !== 0x32) return undefined;
  const fnode = kind === 0x22 ? 0 : field(bytes, 0x08, end);
  const tag = kind === 0x22 ? 0x0a : 0x12;
  if (fnode < 0 || at + 2 > end || bytes[at] !== tag || at + 2 + bytes[at + 1]! !== end) return undefined; // P2
  const path = textAt(bytes, at + 2, end, texts);
  if (path === undefined) return undefined;
  const create = kind === 0x22 ? { path } : undefined;
  const link = kind === 0x2a ? { fnode, path } : undefined;
  const unlink = kind === 0x32 ? { fnode, path } : undefined;
  return { seqNo, checksum, author, create, link, unlink, write: undefined, property: undefined };
}

function textAt(bytes: Uint8Array, begin: number, end: number, texts: Texts): string | undefined {
  try {
    return texts.read(bytes, begin, end);
  } catch {
    return undefined; // not UTF-8
  }
}
