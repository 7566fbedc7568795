/**
 * encode: an entry as the one run of bytes that is written for it: padding, then all its records.
 *
 * N1  The whole entry is one buffer, so one write and one recorded operation: a crash or a fence that cuts between operations can only
 *     remove whole entries (C5.11).
 */
import { concatBytes } from '../base/index.ts';
import {
  alignedStart,
  BLOCK_BYTES,
  entryHeader,
  HEADER_BYTES,
  putRecord,
  RECORD_FIRST,
  RECORD_FULL,
  RECORD_LAST,
  RECORD_MIDDLE,
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
 * Encodes a logio entry for a writer that stands at `offset`. An empty payload gives the padding only (F1.4).
 * Source: seeds.md §1.1.
 */
export function encodeLogEntry(offset: number, payload: Uint8Array): EncodedEntry {
  const start = alignedStart(offset);
  if (payload.length === 0) return { bytes: new Uint8Array(start - offset), start, end: start };
  const end = endOfEntry(start, payload.length);
  const bytes = new Uint8Array(end - offset);
  for (let at = start, taken = 0; taken < payload.length;) {
    const room = BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES;
    const part = payload.subarray(taken, taken + room);
    const type = recordType(taken === 0, taken + part.length === payload.length);
    putRecord(bytes, at - offset, type, at - start, part);
    taken += part.length;
    at += HEADER_BYTES + part.length;
  }
  return { bytes, start, end };
}

/** Encodes a stateio entry; `type` is ENTRY_UPDATE or ENTRY_SNAPSHOT, `epoch` what F1.24 asks for that type. */
export function encodeStateEntry(
  offset: number,
  type: number,
  epoch: number,
  payload: Uint8Array,
): EncodedEntry {
  return encodeLogEntry(offset, concatBytes([entryHeader(type, epoch), payload]));
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
