/**
 * errors: what stateio throws. Damage met while reading is not thrown but returned as a value with its place (scan.ts, restore.ts).
 */
import { HoldfastError } from '../base/index.ts';

/** Walking back met a record that belongs to an entry which began before the file does: the file's head was cut off (F1.21). */
export class HeadMissingError extends HoldfastError {
  readonly offset: number;

  constructor(offset: number, entryStart: number) {
    super(
      'STATEIO_HEAD_MISSING',
      `The record at byte ${offset} belongs to an entry that started ${-entryStart} bytes before the file begins. The head of the file was cut off: restore the file from its recovery log or a snapshot.`,
      { fields: { offset, entryStart } },
    );
    this.offset = offset;
  }
}

/** The writer failed before and takes nothing more: its last bytes may or may not be in the file (C5.16). */
export class WriterBrokenError extends HoldfastError {
  constructor(offset: number, cause: unknown) {
    super(
      'STATEIO_WRITER_BROKEN',
      `The writer failed at byte ${offset}; what it wrote there is undecided. Close it and open the file again through restore.`,
      { fields: { offset }, cause },
    );
  }
}

/** The writer was used against its rules (for instance an update while a snapshot is being written). */
export class WriterUsageError extends HoldfastError {
  constructor(what: string) {
    super('STATEIO_WRITER_USAGE', `The state writer was misused: ${what}.`, { fields: { what } });
  }
}

/** An entry that was read whole a moment ago is not readable any more: the file was changed underneath. */
export class EntryVanishedError extends HoldfastError {
  constructor(start: number, at: number) {
    super(
      'STATEIO_ENTRY_VANISHED',
      `The entry at byte ${start} was whole and is now unreadable at byte ${at}. Something else writes to this file: stop it and restore again.`,
      { fields: { start, at } },
    );
  }
}

/** A file could not be rewritten, because an entry that has to be copied is not readable. The old file is unchanged. */
export class RewriteError extends HoldfastError {
  constructor(reason: string, place: { readonly offset: number; readonly bytes: number }) {
    super(
      'STATEIO_REWRITE',
      `The file was not rewritten: ${place.bytes} bytes at ${place.offset} cannot be copied (${reason}). Restore it first, and rewrite what was restored.`,
      { fields: { reason, offset: place.offset, bytes: place.bytes } },
    );
  }
}
