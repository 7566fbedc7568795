/**
 * log-reader: the entries of a log file in order, whatever their payloads are, from a file that may still be growing.
 *
 * L1  Every outcome is a value: an entry, a damage with its place, or the end. Nothing is skipped in silence.
 * L2  The end is sticky (decision 13): it is answered again until `lookAgain` is called.
 * L3  A file may be several log files behind one another, each padded to the end of its block (F1.16). State files may not: their epochs are offsets.
 */
import { BlockSource } from './blocks.ts';
import type { ReadableStateFile } from './file.ts';
import { logEntryChunks, LogScanner, type LogEntry, type LogOutcome } from './log-scan.ts';

export interface LogReaderOptions {
  /** Where an entry (or the padding before it) starts; 0 by default. */
  readonly from?: number;
  /** First byte that does not count; Infinity by default. */
  readonly limit?: number;
  /** Longest payload that is delivered whole, bytes; the bytes of a longer one come by `chunks`. Infinity by default. */
  readonly retain?: number;
}

export class LogReader {
  readonly #file: ReadableStateFile;
  readonly #source: BlockSource;
  readonly #scanner: LogScanner;
  #end: Extract<LogOutcome, { kind: 'end' }> | undefined;
  #looked = false;

  constructor(file: ReadableStateFile, options: LogReaderOptions = {}) {
    const { from = 0, limit = Infinity, retain = Infinity } = options;
    this.#file = file;
    this.#source = new BlockSource(file, limit);
    this.#scanner = new LogScanner(this.#source, from, () => retain);
  }

  /** Offset behind the last entry or damage that was delivered. */
  get position(): number {
    return this.#scanner.position;
  }

  /** Lets the next `next` see what was appended meanwhile (L2). */
  lookAgain(): void {
    this.#end = undefined;
    this.#looked = false;
  }

  async next(): Promise<LogOutcome> {
    if (this.#end) return this.#end;
    if (!this.#looked) {
      await this.#source.look();
      this.#looked = true;
    }
    const outcome = await this.#scanner.next();
    if (outcome.kind === 'end') this.#end = outcome;
    return outcome;
  }

  /**
   * The payload of an entry that this reader delivered, in pieces of at most one record.
   * @throws EntryVanishedError when the file was changed underneath
   */
  async *chunks({ start, end }: LogEntry): AsyncGenerator<Uint8Array> {
    const source = new BlockSource(this.#file, end); // of its own: the reader may go on meanwhile
    await source.look();
    yield* logEntryChunks(source, start);
  }
}
