/**
 * One recorded file operation and its bytes (gazette.md §1.1).
 *
 * O1  The canonical form written here is Gazette's: fields ascending, zero scalars left out, sub-messages written even when empty.
 * O2  A reader takes any valid protobuf form; the checksum chain runs over the bytes as received.
 * O3  Paths are text. A path that is not UTF-8 is refused: no file system call of ours could name it.
 */
import { fromUtf8, utf8 } from '../../base/index.ts';
import { WireError } from '../errors.ts';
import { varintLength, WireReader, WireWriter } from './wire.ts';

export interface PathOp {
  readonly fnode: number;
  readonly path: string;
}

export interface WriteOp {
  readonly fnode: number;
  readonly offset: number;
  readonly length: number;
}

export interface RecordedOp {
  readonly seqNo: number;
  /** Checksum of everything before this op. */
  readonly checksum: number;
  readonly author: number;
  readonly create?: { readonly path: string };
  readonly link?: PathOp;
  readonly unlink?: PathOp;
  readonly write?: WriteOp;
  readonly property?: { readonly path: string; readonly content: string };
}

/** Where an op lies in its journal; added by whoever reads or writes it. */
export interface OpPlace {
  /** Offset of the first byte of its frame. */
  readonly firstOffset: number;
  /** Offset after its frame and its data. */
  readonly lastOffset: number;
  readonly log: string;
}

function pathOpLength(fnode: number, path: Uint8Array): number {
  return (
    (fnode === 0 ? 0 : 1 + varintLength(fnode)) +
    (path.length === 0 ? 0 : 1 + varintLength(path.length) + path.length)
  );
}

function textLength(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : 1 + varintLength(bytes.length) + bytes.length;
}

function writeLength(write: WriteOp): number {
  return [write.fnode, write.offset, write.length].reduce(
    (sum, value) => sum + (value === 0 ? 0 : 1 + varintLength(value)),
    0,
  );
}

function text(writer: WireWriter, tag: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  writer.byte(tag);
  writer.varint(bytes.length);
  writer.raw(bytes);
}

function scalar(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.byte(tag);
  writer.varint(value);
}

interface Part {
  readonly tag: number;
  readonly length: number;
  readonly write: (writer: WireWriter) => void;
}

function parts(op: RecordedOp): Part[] {
  const found: Part[] = [];
  if (op.create) {
    const path = utf8(op.create.path);
    found.push({ tag: 0x22, length: textLength(path), write: (w) => text(w, 0x0a, path) });
  }
  for (const [tag, target] of [[0x2a, op.link] as const, [0x32, op.unlink] as const]) {
    if (!target) continue;
    const path = utf8(target.path);
    found.push({
      tag,
      length: pathOpLength(target.fnode, path),
      write: (w) => {
        scalar(w, 0x08, target.fnode);
        text(w, 0x12, path);
      },
    });
  }
  if (op.write) {
    const write = op.write;
    found.push({
      tag: 0x3a,
      length: writeLength(write),
      write: (w) => {
        scalar(w, 0x08, write.fnode);
        scalar(w, 0x10, write.offset);
        scalar(w, 0x18, write.length);
      },
    });
  }
  if (op.property) {
    const path = utf8(op.property.path);
    const content = utf8(op.property.content);
    found.push({
      tag: 0x42,
      length: textLength(path) + textLength(content),
      write: (w) => {
        text(w, 0x0a, path);
        text(w, 0x12, content);
      },
    });
  }
  return found;
}

/** The canonical bytes of an op (O1), at `reserve` bytes into the returned buffer. @throws PositionError */
export function encodeOp(op: RecordedOp, reserve = 0): Uint8Array {
  const body = parts(op);
  let length =
    (op.seqNo === 0 ? 0 : 1 + varintLength(op.seqNo)) +
    (op.checksum === 0 ? 0 : 5) +
    (op.author === 0 ? 0 : 5);
  for (const part of body) length += 1 + varintLength(part.length) + part.length;
  const writer = new WireWriter(new Uint8Array(reserve + length));
  writer.at = reserve;
  scalar(writer, 0x08, op.seqNo);
  if (op.checksum !== 0) {
    writer.byte(0x15);
    writer.fixed32(op.checksum);
  }
  if (op.author !== 0) {
    writer.byte(0x1d);
    writer.fixed32(op.author);
  }
  for (const part of body) {
    writer.byte(part.tag);
    writer.varint(part.length);
    part.write(writer);
  }
  return writer.bytes;
}

function path(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw new WireError('RecordedOp', 'a path or property is not UTF-8'); // O3
  }
}

function decodePathOp(bytes: Uint8Array, before: PathOp | undefined): PathOp {
  const reader = new WireReader(bytes, 'RecordedOp');
  let fnode = before?.fnode ?? 0;
  let name = before?.path ?? '';
  while (!reader.done) {
    const { field, type } = reader.tag();
    if (field === 1) fnode = reader.position('fnode', type);
    else if (field === 2) name = path(reader.bytes('path', type));
    else reader.skip(type);
  }
  return { fnode, path: name };
}

function decodeWrite(bytes: Uint8Array, before: WriteOp | undefined): WriteOp {
  const reader = new WireReader(bytes, 'RecordedOp');
  let { fnode, offset, length } = before ?? { fnode: 0, offset: 0, length: 0 };
  while (!reader.done) {
    const { field, type } = reader.tag();
    if (field === 1) fnode = reader.position('fnode', type);
    else if (field === 2) offset = reader.position('offset', type);
    else if (field === 3) length = reader.position('length', type);
    else reader.skip(type);
  }
  return { fnode, offset, length };
}

/** A message of one or two texts: Create has a path, Property also a content. */
function decodeTexts(bytes: Uint8Array, fields: 1 | 2, before: readonly [string, string]): [string, string] {
  const reader = new WireReader(bytes, 'RecordedOp');
  let [first, second] = before;
  while (!reader.done) {
    const { field, type } = reader.tag();
    if (field === 1) first = path(reader.bytes('path', type));
    else if (field === 2 && fields === 2) second = path(reader.bytes('content', type));
    else reader.skip(type);
  }
  return [first, second];
}

/** Decodes an op in any valid form (O2); a field that comes twice is merged, as protobuf asks. @throws WireError, PositionError */
export function decodeOp(bytes: Uint8Array): RecordedOp {
  const reader = new WireReader(bytes, 'RecordedOp');
  const op: { -readonly [K in keyof RecordedOp]: RecordedOp[K] } = { seqNo: 0, checksum: 0, author: 0 };
  while (!reader.done) {
    const { field, type } = reader.tag();
    switch (field) {
      case 1:
        op.seqNo = reader.position('seqNo', type);
        break;
      case 2:
        op.checksum = reader.fixed32('checksum', type);
        break;
      case 3:
        op.author = reader.fixed32('author', type);
        break;
      case 4:
        op.create = { path: decodeTexts(reader.bytes('create', type), 1, [op.create?.path ?? '', ''])[0] };
        break;
      case 5:
        op.link = decodePathOp(reader.bytes('link', type), op.link);
        break;
      case 6:
        op.unlink = decodePathOp(reader.bytes('unlink', type), op.unlink);
        break;
      case 7:
        op.write = decodeWrite(reader.bytes('write', type), op.write);
        break;
      case 8: {
        const [name, content] = decodeTexts(reader.bytes('property', type), 2, [
          op.property?.path ?? '',
          op.property?.content ?? '',
        ]);
        op.property = { path: name, content };
        break;
      }
      case 9:
      case 10:
        reader.position('offset', type); // where an op lies is told by whoever reads it, not by the op
        break;
      case 11:
        reader.bytes('log', type);
        break;
      default:
        reader.skip(type);
    }
  }
  return op;
}
