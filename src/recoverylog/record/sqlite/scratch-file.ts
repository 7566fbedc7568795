/**
 * A file without a name: what SQLite spills while it works (statement journals, sorting, the copy that VACUUM makes). It lies in the machine's
 * directory for such things, never in the recorded one, and is gone when it is closed or the process ends.
 */
import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAllSync, type DatabaseFile } from './file.ts';

export class ScratchFile implements DatabaseFile {
  readonly #fd: number;

  constructor() {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-scratch-'));
    try {
      this.#fd = openSync(join(dir, 'file'), 'wx+');
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  read(into: Uint8Array, offset: number): number {
    return readSync(this.#fd, into, 0, into.length, offset);
  }

  write(data: Uint8Array, offset: number): void {
    writeAllSync(this.#fd, data, offset);
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size);
  }

  sync(): void {
    // it does not outlive the process
  }

  close(): void {
    closeSync(this.#fd);
  }
}
