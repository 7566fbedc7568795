/**
 * An open recorded file.
 */
import { checkPosition } from '../../base/index.ts';
import { RecordedFsError } from '../errors.ts';
import type { Contents } from './contents.ts';
import type { LocalFile, LocalFiles } from './local-files.ts';
import type { Serial } from './serial.ts';

export interface RecordedFile {
  /** By which it was opened. */
  readonly path: string;
  /** Bytes. */
  size(): number;
  /** Bytes of the file; fewer at its end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  readAll(): Promise<Uint8Array>;
  /** Writes and records; at the end of the file, whatever `offset`, if it was opened to append. The data must not change until it is durable. */
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Writes behind the last byte, whoever wrote that; resolves with the offset. */
  append(data: Uint8Array): Promise<number>;
  /** Cuts the file off, or fills it up with zeros. Under all its names, and for all who have it open. */
  truncate(size: number): Promise<void>;
  /** Resolves when everything recorded so far is durable in the log, and is in the local files. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What open files need of the file system that they are of. */
export interface FileContext {
  readonly serial: Serial;
  readonly contents: Contents;
  readonly local: LocalFiles;
  /** Something was written: tells whoever follows the directory. */
  readonly wrote: (fnode: number) => Promise<void> | undefined;
  readonly barrier: () => Promise<void>;
}

export type Access = 'read' | 'write' | 'append';

export class OpenFile implements RecordedFile {
  readonly path: string;
  readonly #context: FileContext;
  readonly #file: LocalFile;
  readonly #access: Access;
  #isOpen = true;

  constructor(context: FileContext, path: string, file: LocalFile, access: Access) {
    this.#context = context;
    this.path = path;
    this.#file = file;
    this.#access = access;
  }

  size(): number {
    return this.#file.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkPosition('offset', offset);
    checkPosition('length', length);
    this.#check('read');
    const { serial, local, contents } = this.#context;
    if (!local.isSettled(this.#file)) await serial.run(() => local.settle(this.#file));
    return await contents.read(this.#file, offset, length);
  }

  readAll(): Promise<Uint8Array> {
    return this.read(0, this.#file.size);
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    if (this.#access === 'append') return this.append(data).then(() => undefined);
    return this.#change('write', () => {
      checkPosition('end of the file', checkPosition('offset', offset) + data.length);
      return this.#write(data, offset);
    });
  }

  append(data: Uint8Array): Promise<number> {
    return this.#change('append', () => {
      const at = this.#file.size;
      return this.#write(data, at)?.then(() => at) ?? at;
    });
  }

  truncate(size: number): Promise<void> {
    return this.#change('truncate', () => {
      const { contents, wrote } = this.#context;
      const done = contents.truncate(this.#file, checkPosition('size', size));
      return done ? done.then(() => wrote(this.#file.fnode)) : wrote(this.#file.fnode);
    });
  }

  sync(): Promise<void> {
    return this.#context.barrier();
  }

  close(): Promise<void> {
    return this.#context.serial.run(() => {
      if (!this.#isOpen) return undefined;
      this.#isOpen = false;
      return this.#context.local.close(this.#file);
    });
  }

  #write(data: Uint8Array, offset: number): Promise<void> | undefined {
    const { contents, wrote } = this.#context;
    const done = contents.write(this.#file, data, offset);
    return done ? done.then(() => wrote(this.#file.fnode)) : wrote(this.#file.fnode);
  }

  #change<T>(operation: string, act: () => T | Promise<T>): Promise<T> {
    return this.#context.serial.run(() => {
      this.#check(operation);
      if (this.#access === 'read') throw new RecordedFsError('EBADF', operation, this.path);
      return act();
    });
  }

  #check(operation: string): void {
    if (!this.#isOpen) throw new RecordedFsError('EBADF', operation, this.path);
  }
}
