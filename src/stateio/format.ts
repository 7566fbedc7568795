/**
 * format: the bytes of logio records and stateio entries, as pure functions over buffers (seeds.md §1.1, §1.5).
 *
 * F1  Bytes are exactly those of the Go packages: 32 KiB blocks, 15-byte little-endian record headers, checksum = low word of XXH64 over
 *     everything behind the checksum field (F1.1 there: the "fold" of the original adds nothing, and must be kept).
 * F2  A record never crosses a block boundary and an entry's records are contiguous: padding stands only before an entry.
 * F3  `alignedStart` applies both padding rules, so an epoch pointer made from it is always the true offset of a record (C5.14, F1.33 D).
 */
import { viewOf, xxh64Low32 } from '../base/index.ts';

/** Bytes of a block. */
export const BLOCK_BYTES = 32_768;
/** Bytes of a record header: checksum u32, type u8, length u16, offset u64. */
export const HEADER_BYTES = 15;
/** Bytes before the payload of a stateio entry: type u8, epoch u64. */
export const ENTRY_HEADER_BYTES = 9;

export const RECORD_FULL = 1;
export const RECORD_FIRST = 2;
export const RECORD_MIDDLE = 3;
export const RECORD_LAST = 4;

export const ENTRY_UPDATE = 1;
export const ENTRY_SNAPSHOT = 2;

const CHECKSUM_BYTES = 4;
const TYPE_AT = 4;
const LENGTH_AT = 5;
const OFFSET_AT = 7;
const BIT_FLIPS_OF_LENGTH = 16;

/** Offset of the entry that a writer standing at `offset` starts next: rule A (1..14 bytes into a block) and rule B (<= 15 left), F1.5. */
export function alignedStart(offset: number): number {
  const inBlock = offset % BLOCK_BYTES;
  if (inBlock === 0) return offset;
  const brokenHeader = inBlock < HEADER_BYTES;
  const noRoom = BLOCK_BYTES - inBlock <= HEADER_BYTES;
  return brokenHeader || noRoom ? offset - inBlock + BLOCK_BYTES : offset;
}

/** Offset of the first block boundary at or after `offset`. */
export function blockAfter(offset: number): number {
  return Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
}

/**
 * Makes `length` bytes that stand at `at + HEADER_BYTES` of `target` a record, by writing its header; `entryOffset` is the distance from the entry's
 * first header byte (F1.2).
 */
export function sealRecord(
  target: Uint8Array,
  at: number,
  type: number,
  entryOffset: number,
  length: number,
): void {
  const view = viewOf(target);
  target[at + TYPE_AT] = type;
  view.setUint16(at + LENGTH_AT, length, true);
  view.setBigUint64(at + OFFSET_AT, BigInt(entryOffset), true);
  const checksum = xxh64Low32(target.subarray(at + CHECKSUM_BYTES, at + HEADER_BYTES + length));
  view.setUint32(at, checksum, true);
}

/** The 9 bytes that open a stateio entry. */
export function entryHeader(type: number, epoch: number): Uint8Array {
  const header = new Uint8Array(ENTRY_HEADER_BYTES);
  header[0] = type;
  viewOf(header).setBigUint64(1, BigInt(epoch), true);
  return header;
}

/** Why bytes are not a record or an entry. */
export type DamageReason =
  | 'checksum'
  | 'length'
  | 'type'
  | 'sequence'
  | 'head-missing'
  | 'entry'
  | 'epoch'
  | 'epoch-unreadable';

export type RecordParse =
  | {
      readonly kind: 'record';
      readonly type: number;
      readonly entryOffset: number;
      readonly payloadStart: number;
      readonly end: number;
    }
  /** The block has no room for another record. */
  | { readonly kind: 'padding' }
  /** The bytes end inside this record, as after a torn write. */
  | { readonly kind: 'short' }
  /** Not a record; `next` is where an intact record follows in this block, when its place is certain. */
  | { readonly kind: 'bad'; readonly reason: DamageReason; readonly next: number | undefined };

/**
 * Parses the record at `at` of a block of which `block` holds the bytes that exist (fewer than BLOCK_BYTES only at the end of the data).
 * Payload bytes are not copied here.
 */
export function parseRecord(block: Uint8Array, at: number): RecordParse {
  if (BLOCK_BYTES - at <= HEADER_BYTES) return { kind: 'padding' };
  if (block.length - at < HEADER_BYTES) return { kind: 'short' };
  const view = viewOf(block);
  const length = view.getUint16(at + LENGTH_AT, true);
  const end = at + HEADER_BYTES + length;
  if (end > BLOCK_BYTES) return { kind: 'bad', reason: 'length', next: resync(block, at, end) };
  if (end > block.length) {
    const next = lengthRepaired(block, at);
    return next === undefined ? { kind: 'short' } : { kind: 'bad', reason: 'length', next };
  }
  if (view.getUint32(at, true) !== xxh64Low32(block.subarray(at + CHECKSUM_BYTES, end))) {
    return { kind: 'bad', reason: 'checksum', next: resync(block, at, end) };
  }
  const type = block[at + TYPE_AT]!;
  const entryOffset = Number(view.getBigUint64(at + OFFSET_AT, true));
  const startsEntry = type === RECORD_FULL || type === RECORD_FIRST;
  if (type < RECORD_FULL || type > RECORD_LAST) return { kind: 'bad', reason: 'type', next: end };
  if (startsEntry !== (entryOffset === 0)) return { kind: 'bad', reason: 'sequence', next: end };
  return { kind: 'record', type, entryOffset, payloadStart: at + HEADER_BYTES, end };
}

/**
 * Where the chain of records goes on behind a damaged one. Only places that follow from the record's own structure count: its stated length, or
 * a length one bit away with which its checksum holds. The bytes are never searched, because a payload may itself contain valid records
 * (a stored log file), and those must not come back as entries nobody wrote.
 */
function resync(block: Uint8Array, at: number, end: number): number | undefined {
  if (end <= block.length && isIntactRecord(block, end)) return end;
  return lengthRepaired(block, at);
}

/**
 * The record's true end when exactly one bit of its length field was flipped, proven by its checksum. Only where something can stand that follows a
 * record is the checksum computed.
 */
function lengthRepaired(block: Uint8Array, at: number): number | undefined {
  const stored = viewOf(block).getUint16(at + LENGTH_AT, true);
  const checksum = viewOf(block).getUint32(at, true);
  for (let bit = 0; bit < BIT_FLIPS_OF_LENGTH; bit++) {
    const length = stored ^ (1 << bit);
    const end = at + HEADER_BYTES + length;
    if (end > block.length || !mayFollowRecord(block, end)) continue;
    const copy = block.slice(at + CHECKSUM_BYTES, end);
    viewOf(copy).setUint16(LENGTH_AT - CHECKSUM_BYTES, length, true);
    if (xxh64Low32(copy) === checksum) return end;
  }
  return undefined;
}

/** Whether a record may end at `end`: the data or the block ends there too, or the next record says what it is. */
function mayFollowRecord(block: Uint8Array, end: number): boolean {
  if (BLOCK_BYTES - end <= HEADER_BYTES || block.length <= end + TYPE_AT) return true;
  const type = block[end + TYPE_AT]!;
  return type >= RECORD_FULL && type <= RECORD_LAST;
}

function isIntactRecord(block: Uint8Array, at: number): boolean {
  if (block.length - at < HEADER_BYTES) return false;
  const view = viewOf(block);
  const end = at + HEADER_BYTES + view.getUint16(at + LENGTH_AT, true);
  if (end > block.length) return false;
  return view.getUint32(at, true) === xxh64Low32(block.subarray(at + CHECKSUM_BYTES, end));
}

/**
 * Whether a record that ends its entry stands at `at`, intact, and reaches behind `behind`. What costs nothing is looked at first: at most places
 * of a block the header already says no, and no checksum is computed.
 */
export function endsEntryBehind(block: Uint8Array, at: number, behind: number): boolean {
  if (block.length - at < HEADER_BYTES) return false;
  const type = block[at + TYPE_AT]!;
  if (type !== RECORD_FULL && type !== RECORD_LAST) return false;
  const view = viewOf(block);
  const opens = view.getUint32(at + OFFSET_AT, true) === 0 && view.getUint32(at + OFFSET_AT + 4, true) === 0;
  const end = at + HEADER_BYTES + view.getUint16(at + LENGTH_AT, true);
  return opens === (type === RECORD_FULL) && end > behind && isIntactRecord(block, at);
}
