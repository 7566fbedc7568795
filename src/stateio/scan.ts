/**
 * scan: walks a file forward, entry by entry.
 *
 * S1  Every byte of the file is accounted for: it belongs to an entry, to padding, to a damage with its place and reason, or to a torn tail.
 * S2  Only whole entries are delivered, and payloads are copies.
 * S3  A torn tail (the bytes end inside an entry) is not damage: the position stays before it, so that a later look can find it complete.
 * S4  After damage, reading goes on at the next place that is certain to be a record (format.ts: resync), at the latest at the next block.
 */
import { concatBytes, viewOf } from '../base/index.ts';
import type { BlockSource } from './blocks.ts';
import { EntryVanishedError } from './errors.ts';
import {
  BLOCK_BYTES,
  ENTRY_HEADER_BYTES,
  ENTRY_SNAPSHOT,
  ENTRY_UPDATE,
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

/** One stateio entry as found in a file. */
export interface FoundEntry {
  readonly type: typeof ENTRY_UPDATE | typeof ENTRY_SNAPSHOT;
  /** As written: own epoch of an update, previous epoch of a snapshot. */
  readonly epoch: number;
  readonly start: number;
  readonly end: number;
  /** Payload bytes. */
  readonly length: number;
  /** Undefined for a snapshot longer than the scanner retains. */
  readonly payload: Uint8Array | undefined;
}

export type ScanOutcome =
  | { readonly kind: 'entry'; readonly entry: FoundEntry }
  | { readonly kind: 'damage'; readonly damage: Damage }
  /** No further whole entry; `torn` bytes behind `offset` are the beginning of one (S3). */
  | { readonly kind: 'end'; readonly offset: number; readonly torn: number };

/** Bytes of an entry while its records come in. */
interface Assembly {
  readonly start: number;
  readonly parts: Uint8Array[];
  /** Bytes seen, including the stateio header. */
  length: number;
  /** Bytes that may be kept. */
  keep: number;
}

export class EntryScanner {
  readonly #source: BlockSource;
  readonly #retainSnapshot: number;
  #position: number;

  /**
   * @param position where an entry (or the padding before it) starts
   * @param retainSnapshot longest snapshot payload whose bytes are kept, in bytes
   */
  constructor(source: BlockSource, position: number, retainSnapshot: number = Infinity) {
    this.#source = source;
    this.#position = position;
    this.#retainSnapshot = retainSnapshot;
  }

  /** Offset behind the last thing that was delivered. */
  get position(): number {
    return this.#position;
  }

  /** The next entry, damage or the end. After `end` the same answer comes again until the source was looked at again. */
  async next(): Promise<ScanOutcome> {
    const start = skipPadding(this.#position);
    if (start >= this.#source.size) return this.#end(this.#position);
    const assembly: Assembly = { start, parts: [], length: 0, keep: Infinity };
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
    if (assembly.length === 0 && payload[0] === ENTRY_SNAPSHOT) {
      assembly.keep = this.#retainSnapshot + ENTRY_HEADER_BYTES;
    }
    assembly.length += payload.length;
    const headerOnly = assembly.length > assembly.keep;
    if (!headerOnly || assembly.length - payload.length < ENTRY_HEADER_BYTES) {
      assembly.parts.push(payload.slice()); // S2
    } else if (assembly.parts.length > 1) {
      const head = concatBytes(assembly.parts).slice(0, ENTRY_HEADER_BYTES);
      assembly.parts.splice(0, assembly.parts.length, head);
    }
  }

  #whole(assembly: Assembly, end: number): ScanOutcome {
    const { start, length, keep } = assembly;
    this.#position = end;
    const bytes = concatBytes(assembly.parts);
    const type = bytes[0];
    if (length < ENTRY_HEADER_BYTES || (type !== ENTRY_UPDATE && type !== ENTRY_SNAPSHOT)) {
      return { kind: 'damage', damage: { offset: start, bytes: end - start, reason: 'entry' } };
    }
    const epoch = Number(viewOf(bytes).getBigUint64(1, true));
    if (!Number.isSafeInteger(epoch)) {
      return { kind: 'damage', damage: { offset: start, bytes: end - start, reason: 'epoch' } };
    }
    const payload = length > keep ? undefined : bytes.subarray(ENTRY_HEADER_BYTES);
    return {
      kind: 'entry',
      entry: { type, epoch, start, end, length: length - ENTRY_HEADER_BYTES, payload },
    };
  }

  #end(start: number): ScanOutcome {
    const offset = Math.min(start, this.#source.size);
    return { kind: 'end', offset, torn: this.#source.size - offset };
  }

  /** Reports everything from `start` to the next record that opens an entry, looked for from `from` on (S1, S4). */
  async #damage(start: number, reason: DamageReason, from: number): Promise<ScanOutcome> {
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

/** The payload of the entry at `start`, in pieces of at most one record, without the stateio header. Call after the entry was found whole. */
export async function* entryChunks(source: BlockSource, start: number): AsyncGenerator<Uint8Array> {
  let header = ENTRY_HEADER_BYTES;
  for (let at = start; ;) {
    const blockStart = at - (at % BLOCK_BYTES);
    const block = await source.block(blockStart);
    const parsed = parseRecord(block, at - blockStart);
    if (parsed.kind !== 'record' || parsed.entryOffset !== at - start)
      throw new EntryVanishedError(start, at);
    const skip = Math.min(header, parsed.end - parsed.payloadStart);
    header -= skip;
    if (parsed.payloadStart + skip < parsed.end) yield block.slice(parsed.payloadStart + skip, parsed.end); // S2
    if (parsed.type === RECORD_FULL || parsed.type === RECORD_LAST) return;
    at = blockStart + parsed.end;
  }
}

/** Where the next record can stand for a reader at `offset`: padding rule B (rule A never applies to a place a record ended at). */
function skipPadding(offset: number): number {
  const left = BLOCK_BYTES - (offset % BLOCK_BYTES);
  return left <= HEADER_BYTES ? offset + left : offset;
}
