/**
 * encode: an entry as the one run of bytes that is written for it: padding, then all its records.
 *
 * N1  The whole entry is one buffer, so one write and one recorded operation: a crash or a fence that cuts between operations can only
 *     remove whole entries (C5.11).
 */
import { EMPTY_BYTES } from '../base/index.ts';
import {
  alignedStart,
  BLOCK_BYTES,
  entryHeader,
  HEADER_BYTES,
  RECORD_FIRST,
  RECORD_FULL,
  RECORD_LAST,
  RECORD_MIDDLE,
  sealRecord,
} from './format.ts';

export interface EncodedEntry {
  /** Bytes to write at the offset that was asked for (N1). */
  readonly bytes: Uint8Array;
  /** File offset of the entry's first record. */
  readonly start: number;
  /** File offset behind the entry. */
  readonly end: number;
}

/**
 * Encodes a log entry that holds `head` and then `payload`, for a writer that stands at `offset`. An empty entry gives the padding only (F1.4).
 * Source: seeds.md §1.1.
 */
export function encodeLogEntry(
  offset: number,
  payload: Uint8Array,
  head: Uint8Array = EMPTY_BYTES,
): EncodedEntry {
  const start = alignedStart(offset);
  const total = head.length + payload.length;
  if (total === 0) return { bytes: new Uint8Array(start - offset), start, end: start };
  const end = endOfEntry(start, total);
  const bytes = new Uint8Array(end - offset);
  for (let at = start, taken = 0; taken < total;) {
    const room = BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES;
    const length = Math.min(room, total - taken);
    put(bytes, at - offset + HEADER_BYTES, { head, payload, taken, length });
    const type = recordType(taken === 0, taken + length === total);
    sealRecord(bytes, at - offset, type, at - start, length);
    taken += length;
    at += HEADER_BYTES + length;
  }
  return { bytes, start, end };
}

/** Copies `length` bytes behind the first `taken` ones of head and payload to `at`. */
function put(
  bytes: Uint8Array,
  at: number,
  from: { head: Uint8Array; payload: Uint8Array; taken: number; length: number },
): void {
  const { head, payload, taken, length } = from;
  const ofHead = head.subarray(taken, taken + length);
  bytes.set(ofHead, at);
  const begin = Math.max(0, taken - head.length);
  bytes.set(payload.subarray(begin, begin + length - ofHead.length), at + ofHead.length);
}

/** Encodes a state entry; `type` is ENTRY_UPDATE or ENTRY_SNAPSHOT, `epoch` what F1.24 asks for that type. */
export function encodeStateEntry(
  offset: number,
  type: number,
  epoch: number,
  payload: Uint8Array,
): EncodedEntry {
  return encodeLogEntry(offset, payload, entryHeader(type, epoch));
}

/** The type of a record by its place in its entry. */
export function recordType(first: boolean, last: boolean): number {
  if (first) return last ? RECORD_FULL : RECORD_FIRST;
  return last ? RECORD_LAST : RECORD_MIDDLE;
}

function endOfEntry(start: number, payloadBytes: number): number {
  let at = start;
  let left = payloadBytes;
  for (;;) {
    const part = Math.min(left, BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES);
    at += HEADER_BYTES + part;
    left -= part;
    if (left === 0) return at;
  }
}
