/**
 * Who is told what happened to a database's files: the log of the directory, or, for a copy that nobody records, nobody.
 *
 * D1  Each call comes after the same thing was done on the disk. Its operations are one append, so the order of the log is the order of the disk.
 * D2  Nothing here waits: SQLite's calls are synchronous. Whether it is durable is asked of the recorder, after the call that made SQLite write.
 */
import { existsSync } from 'node:fs';
import { ensureError } from '../../../base/index.ts';
import { localPath } from '../../paths.ts';
import type { TrackedDirectory } from '../../play/live-directory.ts';
import { MAX_WRITE_BYTES, type OpBody, type Recorder } from '../recorder.ts';

export interface Ledger {
  /** The identity of the file that has this path now; undefined: there is none. */
  fileAt(path: string): number | undefined;
  /** A new file has taken this path, maybe another one's place. Returns its identity. */
  created(path: string, replaced: number | undefined): number;
  /** The data belongs to the ledger from here on. */
  wrote(file: number, path: string, data: Uint8Array, offset: number): void;
  unlinked(file: number, path: string): void;
  renamed(file: number, from: string, to: string, replaced: number | undefined): void;
  /** The disk has failed under an operation. Returns the error to throw. */
  failed(what: string, cause: unknown): Error;
}

/** Tells the log, and whoever follows the live directory. */
export class RecordingLedger implements Ledger {
  readonly #recorder: Recorder;
  readonly #live: TrackedDirectory;
  /** Where in the log each live file begins. */
  readonly #begins: Map<number, number>;

  /** `begins`: those of the files that there are. */
  constructor(recorder: Recorder, live: TrackedDirectory, begins: ReadonlyMap<number, number>) {
    this.#recorder = recorder;
    this.#live = live;
    this.#begins = new Map(begins);
  }

  beginOf(file: number): number {
    return this.#begins.get(file) ?? 0;
  }

  fileAt(path: string): number | undefined {
    return this.#recorder.links.get(path);
  }

  created(path: string, replaced: number | undefined): number {
    const over = unlinkOf(replaced, path);
    const file = this.#recorder.nextSeqNo + over.length;
    const begin = this.#recorder.end;
    this.#recorder.record([...over, { create: { path } }]);
    this.#begins.set(file, begin);
    this.#forget(replaced);
    this.#live.notify('link', [path]);
    return file;
  }

  wrote(file: number, path: string, data: Uint8Array, offset: number): void {
    for (let at = 0; at < data.length; at += MAX_WRITE_BYTES) {
      const part = data.subarray(at, at + MAX_WRITE_BYTES);
      this.#recorder.record([{ write: { fnode: file, offset: offset + at, length: part.length } }], part);
    }
    this.#live.notify('write', [path]);
  }

  unlinked(file: number, path: string): void {
    this.#recorder.record([{ unlink: { fnode: file, path } }]);
    this.#forget(file);
    this.#live.notify('unlink', [path]);
  }

  renamed(file: number, from: string, to: string, replaced: number | undefined): void {
    this.#recorder.record([
      ...unlinkOf(replaced, to),
      { link: { fnode: file, path: to } },
      { unlink: { fnode: file, path: from } },
    ]);
    this.#forget(replaced);
    this.#live.notify('link', [to]);
    this.#live.notify('unlink', [from]);
  }

  failed(what: string, cause: unknown): Error {
    return this.#recorder.fail(`${what} failed on the local disk`, cause);
  }

  #forget(file: number | undefined): void {
    if (file !== undefined) this.#begins.delete(file);
  }
}

function unlinkOf(file: number | undefined, path: string): OpBody[] {
  return file === undefined ? [] : [{ unlink: { fnode: file, path } }];
}

/** Tells nobody: the files are what the disk has. */
export class SilentLedger implements Ledger {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  fileAt(path: string): number | undefined {
    return existsSync(localPath(this.#dir, path)) ? 0 : undefined;
  }

  created(): number {
    return 0;
  }

  wrote(): void {
    // nobody records it
  }

  unlinked(): void {
    // nobody records it
  }

  renamed(): void {
    // nobody records it
  }

  failed(_what: string, cause: unknown): Error {
    return ensureError(cause);
  }
}
