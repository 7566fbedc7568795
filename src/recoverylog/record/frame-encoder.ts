/**
 * Frames of the recorder, written straight into the memory that goes into the log: the same bytes as format/frame.ts makes (a property test compares
 * them), without a buffer, an array or a closure for each.
 *
 * K1  Numbers are positions (V1 of format/wire.ts): whoever calls has checked them. Sequence numbers and files are the state machine's own, lengths
 *     are those of buffers; an offset is checked where it comes in (recorder.ts).
 */
import { FRAME_HEADER_BYTES } from '../format/frame.ts';
import type { PathOp, RecordedOp, WriteOp } from '../format/op.ts';

/** Header, three scalars, and the tags, lengths and numbers of the largest body. */
const FIXED_BYTES = 96;
/** UTF-8 of one UTF-16 unit at most. */
const UNIT_BYTES = 3;
/** From here on a number has no 32-bit form. */
const WORD = 2 ** 31;

/** Most bytes that the frame of an operation takes. */
export function frameBound(op: Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'>): number {
  if (op.write) return FIXED_BYTES;
  const path = op.create?.path ?? op.link?.path ?? op.unlink?.path ?? op.property?.path ?? '';
  return FIXED_BYTES + UNIT_BYTES * (path.length + (op.property?.content.length ?? 0));
}

/** Writes header and payload of an operation at `at`; the offset behind them. `into` has room for frameBound bytes. */
export function writeFrame(op: RecordedOp, into: Buffer, at: number): number {
  let end = scalar(into, at + FRAME_HEADER_BYTES, 0x08, op.seqNo);
  end = fixed32(into, end, 0x15, op.checksum);
  end = fixed32(into, end, 0x1d, op.author);
  if (op.create) end = texts(into, end, 0x22, 0x0a, op.create.path, '');
  if (op.link) end = pathOp(into, end, 0x2a, op.link);
  if (op.unlink) end = pathOp(into, end, 0x32, op.unlink);
  if (op.write) end = write(into, end, op.write);
  if (op.property) end = texts(into, end, 0x42, 0x0a, op.property.path, op.property.content);
  into[at] = 0x66;
  into[at + 1] = 0x33;
  into[at + 2] = 0x93;
  into[at + 3] = 0x36;
  word(into, at + 4, end - at - FRAME_HEADER_BYTES);
  return end;
}

function word(into: Buffer, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

function varint(into: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value;
  while (rest >= WORD) {
    into[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    into[at++] = rest | 0x80; // the byte takes its lowest eight bits
    rest >>>= 7;
  }
  into[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function scalarBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function scalar(into: Buffer, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  into[at] = tag;
  return varint(into, at + 1, value);
}

function fixed32(into: Buffer, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  into[at] = tag;
  word(into, at + 1, value);
  return at + 5;
}

function textBytes(bytes: number): number {
  return bytes === 0 ? 0 : 1 + varintBytes(bytes) + bytes;
}

function text(into: Buffer, at: number, tag: number, value: string, bytes: number): number {
  if (bytes === 0) return at;
  into[at] = tag;
  const from = varint(into, at + 1, bytes);
  if (bytes !== value.length) return from + into.write(value, from);
  for (let i = 0; i < bytes; i++) into[from + i] = value.charCodeAt(i); // ASCII
  return from + bytes;
}

/** A message of one or two texts; the second has the tag behind the first's. */
function texts(into: Buffer, at: number, tag: number, first: number, one: string, two: string): number {
  const [oneBytes, twoBytes] = [Buffer.byteLength(one), Buffer.byteLength(two)];
  into[at] = tag;
  let end = varint(into, at + 1, textBytes(oneBytes) + textBytes(twoBytes));
  end = text(into, end, first, one, oneBytes);
  return text(into, end, first + 8, two, twoBytes);
}

function pathOp(into: Buffer, at: number, tag: number, { fnode, path }: PathOp): number {
  const pathBytes = Buffer.byteLength(path);
  into[at] = tag;
  let end = varint(into, at + 1, scalarBytes(fnode) + textBytes(pathBytes));
  end = scalar(into, end, 0x08, fnode);
  return text(into, end, 0x12, path, pathBytes);
}

function write(into: Buffer, at: number, { fnode, offset, length }: WriteOp): number {
  into[at] = 0x3a;
  let end = varint(into, at + 1, scalarBytes(fnode) + scalarBytes(offset) + scalarBytes(length));
  end = scalar(into, end, 0x08, fnode);
  end = scalar(into, end, 0x10, offset);
  return scalar(into, end, 0x18, length);
}
