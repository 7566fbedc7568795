/**
 * log-writer: appends entries to a file, whatever their payloads are.
 *
 * T1  One entry is one write (encode.ts N1). Only `stream` uses several; it is for a file that nobody restores from yet.
 * T2  After a failed write or sync the writer is broken for good (C5.16): what reached the file is undecided, only reading it can tell.
 * T3  One append at a time; an overlapping one is refused. A sync may overlap with appends and with other syncs: entries go on while others are
 *     on their way (C5.17), and it answers for what was appended before it began.
 * T4  Behind a torn tail the first entry starts in the next block; what stands between keeps the tail torn (closing.ts).
 */
import { concatBytes, EMPTY_BYTES } from '../base/index.ts';
import { closingBytes } from './closing.ts';
import { encodeLogEntry } from './encode.ts';
import { EntryStream } from './entry-stream.ts';
import { WriterBrokenError, WriterUsageError } from './errors.ts';
import type { StateFile } from './file.ts';

/** Where an entry was placed, in bytes of the file. */
export interface Placed {
  readonly start: number;
  readonly end: number;
}

/** Hands the bytes of an entry on, piece by piece. */
export type Produce = (write: (chunk: Uint8Array) => Promise<void>) => Promise<void>;

export class LogWriter {
  readonly #file: StateFile;
  #offset: number;
  #torn: boolean;
  #busy = false;
  #failure: { readonly cause: unknown } | undefined;

  /**
   * Trusts its arguments, as the Go writer does.
   * @param torn whether the file ends inside a record there (T4)
   */
  constructor(file: StateFile, offset: number = 0, torn: boolean = false) {
    this.#file = file;
    this.#offset = offset;
    this.#torn = torn;
  }

  /** Offset behind everything written. */
  get offset(): number {
    return this.#offset;
  }

  /** True after a failure (T2). */
  get broken(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Appends an entry that holds `head` and then `payload`. Durable only after `sync`.
   * @throws WriterBrokenError, WriterUsageError
   */
  async append(payload: Uint8Array, head: Uint8Array = EMPTY_BYTES): Promise<Placed> {
    return await this.#exclusive(async () => {
      const closing = await this.#closing();
      const entry = encodeLogEntry(this.#offset + closing.length, payload, head);
      const bytes = closing.length === 0 ? entry.bytes : concatBytes([closing, entry.bytes]);
      if (bytes.length > 0) await this.#file.write(bytes, this.#offset);
      this.#torn = false;
      this.#offset = entry.end;
      return { start: entry.start, end: entry.end };
    });
  }

  /**
   * Appends an entry of unknown length in bounded memory.
   * A crash midway leaves an unfinished entry, so the file must not be the one that a restore would choose (T1).
   * @throws WriterBrokenError, WriterUsageError
   */
  async stream(produce: Produce): Promise<Placed> {
    return await this.#exclusive(async () => {
      const closing = await this.#closing();
      const stream = new EntryStream(this.#file, this.#offset + closing.length);
      if (closing.length > 0) await this.#file.write(closing, this.#offset);
      this.#torn = false;
      await produce((chunk) => stream.write(chunk));
      const placed = await stream.finish();
      this.#offset = placed.end;
      return placed;
    });
  }

  /**
   * Resolves when everything that was appended before the call is durable (T3).
   * @returns the offset behind that
   * @throws WriterBrokenError; the signal's reason when it had aborted before
   */
  async sync(signal?: AbortSignal): Promise<number> {
    this.#refuseBroken();
    signal?.throwIfAborted();
    const covered = this.#offset;
    try {
      await this.#file.sync(signal);
    } catch (error) {
      throw this.#break(error);
    }
    this.#refuseBroken(); // of two syncs that overlap the system may tell only one that it failed
    return covered;
  }

  /** What has to stand before the next entry (T4). */
  async #closing(): Promise<Uint8Array> {
    return this.#torn ? await closingBytes(this.#file, this.#offset) : EMPTY_BYTES;
  }

  async #exclusive(work: () => Promise<Placed>): Promise<Placed> {
    this.#refuseBroken();
    if (this.#busy) throw new WriterUsageError('one append at a time');
    this.#busy = true;
    try {
      const placed = await work();
      this.#refuseBroken(); // a sync that overlapped may have failed
      return placed;
    } catch (error) {
      throw this.#break(error);
    } finally {
      this.#busy = false;
    }
  }

  #refuseBroken(): void {
    if (this.#failure) throw new WriterBrokenError(this.#offset, this.#failure.cause);
  }

  /** T2: the first failure stays the cause. */
  #break(error: unknown): WriterBrokenError {
    if (error instanceof WriterBrokenError) return error;
    this.#failure ??= { cause: error };
    return new WriterBrokenError(this.#offset, this.#failure.cause);
  }
}
