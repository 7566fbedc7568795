/**
 * scan: walks a state file forward, entry by entry: log entries (log-scan.ts) that say what they are.
 *
 * N1  A log entry that is no state entry is damage ('entry'), and one whose epoch no file can have too ('epoch'); both are passed over whole.
 */
import { viewOf } from '../base/index.ts';
import type { BlockSource } from './blocks.ts';
import { ENTRY_HEADER_BYTES, ENTRY_SNAPSHOT, ENTRY_UPDATE, type DamageReason } from './format.ts';
import { logEntryChunks, LogScanner, type Damage, type LogEntry } from './log-scan.ts';

/** One state entry as found in a file. */
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
  /** No further whole entry; `torn` bytes behind `offset` are the beginning of one. */
  | { readonly kind: 'end'; readonly offset: number; readonly torn: number };

export class EntryScanner {
  readonly #log: LogScanner;

  /**
   * @param position where an entry (or the padding before it) starts
   * @param retainSnapshot longest snapshot payload whose bytes are kept, in bytes
   */
  constructor(source: BlockSource, position: number, retainSnapshot: number = Infinity) {
    this.#log = new LogScanner(source, position, (head) =>
      head[0] === ENTRY_SNAPSHOT ? retainSnapshot + ENTRY_HEADER_BYTES : Infinity,
    );
  }

  /** Offset behind the last thing that was delivered. */
  get position(): number {
    return this.#log.position;
  }

  /** The next entry, damage or the end. After `end` the same answer comes again until the source was looked at again. */
  async next(): Promise<ScanOutcome> {
    const outcome = await this.#log.next();
    return outcome.kind === 'entry' ? interpreted(outcome.entry) : outcome;
  }
}

function interpreted({ start, end, length, head, payload }: LogEntry): ScanOutcome {
  const damaged = (reason: DamageReason): ScanOutcome => ({
    kind: 'damage',
    damage: { offset: start, bytes: end - start, reason },
  });
  const type = head[0];
  if (head.length < ENTRY_HEADER_BYTES || (type !== ENTRY_UPDATE && type !== ENTRY_SNAPSHOT))
    return damaged('entry'); // N1
  const epoch = Number(viewOf(head).getBigUint64(1, true));
  if (!Number.isSafeInteger(epoch)) return damaged('epoch'); // N1
  return {
    kind: 'entry',
    entry: {
      type,
      epoch,
      start,
      end,
      length: length - ENTRY_HEADER_BYTES,
      payload: payload?.subarray(ENTRY_HEADER_BYTES),
    },
  };
}

/** The payload of the state entry at `start`, in pieces of at most one record. Call after the entry was found whole. */
export function entryChunks(source: BlockSource, start: number): AsyncGenerator<Uint8Array> {
  return logEntryChunks(source, start, ENTRY_HEADER_BYTES);
}
