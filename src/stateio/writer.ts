/**
 * writer: appends entries to a state file.
 *
 * T1  One entry is one write (encode.ts N1). Only `streamSnapshot` uses several; it is for a file that nobody restores from yet.
 * T2  After a failed write or sync the writer is broken for good (C5.16): what reached the file is undecided, only restore can tell.
 * T3  Single writer, one call at a time; an overlapping call is refused.
 * T4  Behind a torn tail the first entry starts in the next block; what stands between keeps the tail torn (closing.ts).
 */
import { concatBytes } from '../base/index.ts';
import { closingBytes } from './closing.ts';
import { encodeStateEntry } from './encode.ts';
import { WriterBrokenError, WriterUsageError } from './errors.ts';
import type { StateFile } from './file.ts';
import { ENTRY_SNAPSHOT, ENTRY_UPDATE } from './format.ts';
import type { Restored } from './restore.ts';
import { SnapshotStream } from './snapshot-stream.ts';

/** Where an entry was placed, in bytes of the file. */
export interface Placed {
  readonly start: number;
  readonly end: number;
}

export class StateWriter {
  readonly #file: StateFile;
  #offset: number;
  #epoch: number;
  #torn: boolean;
  #busy = false;
  #failure: { readonly cause: unknown } | undefined;

  /**
   * Trusts its arguments, as the Go writer does; use `resumeWriter` for a file that already has content.
   * @param torn whether the file ends inside a record there (T4)
   */
  constructor(file: StateFile, offset: number = 0, epoch: number = 0, torn: boolean = false) {
    this.#file = file;
    this.#offset = offset;
    this.#epoch = epoch;
    this.#torn = torn;
  }

  /** Offset behind everything written. */
  get offset(): number {
    return this.#offset;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** True after a failure (T2). */
  get broken(): boolean {
    return this.#failure !== undefined;
  }

  /** Appends an update of the current epoch. Durable only after `sync`. @throws WriterBrokenError, WriterUsageError */
  async update(payload: Uint8Array): Promise<Placed> {
    return await this.#append(ENTRY_UPDATE, payload);
  }

  /** Appends a snapshot and opens its epoch. @throws WriterBrokenError, WriterUsageError */
  async snapshot(payload: Uint8Array): Promise<Placed> {
    const placed = await this.#append(ENTRY_SNAPSHOT, payload);
    this.#epoch = placed.start;
    return placed;
  }

  /**
   * Writes a snapshot of unknown length in bounded memory: `produce` gets a function that takes its next bytes.
   * A crash midway leaves an unfinished entry, so the file must not be the one that a restore would choose (T1).
   */
  async streamSnapshot(
    produce: (write: (chunk: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<Placed> {
    return await this.#exclusive(async () => {
      const closing = await this.#closing();
      const stream = new SnapshotStream(this.#file, this.#offset + closing.length, this.#epoch);
      if (closing.length > 0) await this.#file.write(closing, this.#offset);
      this.#torn = false;
      await produce((chunk) => stream.write(chunk));
      const placed = await stream.finish();
      this.#offset = placed.end;
      this.#epoch = placed.start;
      return placed;
    });
  }

  /** Resolves when everything appended is durable. @throws WriterBrokenError */
  async sync(signal?: AbortSignal): Promise<void> {
    await this.#exclusive(() => this.#file.sync(signal));
  }

  async #append(type: number, payload: Uint8Array): Promise<Placed> {
    return await this.#exclusive(async () => {
      const closing = await this.#closing();
      const entry = encodeStateEntry(this.#offset + closing.length, type, this.#epoch, payload);
      const bytes = closing.length === 0 ? entry.bytes : concatBytes([closing, entry.bytes]);
      await this.#file.write(bytes, this.#offset);
      this.#torn = false;
      this.#offset = entry.end;
      return { start: entry.start, end: entry.end };
    });
  }

  /** What has to stand before the next entry (T4). */
  async #closing(): Promise<Uint8Array> {
    return this.#torn ? await closingBytes(this.#file, this.#offset) : new Uint8Array(0);
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failure) throw new WriterBrokenError(this.#offset, this.#failure.cause);
    if (this.#busy) throw new WriterUsageError('one call at a time');
    this.#busy = true;
    try {
      return await work();
    } catch (error) {
      this.#failure = { cause: error }; // T2
      throw new WriterBrokenError(this.#offset, error);
    } finally {
      this.#busy = false;
    }
  }
}

/** A writer that goes on behind what `restored` found in the whole of `file` (T4). */
export function resumeWriter(file: StateFile, restored: Restored): StateWriter {
  const { considered, epoch, skipped } = restored;
  const torn = skipped.some((range) => range.offset + range.bytes > restored.end);
  return writerBehind(file, { size: considered, epoch, torn });
}

/** A writer that goes on at the end of a file of which a reader has told: its size, its epoch, and whether it ends inside an entry (T4). */
export function writerBehind(
  file: StateFile,
  end: { readonly size: number; readonly epoch: number; readonly torn: boolean },
): StateWriter {
  return new StateWriter(file, end.size, end.epoch, end.torn);
}
