/**
 * Reading the snappy framed format, one of the codecs that Gazette stores fragments in; nothing is written in it.
 *
 *   chunk = type, 3 bytes of length, body       ff stream identifier "sNaPpY" · 00 compressed · 01 plain · 80-fe to be passed over
 *   body of 00 and 01 = masked CRC-32C of the content, then a snappy block or the content itself
 *
 * P1  Every content byte is under a checksum, which is compared before the byte counts.
 * P2  Memory is that of `expectedBytes`, whatever the bytes claim, and only when that many can be in them at all; content that would be longer is refused
 *     where it begins to be.
 * P3  A long stream lets others have the thread between its pieces.
 */
import { setImmediate as othersRan } from 'node:timers/promises';
import { crc32c, equalBytes, utf8, viewOf } from '../../base/index.ts';
import { CodecError } from './codec.ts';

const IDENTIFIER: Uint8Array = utf8('sNaPpY');
const COMPRESSED = 0x00;
const PLAIN = 0x01;
const FIRST_SKIPPABLE = 0x80;
const STREAM_IDENTIFIER = 0xff;
const CHUNK_HEADER_BYTES = 4;
const CHECKSUM_BYTES = 4;
/** Most content of one chunk, by the format. */
const MAX_CHUNK_CONTENT = 65_536;
/** P3: a piece of a few milliseconds. */
const PIECE_BYTES: number = 4 * 1024 * 1024;

const bad = (problem: string): CodecError => new CodecError('snappy', problem);

/** P2: a copy of three bytes gives at most 64, so that no block can be longer than this many times its bytes. */
const MAX_RATIO = 22;

/** The content of a framed stream: exactly `expectedBytes` of it. No bytes at all are no content, as Gazette writes it. @throws CodecError */
export async function decompressSnappy(stored: Uint8Array, expectedBytes: number): Promise<Uint8Array> {
  if (expectedBytes > stored.length * MAX_RATIO)
    throw bad(`${stored.length} bytes cannot hold the ${expectedBytes} expected`);
  const content = new Uint8Array(expectedBytes);
  let filled = 0;
  let pause = PIECE_BYTES;
  for (let at = 0; at < stored.length;) {
    if (at + CHUNK_HEADER_BYTES > stored.length) throw bad('it ends in the header of a chunk');
    const type = stored[at]!;
    const length = stored[at + 1]! | (stored[at + 2]! << 8) | (stored[at + 3]! << 16);
    const body = stored.subarray(at + CHUNK_HEADER_BYTES, at + CHUNK_HEADER_BYTES + length);
    if (body.length < length) throw bad(`it ends in a chunk of ${length} bytes`);
    if (at === 0 && type !== STREAM_IDENTIFIER) throw bad('it does not begin with the stream identifier');
    if (type === COMPRESSED || type === PLAIN) filled += chunk(type, body, content, filled);
    else if (type === STREAM_IDENTIFIER && !equalBytes(body, IDENTIFIER))
      throw bad('a stream identifier is wrong');
    else if (type < FIRST_SKIPPABLE) throw bad(`chunk type ${type} is not known`);
    at += CHUNK_HEADER_BYTES + length;
    if (filled < pause) continue;
    pause = filled + PIECE_BYTES;
    await othersRan();
  }
  if (filled < expectedBytes) throw bad(`${filled} bytes of content, expected ${expectedBytes}`);
  return content;
}

/** Decodes the body of one chunk into `content` at `at`; returns how many bytes it gave. @throws CodecError */
function chunk(type: number, body: Uint8Array, content: Uint8Array, at: number): number {
  if (body.length < CHECKSUM_BYTES) throw bad('a chunk without checksum');
  const data = body.subarray(CHECKSUM_BYTES);
  const block = type === PLAIN ? { start: 0, length: data.length } : blockLength(data);
  if (block.length > MAX_CHUNK_CONTENT) throw bad(`a chunk of ${block.length} bytes of content`);
  if (at + block.length > content.length) throw bad(`more content than the ${content.length} bytes expected`); // P2
  const target = content.subarray(at, at + block.length);
  if (type === PLAIN) target.set(data);
  else decodeBlock(data, block.start, target);
  if (masked(crc32c(target)) !== viewOf(body).getUint32(0, true))
    throw bad('the checksum of a chunk is wrong'); // P1
  return block.length;
}

function masked(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282_ead8) >>> 0;
}

/** Content bytes that a block says it has, and where its elements begin. */
function blockLength(data: Uint8Array): { readonly start: number; readonly length: number } {
  let length = 0;
  for (let i = 0; i < 5 && i < data.length; i++) {
    length += (data[i]! & 0x7f) * 2 ** (7 * i);
    if (data[i]! < 0x80) return { start: i + 1, length };
  }
  throw bad('the length of a block does not end');
}

/** Literals and copies of what came before, until `target` is full and `data` is used up. */
function decodeBlock(data: Uint8Array, start: number, target: Uint8Array): void {
  let from = start;
  let to = 0;
  const number = (bytes: number): number => {
    if (from + bytes > data.length) throw bad('a block ends in an element');
    let value = 0;
    for (let i = 0; i < bytes; i++) value += data[from++]! * 256 ** i;
    return value;
  };
  while (from < data.length) {
    const tag = data[from++]!;
    const kind = tag & 3;
    const top = tag >> 2;
    if (kind === 0) {
      const length = (top < 60 ? top : number(top - 59)) + 1;
      if (from + length > data.length || to + length > target.length) throw bad('a literal is too long');
      target.set(data.subarray(from, from + length), to);
      from += length;
      to += length;
      continue;
    }
    const length = kind === 1 ? (top & 7) + 4 : top + 1;
    const offset = kind === 1 ? (tag >> 5) * 256 + number(1) : number(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > to || to + length > target.length)
      throw bad('a copy reaches out of its block');
    for (const end = to + length; to < end; to++) target[to] = target[to - offset]!; // it may copy what it writes
  }
  if (to !== target.length) throw bad(`a block of ${to} bytes that says it has ${target.length}`);
}
