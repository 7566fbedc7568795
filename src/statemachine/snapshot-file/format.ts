/**
 * snapshot-file/format: the bytes of a snapshot file, those of dragonboat's version 2 (seeds.md §4.3, F4.25).
 *
 *   [0, 1024)   u64 LE n | n bytes of header (protobuf) | u32 BE CRC-32 of the header | zeros
 *   [1024, …)   blocks: BLOCK_BYTES of payload, the last one shorter, each with its u32 BE CRC-32 behind it
 *   last 16     u64 LE bytes of all blocks with their checksums | magic
 *
 * The payload is the prologue (what the runtime keeps beside the state: place, sessions), then the bytes of the machine.
 *
 * S1  Every byte is under a check: the header under its CRC, which is never left out; the zeros are zeros; a block under its CRC; all CRCs together
 *     under the payload checksum in the header; and the tail follows from the header.
 * S2  The header has both lengths, so that a reader knows the place of everything before it reads the first block.
 * S3  Equal contents are equal bytes: neither time nor the version of the program is in the header.
 */
import { crc32 } from 'node:zlib';
import { checkPosition, equalBytes, fromHex, viewOf } from '../../base/index.ts';
import { EnvelopeError } from '../errors.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import { SnapshotDamagedError, SnapshotVersionError } from './errors.ts';

/** Bytes in front of the first block. */
export const HEADER_AREA_BYTES = 1024;
/** Payload bytes of a block: what a reader holds in memory at a time. */
export const BLOCK_BYTES: number = 2 * 1024 * 1024;
export const CHECKSUM_BYTES = 4;
export const TAIL_BYTES = 16;
/** Longest prologue, bytes: a full request table and a full session table, with room; a reader holds it in memory. */
export const MAX_PROLOGUE_BYTES: number = 256 * 1024 * 1024;

const MAGIC = fromHex('3f5bcbf1faba819f');
const LENGTH_BYTES = 8;
const VERSION = 2;
const CRC32_IEEE = 0;
const UNCOMPRESSED = 0;

/** Field number and wire type of a protobuf field. */
const varintField = (number: number): number => number << 3;
const bytesField = (number: number): number => (number << 3) | 2;
const SESSION_SIZE = varintField(1);
const DATA_STORE_SIZE = varintField(2);
const PAYLOAD_CHECKSUM = bytesField(6);
const CHECKSUM_TYPE = varintField(7);
const FILE_VERSION = varintField(8);
const COMPRESSION_TYPE = varintField(9);

export interface FileHeader {
  readonly prologueBytes: number;
  readonly stateBytes: number;
  /** CRC-32 over the CRCs of the blocks, one after another. */
  readonly payloadChecksum: number;
}

/** Sizes that follow from a header, bytes. */
export interface FileLayout {
  /** Of all blocks with their checksums. */
  readonly blocks: number;
  /** Of the whole file. */
  readonly total: number;
}

/** @param blockBytes BLOCK_BYTES, but for tests that look at every byte of many blocks */
export function layoutOf(
  { prologueBytes, stateBytes }: Pick<FileHeader, 'prologueBytes' | 'stateBytes'>,
  blockBytes: number = BLOCK_BYTES,
): FileLayout {
  const payload = prologueBytes + stateBytes;
  const blocks = payload + Math.ceil(payload / blockBytes) * CHECKSUM_BYTES;
  return { blocks, total: checkPosition('snapshot file size', HEADER_AREA_BYTES + blocks + TAIL_BYTES) };
}

/** A CRC as it stands in the file, big endian. */
export function checksumBytes(checksum: number): Uint8Array {
  const bytes = new Uint8Array(CHECKSUM_BYTES);
  viewOf(bytes).setUint32(0, checksum);
  return bytes;
}

/** The header area. */
export function encodeHeaderArea(header: FileHeader): Uint8Array {
  const proto = new ByteWriter();
  proto.number(SESSION_SIZE).number(header.prologueBytes);
  proto.number(DATA_STORE_SIZE).number(header.stateBytes);
  proto.number(PAYLOAD_CHECKSUM).sized(checksumBytes(header.payloadChecksum));
  proto.number(CHECKSUM_TYPE).number(CRC32_IEEE);
  proto.number(FILE_VERSION).number(VERSION);
  proto.number(COMPRESSION_TYPE).number(UNCOMPRESSED);
  const bytes = proto.finish();
  const area = new Uint8Array(HEADER_AREA_BYTES);
  viewOf(area).setBigUint64(0, BigInt(bytes.length), true);
  area.set(bytes, LENGTH_BYTES);
  area.set(checksumBytes(crc32(bytes)), LENGTH_BYTES + bytes.length);
  return area;
}

/** @throws SnapshotDamagedError (S1), SnapshotVersionError */
export function decodeHeaderArea(area: Uint8Array): FileHeader {
  const length = viewOf(area).getBigUint64(0, true);
  if (length > BigInt(HEADER_AREA_BYTES - LENGTH_BYTES - CHECKSUM_BYTES))
    throw new SnapshotDamagedError('its header is longer than can be', 0);
  if (length === 0n) throw new SnapshotDamagedError('it has no header, so it was never finished', 0);
  const end = LENGTH_BYTES + Number(length);
  const bytes = area.subarray(LENGTH_BYTES, end);
  if (viewOf(area).getUint32(end) !== crc32(bytes))
    throw new SnapshotDamagedError('the checksum of its header does not hold', LENGTH_BYTES);
  const stray = area.findIndex((byte, at) => at >= end + CHECKSUM_BYTES && byte !== 0);
  if (stray >= 0) throw new SnapshotDamagedError('there is something behind its header', stray);
  return decodeHeader(bytes);
}

function decodeHeader(bytes: Uint8Array): FileHeader {
  try {
    const fields = headerFields(bytes);
    const version = fields.get(FILE_VERSION);
    if (version !== VERSION) throw new SnapshotVersionError(`it has version ${version}`);
    if (fields.get(CHECKSUM_TYPE) !== CRC32_IEEE || fields.get(COMPRESSION_TYPE) !== UNCOMPRESSED)
      throw new SnapshotVersionError('its checksums or its compression are of another kind');
    const [prologueBytes, stateBytes] = [fields.get(SESSION_SIZE), fields.get(DATA_STORE_SIZE)];
    const payloadChecksum = fields.get(PAYLOAD_CHECKSUM);
    if (prologueBytes === undefined || stateBytes === undefined || payloadChecksum === undefined)
      throw new SnapshotVersionError('its header does not have the sizes');
    if (prologueBytes > MAX_PROLOGUE_BYTES)
      throw new SnapshotVersionError(`its sessions take ${prologueBytes} bytes`);
    return { prologueBytes, stateBytes, payloadChecksum };
  } catch (error) {
    if (error instanceof EnvelopeError) throw new SnapshotVersionError('its header has another form');
    throw error;
  }
}

function headerFields(bytes: Uint8Array): ReadonlyMap<number, number> {
  const input = new ByteReader(bytes);
  const fields = new Map<number, number>();
  while (input.left > 0) {
    const key = input.number();
    if (key === PAYLOAD_CHECKSUM) {
      const checksum = input.sized();
      if (checksum.length !== CHECKSUM_BYTES)
        throw new SnapshotVersionError('its payload checksum has another length');
      fields.set(key, viewOf(checksum).getUint32(0));
    } else if ((key & 7) === 0) fields.set(key, input.number());
    else throw new SnapshotVersionError(`its header has a field ${key >> 3}`);
  }
  return fields;
}

/** The last bytes of the file. */
export function encodeTail(layout: FileLayout): Uint8Array {
  const tail = new Uint8Array(TAIL_BYTES);
  viewOf(tail).setBigUint64(0, BigInt(layout.blocks), true);
  tail.set(MAGIC, LENGTH_BYTES);
  return tail;
}

/** @throws SnapshotDamagedError */
export function checkTail(tail: Uint8Array, layout: FileLayout): void {
  if (equalBytes(tail, encodeTail(layout))) return;
  throw new SnapshotDamagedError('its tail is not the one its header asks for', layout.total - TAIL_BYTES);
}

export { crc32 };
