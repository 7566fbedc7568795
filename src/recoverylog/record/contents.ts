/**
 * What is in recorded files: writing, truncating, reading.
 *
 * E1  A write is recorded, then taken in by the local file; a read brings the local file up to the log first, so everybody reads what was written.
 * E2  The log has no truncation: a file that is cut off is a new one in the log, with the kept content and all the names of the old one, and stays the
 *     same on the disk (docs/decisions/0034). The new one gets the names only when its content is recorded: a crash before leaves the old one.
 * E3  Writes go no faster than log and disk take them: memory holds what the session may buffer, what local files may hold back, and one write.
 */
import { EMPTY_BYTES } from '../../base/index.ts';
import type { LocalFile, LocalFiles } from './local-files.ts';
import { TRUNCATING } from './names.ts';
import { MAX_WRITE_BYTES, type OpBody, type Recorder } from './recorder.ts';

/** Data recorded between two looks at whether the log has room, bytes: a look costs more than a small write. */
const LOOK_BYTES: number = 256 * 1024;
const ZERO = new Uint8Array(1);

export class Contents {
  readonly #recorder: Recorder;
  readonly #local: LocalFiles;
  /** Recorded since the last look at the log's room. */
  #unlooked = 0;

  constructor(recorder: Recorder, local: LocalFiles) {
    this.#recorder = recorder;
    this.#local = local;
  }

  /** Nothing to wait for: undefined. */
  write(file: LocalFile, data: Uint8Array, offset: number): Promise<void> | undefined {
    this.#unlooked += data.length;
    if (this.#unlooked > LOOK_BYTES) return this.#writeParts(file, data, offset);
    this.#writePart(file, data, offset);
    return this.#local.room(file);
  }

  /** One operation for each MAX_WRITE_BYTES, so that none is ever split over slots (recorder C1); each waits until there is room (E3). */
  async #writeParts(file: LocalFile, data: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < data.length || at === 0; at += MAX_WRITE_BYTES) {
      await this.#recorder.whenWritable();
      this.#unlooked = 0;
      this.#writePart(file, data.subarray(at, at + MAX_WRITE_BYTES), offset + at);
      await this.#local.room(file);
    }
  }

  /** A file whose last name is gone is written to on the disk only: the log has no such file any more. */
  #writePart(file: LocalFile, data: Uint8Array, offset: number): void {
    if (this.#recorder.isLive(file.fnode)) this.#recorder.recordWrite(file.fnode, data, offset);
    else this.#recorder.check();
    if (data.length > 0) this.#local.write(file, data, offset);
  }

  /** The content from `offset` on, as far as there is any. */
  async read(file: LocalFile, offset: number, length: number): Promise<Uint8Array> {
    const there = Math.min(length, file.size - offset);
    return there > 0 ? await this.#local.read(file, offset, there) : EMPTY_BYTES;
  }

  truncate(file: LocalFile, size: number): Promise<void> | undefined {
    if (size === file.size) return undefined;
    if (size > file.size) return this.write(file, ZERO, size - 1);
    this.#recorder.check();
    if (!this.#recorder.isLive(file.fnode)) return this.#local.truncate(file, size);
    return size === 0 ? this.#empty(file) : this.#cutOff(file, size);
  }

  /** E2, without content to keep. */
  #empty(file: LocalFile): Promise<void> | undefined {
    const [first, ...others] = this.#recorder.namesOf(file.fnode);
    const fnode = this.#recorder.nextSeqNo + 1 + others.length;
    this.#recorder.record([
      ...unlinks(file.fnode, [first!, ...others]),
      { create: { path: first! } },
      ...links(fnode, others),
    ]);
    this.#local.renumber(file, fnode);
    return this.#local.truncate(file, 0);
  }

  /** E2: the kept content goes into a file that nobody names before it is whole. */
  async #cutOff(file: LocalFile, size: number): Promise<void> {
    await this.#local.settle(file);
    const fnode = this.#recorder.nextSeqNo;
    this.#recorder.record([{ create: { path: TRUNCATING } }]);
    for (let offset = 0; offset < size; offset += MAX_WRITE_BYTES) {
      const kept = await this.#local.read(file, offset, Math.min(MAX_WRITE_BYTES, size - offset));
      await this.#recorder.whenWritable();
      this.#recorder.recordWrite(fnode, kept, offset);
    }
    const names = [...this.#recorder.namesOf(file.fnode)];
    this.#recorder.record([
      ...unlinks(file.fnode, names),
      ...links(fnode, names),
      { unlink: { fnode, path: TRUNCATING } },
    ]);
    this.#local.renumber(file, fnode);
    await this.#local.truncate(file, size);
  }
}

function unlinks(fnode: number, paths: readonly string[]): OpBody[] {
  return paths.map((path) => ({ unlink: { fnode, path } }));
}

function links(fnode: number, paths: readonly string[]): OpBody[] {
  return paths.map((path) => ({ link: { fnode, path } }));
}
