/**
 * reader: the updates of one epoch, in order, from a file that may still be growing.
 *
 * U1  Every outcome is a value: an update, a damage with its place, or an end with its reason. The reader never skips in silence.
 * U2  An end is sticky (decision 13): it is answered again until `lookAgain` is called, and an end at the next snapshot for good.
 * U3  An update that belongs to another epoch is damage ('epoch'), never an update.
 */
import { BlockSource } from './blocks.ts';
import type { ReadableStateFile } from './file.ts';
import { alignedStart, ENTRY_SNAPSHOT } from './format.ts';
import type { Damage } from './log-scan.ts';
import { EntryScanner } from './scan.ts';

export type ReadOutcome =
  | { readonly kind: 'update'; readonly payload: Uint8Array; readonly start: number; readonly end: number }
  | { readonly kind: 'damage'; readonly damage: Damage }
  | {
      readonly kind: 'end';
      /** eof: clean end; torn: `bytes` of an unfinished entry follow; snapshot: the next epoch starts here; limit: the bound was reached. */
      readonly why: 'eof' | 'torn' | 'snapshot' | 'limit';
      readonly offset: number;
      readonly bytes: number;
    };

type End = Extract<ReadOutcome, { kind: 'end' }>;

export interface ReaderPlace {
  /** Where to start: behind the epoch's snapshot, or behind an update already read. */
  readonly from: number;
  readonly epoch: number;
  /** First byte that does not count; Infinity by default. */
  readonly limit?: number;
}

export class UpdatesReader {
  readonly #source: BlockSource;
  readonly #scanner: EntryScanner;
  readonly #epoch: number;
  #end: End | undefined;
  #looked = false;

  constructor(file: ReadableStateFile, place: ReaderPlace) {
    this.#source = new BlockSource(file, place.limit);
    this.#scanner = new EntryScanner(this.#source, place.from, 0);
    this.#epoch = place.epoch;
  }

  /** Offset behind the last update or damage that was delivered. */
  get position(): number {
    return this.#scanner.position;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Lets the next `next` see what was appended meanwhile (U2). */
  lookAgain(): void {
    if (this.#end?.why === 'snapshot') return;
    this.#end = undefined;
    this.#looked = false;
  }

  async next(): Promise<ReadOutcome> {
    if (this.#end) return this.#end;
    if (!this.#looked) {
      await this.#source.look();
      this.#looked = true;
    }
    const outcome = await this.#scanner.next();
    if (outcome.kind === 'damage') return outcome;
    if (outcome.kind === 'end') return this.#finish(outcome.offset, outcome.torn);
    const { entry } = outcome;
    if (entry.type === ENTRY_SNAPSHOT) {
      this.#end = { kind: 'end', why: 'snapshot', offset: entry.start, bytes: 0 };
      return this.#end;
    }
    if (alignedStart(entry.epoch) !== this.#epoch || !entry.payload) {
      const damage: Damage = { offset: entry.start, bytes: entry.end - entry.start, reason: 'epoch' };
      return { kind: 'damage', damage }; // U3
    }
    return { kind: 'update', payload: entry.payload, start: entry.start, end: entry.end };
  }

  #finish(offset: number, torn: number): End {
    const atTail = torn === 0 ? 'eof' : 'torn';
    this.#end = { kind: 'end', why: this.#source.limited ? 'limit' : atTail, offset, bytes: torn };
    return this.#end;
  }
}
