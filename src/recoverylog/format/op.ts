/**
 * One recorded file operation and its bytes (gazette.md §1.1).
 *
 * O1  The canonical form written here is Gazette's: fields ascending, zero scalars left out, sub-messages written even when empty.
 * O2  A reader takes any valid protobuf form; the checksum chain runs over the bytes as received.
 * O3  Paths are text. A path that is not UTF-8 is refused: no file system call of ours could name it.
 * O4  Decoded operations all have the same fields in the same order, those that are absent being undefined: what reads them stays fast.
 */
import { plainOp } from './plain-op.ts';
import type { OpPlace, PathOp, PropertyOp, RecordedOp, WriteOp } from './recorded-op.ts';
import { textBytes, texts, varintLength, WireReader, WireWriter } from './wire.ts';

export type { OpPlace, PathOp, RecordedOp, WriteOp };

/** Field numbers of RecordedOp that are known; 9 to 11 say where an op lies, which its reader knows better. */
const KNOWN_FIELDS = 11;

function scalarLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

/** Bytes of a length-delimited field whose content has so many. */
function blockLength(length: number): number {
  return 1 + varintLength(length) + length;
}

function textLength(text: string): number {
  return text.length === 0 ? 0 : blockLength(textBytes(text));
}

function pathOpLength({ fnode, path }: PathOp): number {
  return scalarLength(fnode) + textLength(path);
}

function writeLength({ fnode, offset, length }: WriteOp): number {
  return scalarLength(fnode) + scalarLength(offset) + scalarLength(length);
}

function propertyLength({ path, content }: PropertyOp): number {
  return textLength(path) + textLength(content);
}

/** Bytes of an op in its canonical form. @throws PositionError by whoever writes it */
export function opLength(op: RecordedOp): number {
  let length = scalarLength(op.seqNo) + (op.checksum === 0 ? 0 : 5) + (op.author === 0 ? 0 : 5);
  if (op.create) length += blockLength(textLength(op.create.path));
  if (op.link) length += blockLength(pathOpLength(op.link));
  if (op.unlink) length += blockLength(pathOpLength(op.unlink));
  if (op.write) length += blockLength(writeLength(op.write));
  if (op.property) length += blockLength(propertyLength(op.property));
  return length;
}

function putScalar(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.byte(tag);
  writer.varint(value);
}

function putFixed32(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.byte(tag);
  writer.fixed32(value);
}

function putText(writer: WireWriter, tag: number, text: string): void {
  if (text.length === 0) return;
  const length = textBytes(text);
  writer.byte(tag);
  writer.varint(length);
  writer.text(text, length);
}

/** The head of a sub-message. */
function putBlock(writer: WireWriter, tag: number, length: number): void {
  writer.byte(tag);
  writer.varint(length);
}

function putPathOp(writer: WireWriter, tag: number, op: PathOp): void {
  putBlock(writer, tag, pathOpLength(op));
  putScalar(writer, 0x08, op.fnode);
  putText(writer, 0x12, op.path);
}

/** Writes the canonical bytes of an op (O1) at `at`; `bytes` has room for opLength() of them. Returns where they end. @throws PositionError */
export function putOp(op: RecordedOp, bytes: Uint8Array, at: number): number {
  const writer = new WireWriter(bytes, at);
  putScalar(writer, 0x08, op.seqNo);
  putFixed32(writer, 0x15, op.checksum);
  putFixed32(writer, 0x1d, op.author);
  if (op.create) {
    putBlock(writer, 0x22, textLength(op.create.path));
    putText(writer, 0x0a, op.create.path);
  }
  if (op.link) putPathOp(writer, 0x2a, op.link);
  if (op.unlink) putPathOp(writer, 0x32, op.unlink);
  if (op.write) {
    putBlock(writer, 0x3a, writeLength(op.write));
    putScalar(writer, 0x08, op.write.fnode);
    putScalar(writer, 0x10, op.write.offset);
    putScalar(writer, 0x18, op.write.length);
  }
  if (op.property) {
    putBlock(writer, 0x42, propertyLength(op.property));
    putText(writer, 0x0a, op.property.path);
    putText(writer, 0x12, op.property.content);
  }
  return writer.at;
}

/** The canonical bytes of an op (O1). @throws PositionError */
export function encodeOp(op: RecordedOp): Uint8Array {
  const bytes = new Uint8Array(opLength(op));
  putOp(op, bytes, 0);
  return bytes;
}

/** A reader that decodeOpAt() can be called with, again and again. */
export function opReader(): WireReader {
  return new WireReader('RecordedOp');
}

/** Decodes an op in any valid form (O2); a field that comes twice is merged, as protobuf asks. @throws WireError, PositionError */
export function decodeOp(bytes: Uint8Array): RecordedOp {
  return decodeOpAt(opReader(), bytes, 0, bytes.length);
}

/** Decodes the op in [begin, end) of `bytes`, as decodeOp does. @throws WireError, PositionError */
export function decodeOpAt(reader: WireReader, bytes: Uint8Array, begin: number, end: number): RecordedOp {
  return plainOp(bytes, begin, end, texts) ?? anyOpAt(reader, bytes, begin, end);
}

/** The same for an op of any form, without the short cut. @throws WireError, PositionError */
export function anyOpAt(reader: WireReader, bytes: Uint8Array, begin: number, end: number): RecordedOp {
  reader.set(bytes, begin, end);
  let [seqNo, checksum, author] = [0, 0, 0];
  let create: RecordedOp['create'];
  let link: PathOp | undefined;
  let unlink: PathOp | undefined;
  let write: WriteOp | undefined;
  let property: PropertyOp | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        seqNo = reader.position('seqNo');
        break;
      case 0x15:
        checksum = reader.fixed32();
        break;
      case 0x1d:
        author = reader.fixed32();
        break;
      case 0x22:
        create = readCreate(reader, create);
        break;
      case 0x2a:
        link = readPathOp(reader, link);
        break;
      case 0x32:
        unlink = readPathOp(reader, unlink);
        break;
      case 0x3a:
        write = readWrite(reader, write);
        break;
      case 0x42:
        property = readProperty(reader, property);
        break;
      case 0x48:
      case 0x50:
        reader.position('offset');
        break;
      case 0x5a:
        reader.skipBytes();
        break;
      default:
        reader.skip(tag, KNOWN_FIELDS);
    }
  }
  return { seqNo, checksum, author, create, link, unlink, write, property }; // O4
}

function readCreate(reader: WireReader, before: RecordedOp['create']): { readonly path: string } {
  let path = before === undefined ? '' : before.path;
  const outer = reader.enter();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) path = reader.text('path');
    else reader.skip(tag, 1);
  }
  reader.leave(outer);
  return { path };
}

function readPathOp(reader: WireReader, before: PathOp | undefined): PathOp {
  let fnode = before === undefined ? 0 : before.fnode;
  let path = before === undefined ? '' : before.path;
  const outer = reader.enter();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x08) fnode = reader.position('fnode');
    else if (tag === 0x12) path = reader.text('path');
    else reader.skip(tag, 2);
  }
  reader.leave(outer);
  return { fnode, path };
}

function readWrite(reader: WireReader, before: WriteOp | undefined): WriteOp {
  let fnode = before === undefined ? 0 : before.fnode;
  let offset = before === undefined ? 0 : before.offset;
  let length = before === undefined ? 0 : before.length;
  const outer = reader.enter();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x08) fnode = reader.position('fnode');
    else if (tag === 0x10) offset = reader.position('offset');
    else if (tag === 0x18) length = reader.position('length');
    else reader.skip(tag, 3);
  }
  reader.leave(outer);
  return { fnode, offset, length };
}

function readProperty(reader: WireReader, before: PropertyOp | undefined): PropertyOp {
  let path = before === undefined ? '' : before.path;
  let content = before === undefined ? '' : before.content;
  const outer = reader.enter();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) path = reader.text('path');
    else if (tag === 0x12) content = reader.text('content');
    else reader.skip(tag, 2);
  }
  reader.leave(outer);
  return { path, content };
}
