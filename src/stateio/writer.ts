/**
 * writer: appends updates and snapshots to a state file.
 *
 * E1  An update carries the epoch it belongs to, a snapshot the one before it, which it ends (F1.24). The epoch moves only when the snapshot's bytes
 *     were written.
 */
import { ENTRY_SNAPSHOT, ENTRY_UPDATE, entryHeader } from './format.ts';
import type { StateFile } from './file.ts';
import { LogWriter, type Placed, type Produce } from './log-writer.ts';
import type { Restored } from './restore.ts';

export class StateWriter {
  readonly #log: LogWriter;
  #epoch: number;

  /**
   * Trusts its arguments, as the Go writer does; use `resumeWriter` for a file that already has content.
   * @param torn whether the file ends inside a record there (log-writer.ts T4)
   */
  constructor(file: StateFile, offset: number = 0, epoch: number = 0, torn: boolean = false) {
    this.#log = new LogWriter(file, offset, torn);
    this.#epoch = epoch;
  }

  /** Offset behind everything written. */
  get offset(): number {
    return this.#log.offset;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** True after a failure, for good. */
  get broken(): boolean {
    return this.#log.broken;
  }

  /** Appends an update of the current epoch. Durable only after `sync`. @throws WriterBrokenError, WriterUsageError */
  async update(payload: Uint8Array): Promise<Placed> {
    return await this.#log.append(payload, entryHeader(ENTRY_UPDATE, this.#epoch));
  }

  /** Appends a snapshot and opens its epoch. @throws WriterBrokenError, WriterUsageError */
  async snapshot(payload: Uint8Array): Promise<Placed> {
    const placed = await this.#log.append(payload, entryHeader(ENTRY_SNAPSHOT, this.#epoch));
    this.#epoch = placed.start;
    return placed;
  }

  /**
   * Writes a snapshot of unknown length in bounded memory: `produce` gets a function that takes its next bytes.
   * A crash midway leaves an unfinished entry, so the file must not be the one that a restore would choose.
   */
  async streamSnapshot(produce: Produce): Promise<Placed> {
    const head = entryHeader(ENTRY_SNAPSHOT, this.#epoch);
    const placed = await this.#log.stream(async (write) => {
      await write(head);
      await produce(write);
    });
    this.#epoch = placed.start;
    return placed;
  }

  /**
   * Resolves when everything that was appended before the call is durable; appends may go on meanwhile.
   * @returns the offset behind that
   * @throws WriterBrokenError
   */
  async sync(signal?: AbortSignal): Promise<number> {
    return await this.#log.sync(signal);
  }
}

/** A writer that goes on behind what `restored` found in the whole of `file`. */
export function resumeWriter(file: StateFile, restored: Restored): StateWriter {
  const { considered, epoch, skipped } = restored;
  const torn = skipped.some((range) => range.offset + range.bytes > restored.end);
  return writerBehind(file, { size: considered, epoch, torn });
}

/** A writer that goes on at the end of a file of which a reader has told: its size, its epoch, and whether it ends inside an entry. */
export function writerBehind(
  file: StateFile,
  end: { readonly size: number; readonly epoch: number; readonly torn: boolean },
): StateWriter {
  return new StateWriter(file, end.size, end.epoch, end.torn);
}
