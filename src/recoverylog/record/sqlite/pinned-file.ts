/**
 * A database's file as it is now, for whoever reads it slowly while transactions go on.
 *
 * P1  It is read where it is until the first change; before that, what was not read yet is saved beside (in one go: only exports and new replicas read
 *     so, and only then).
 * P2  Its length is what the database's first page tells (snapshot.ts N2).
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseLength } from './snapshot.ts';

/** Read at a time, bytes. */
const PIECE_BYTES: number = 1024 * 1024;

type Read = (into: Uint8Array, offset: number) => number;

/** The rest of a file, saved. */
interface Saved {
  readonly directory: string;
  readonly fd: number;
  /** Where in the database it begins. */
  readonly from: number;
}

export class PinnedFile {
  /** Bytes. */
  readonly length: number;
  readonly #source: Read;
  readonly #released: () => void;
  #at = 0;
  #saved: Saved | undefined;
  #isReleased = false;

  constructor(source: Read, released: () => void) {
    this.#source = source;
    this.#released = released;
    this.length = databaseLength(source);
  }

  /** The next bytes; undefined at the end. */
  next(): Uint8Array | undefined {
    if (this.#isReleased) throw new Error('a pinned file that was released is read no more');
    const piece = new Uint8Array(Math.min(PIECE_BYTES, this.length - this.#at));
    if (piece.length === 0) return undefined;
    const saved = this.#saved;
    if (saved) readSync(saved.fd, piece, 0, piece.length, this.#at - saved.from);
    else this.#source(piece, this.#at);
    this.#at += piece.length;
    return piece;
  }

  /** The file is about to change (P1). */
  saveFromChange(): void {
    if (this.#saved !== undefined || this.#isReleased || this.#at === this.length) return;
    const from = this.#at;
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-pinned-'));
    const fd = openSync(join(directory, 'rest'), 'wx+');
    for (let piece = this.next(); piece !== undefined; piece = this.next()) {
      for (let done = 0; done < piece.length;) done += writeSync(fd, piece, done);
    }
    this.#at = from;
    this.#saved = { directory, fd, from };
  }

  /** Lets go. Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#released();
    if (this.#saved === undefined) return;
    closeSync(this.#saved.fd);
    rmSync(this.#saved.directory, { recursive: true, force: true });
  }
}
