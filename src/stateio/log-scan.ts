/**
 * log-scan: walks a file of log entries forward, whatever their payloads are.
 *
 * S1  Every byte of the file is accounted for: it belongs to an entry, to padding, to a damage with its place and reason, or to a torn tail.
 * S2  Only whole entries are delivered, and payloads are copies.
 * S3  A torn tail (the bytes end inside an entry) is not damage: the position stays before it, so that a later look can find it complete.
 * S4  After damage, reading goes on at the next place that is certain to be a record (format.ts: resync), at the latest at the next block.
 * S5  Memory is bounded by what is retained: of a longer entry only the head is kept, and its bytes can be read in pieces.
 */
import { concatBytes, EMPTY_BYTES } from '../base/index.ts';
import type { BlockSource } from './blocks.ts';
import { EntryVanishedError } from './errors.ts';
import {
  BLOCK_BYTES,
  ENTRY_HEADER_BYTES,
  HEADER_BYTES,
  parseRecord,
  RECORD_FIRST,
  RECORD_FULL,
  RECORD_LAST,
  type DamageReason,
} from './format.ts';

/** A range of bytes that holds no readable entry. */
export interface Damage {
  readonly offset: number;
  readonly bytes: number;
  readonly reason: DamageReason;
}

/** One entry as found in a file. */
export interface LogEntry {
  readonly start: number;
  readonly end: number;
  /** Payload bytes. */
  readonly length: number;
  /** The first bytes of the payload, at most as many as a state entry's header has. */
  readonly head: Uint8Array;
  /** Undefined for an entry longer than the scanner retains (S5). */
  readonly payload: Uint8Array | undefined;
}

export type LogOutcome =
  | { readonly kind: 'entry'; readonly entry: LogEntry }
  | { readonly kind: 'damage'; readonly damage: Damage }
  /** No further whole entry; `torn` bytes behind `offset` are the beginning of one (S3). */
  | { readonly kind: 'end'; readonly offset: number; readonly torn: number };

/** Longest payload to keep of an entry that begins like this, bytes. */
export type Retain = (head: Uint8Array) => number;

/** Bytes of an entry while its records come in. */
interface Assembly {
  readonly start: number;
  head: Uint8Array;
  readonly parts: Uint8Array[];
  /** Bytes seen. */
  length: number;
  /** Bytes that may be kept. */
  keep: number;
}

export class LogScanner {
  readonly #source: BlockSource;
  readonly #retain: Retain;
  #position: number;

  /** @param position where an entry (or the padding before it) starts */
  constructor(source: BlockSource, position: number, retain: Retain = () => Infinity) {
    this.#source = source;
    this.#position = position;
    this.#retain = retain;
  }

  /** Offset behind the last thing that was delivered. */
  get position(): number {
    return this.#position;
  }

  /** The next entry, damage or the end. After `end` the same answer comes again until the source was looked at again. */
  async next(): Promise<LogOutcome> {
    const start = skipPadding(this.#position);
    if (start >= this.#source.size) return this.#end(this.#position);
    const assembly: Assembly = { start, head: EMPTY_BYTES, parts: [], length: 0, keep: Infinity };
    for (let at = start; ;) {
      if (at >= this.#source.size) return this.#end(start);
      const blockStart = at - (at % BLOCK_BYTES);
      const block = await this.#source.block(blockStart);
      const parsed = parseRecord(block, at - blockStart);
      if (parsed.kind === 'short') return this.#end(start);
      if (parsed.kind === 'padding') return await this.#damage(start, 'sequence', blockStart + BLOCK_BYTES);
      if (parsed.kind === 'bad') {
        const next = parsed.next === undefined ? BLOCK_BYTES : parsed.next;
        return await this.#damage(start, parsed.reason, blockStart + next);
      }
      const opens = parsed.type === RECORD_FULL || parsed.type === RECORD_FIRST;
      if (opens !== (at === start)) {
        return await this.#damage(start, 'sequence', opens ? at : blockStart + parsed.end);
      }
      if (parsed.entryOffset !== at - start) {
        return await this.#damage(start, 'sequence', blockStart + parsed.end);
      }
      this.#collect(assembly, block.subarray(parsed.payloadStart, parsed.end));
      at = blockStart + parsed.end;
      if (parsed.type === RECORD_FULL || parsed.type === RECORD_LAST) return this.#whole(assembly, at);
    }
  }

  #collect(assembly: Assembly, payload: Uint8Array): void {
    assembly.length += payload.length;
    const missing = ENTRY_HEADER_BYTES - assembly.head.length;
    if (missing > 0) {
      assembly.head = concatBytes([assembly.head, payload.subarray(0, missing)]);
      if (assembly.head.length === ENTRY_HEADER_BYTES) assembly.keep = this.#retain(assembly.head);
    }
    if (assembly.length <= assembly.keep) assembly.parts.push(payload.slice()); // S2
    else assembly.parts.length = 0; // S5
  }

  #whole({ start, head, length, keep, parts }: Assembly, end: number): LogOutcome {
    this.#position = end;
    const payload = parts.length === 1 ? parts[0]! : concatBytes(parts);
    return {
      kind: 'entry',
      entry: { start, end, length, head, payload: length > keep ? undefined : payload },
    };
  }

  #end(start: number): LogOutcome {
    const offset = Math.min(start, this.#source.size);
    return { kind: 'end', offset, torn: this.#source.size - offset };
  }

  /** Reports everything from `start` to the next record that opens an entry, looked for from `from` on (S1, S4). */
  async #damage(start: number, reason: DamageReason, from: number): Promise<LogOutcome> {
    const { size } = this.#source;
    let at = skipPadding(from);
    while (at < size) {
      const blockStart = at - (at % BLOCK_BYTES);
      const parsed = parseRecord(await this.#source.block(blockStart), at - blockStart);
      if (parsed.kind === 'short') break;
      if (parsed.kind === 'record') {
        if (parsed.type === RECORD_FULL || parsed.type === RECORD_FIRST) break;
        at = skipPadding(blockStart + parsed.end);
      } else {
        const next = parsed.kind === 'bad' && parsed.next !== undefined ? parsed.next : BLOCK_BYTES;
        at = skipPadding(blockStart + next);
      }
    }
    this.#position = Math.min(at, size);
    return { kind: 'damage', damage: { offset: start, bytes: this.#position - start, reason } };
  }
}

/** The payload of the entry at `start` behind its first `skip` bytes, in pieces of at most one record. Call after it was found whole. */
export async function* logEntryChunks(
  source: BlockSource,
  start: number,
  skip: number = 0,
): AsyncGenerator<Uint8Array> {
  let left = skip;
  for (let at = start; ;) {
    const blockStart = at - (at % BLOCK_BYTES);
    const block = await source.block(blockStart);
    const parsed = parseRecord(block, at - blockStart);
    if (parsed.kind !== 'record' || parsed.entryOffset !== at - start)
      throw new EntryVanishedError(start, at);
    const passed = Math.min(left, parsed.end - parsed.payloadStart);
    left -= passed;
    if (parsed.payloadStart + passed < parsed.end)
      yield block.slice(parsed.payloadStart + passed, parsed.end); // S2
    if (parsed.type === RECORD_FULL || parsed.type === RECORD_LAST) return;
    at = blockStart + parsed.end;
  }
}

/** Where the next record can stand for a reader at `offset`: padding rule B (rule A never applies to a place a record ended at). */
function skipPadding(offset: number): number {
  const left = BLOCK_BYTES - (offset % BLOCK_BYTES);
  return left <= HEADER_BYTES ? offset + left : offset;
}
