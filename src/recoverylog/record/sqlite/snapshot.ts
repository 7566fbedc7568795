/**
 * A database's file written anew beside it and put in its place, while the database is used: what its old file kept in the log can be pruned then.
 *
 * N1  Between two pieces transactions run. What they write to the part that is copied already is written to the copy too, so at the end, which is
 *     between two transactions, both files say the same, and nobody sees the exchange: not SQLite, not a reader of the log.
 * N2  The copy has the length that the first page tells: what lies behind it (files.ts F3) stays out. A transaction that a crash has cut must have been
 *     undone before, since SQLite may need that rest to undo it.
 * N3  A crash leaves a copy without a use, or, in the middle of the exchange, the copy alone: it was whole before that began. `settle` removes the one
 *     and finishes the other.
 */
import { viewOf } from '../../../base/index.ts';
import type { DatabaseFiles, OpenFile } from './files.ts';

const NEXT = '-next';
/** Bytes copied between two looks at the log's room: one operation. */
const PIECE_BYTES = 1024 * 1024;
/** Length of SQLite's header; before it there is no database. */
const HEADER_BYTES = 100;

/** Before a database is opened (N3). */
export function settle(files: DatabaseFiles, path: string): void {
  const next = path + NEXT;
  if (!files.exists(next)) return;
  if (files.exists(path)) files.unlink(next);
  else files.rename(next, path);
}

export class FileSnapshot {
  readonly #files: DatabaseFiles;
  readonly #source: OpenFile;
  readonly #copy: OpenFile;
  #copied = 0;

  /** Begins; the file is not empty. */
  constructor(files: DatabaseFiles, source: OpenFile) {
    this.#files = files;
    this.#source = source;
    settle(files, source.path);
    this.#copy = files.openFile(source.path + NEXT, { create: true, exclusive: true, isDatabase: false })!;
    source.follower = (data, offset) => this.#follow(data, offset);
  }

  /** Copies a piece; whether that was the last. To be called between transactions. */
  step(): boolean {
    const end = this.#length();
    const piece = new Uint8Array(Math.max(0, Math.min(PIECE_BYTES, end - this.#copied)));
    this.#files.read(this.#source, piece, this.#copied);
    if (piece.length > 0) this.#files.writeThrough(this.#copy, piece, this.#copied);
    this.#copied += piece.length;
    return this.#copied >= end;
  }

  /** Exchanges the files (N1), right after the last step. */
  finish(): void {
    this.#source.follower = undefined;
    this.#files.replace(this.#source, this.#copy);
  }

  /** Gives up. */
  cancel(): void {
    this.#source.follower = undefined;
    if (this.#files.failure === undefined) this.#files.unlink(this.#copy.path);
    this.#files.close(this.#copy);
  }

  #follow(data: Uint8Array, offset: number): void {
    const known = this.#copied - offset;
    if (known > 0) this.#files.writeThrough(this.#copy, data.subarray(0, known), offset);
  }

  #length(): number {
    return databaseLength((into, offset) => this.#files.read(this.#source, into, offset));
  }
}

/** Bytes of a database by its first page (N2); 0: there is nothing in it yet. SQLite keeps both numbers up to date in every transaction. */
export function databaseLength(read: (into: Uint8Array, offset: number) => number): number {
  const header = new Uint8Array(HEADER_BYTES);
  read(header, 0);
  const pageBytes = viewOf(header).getUint16(16) === 1 ? 65_536 : viewOf(header).getUint16(16);
  return viewOf(header).getUint32(28) * pageBytes;
}
