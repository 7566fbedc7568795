/**
 * The files of recorded databases, as SQLite's calls change them: databases, rollback journals, super-journals. The disk first, then the ledger.
 *
 * F1  The ledger hears of every change in the order in which SQLite made it, so each of its prefixes is a state from which SQLite recovers: what
 *     SQLite calls a sync is no more than a place in that order (docs/decisions/0035).
 * F2  Truncation to nothing is a new file (decision 0011): on the disk, in the ledger, for every handle. So a journal leaves nothing behind.
 * F3  Truncation to something keeps the bytes behind it, on the disk as in the ledger: the log has no such operation, and a database says in its
 *     first page how long it is. SQLite knows such files; theirs are those that grow in chunks.
 * F4  A database is open once at a time: locks are not kept, so two connections would destroy it.
 * F5  After a failure of disk or ledger nothing is changed any more, and every call says so.
 * F6  A call may write only so much (allow): nothing waits here, so all of it is held in memory until the log has it.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { assert, errorCode } from '../../../base/index.ts';
import { localPath } from '../../paths.ts';
import { SqliteRefusedError, SqliteTooLargeError } from './errors.ts';
import { writeAllSync, type DatabaseFile } from './file.ts';
import { Gatherer } from './gatherer.ts';
import type { Ledger } from './ledger.ts';

/** Where a database's header has its versions for writing and reading (SQLite's file format, 1.3.3). */
const VERSIONS_OFFSET = 18;
const WAL_VERSION = 2;

/** A file with at least one handle. */
export interface OpenFile {
  path: string;
  /** Its identity in the ledger. */
  id: number;
  fd: number;
  /** Bytes, what is gathered included. */
  size: number;
  handles: number;
  readonly isDatabase: boolean;
  /** Its name was removed, and whoever still writes to it is not recorded; or it was closed. */
  gone: boolean;
  /** Writes it somewhere else too, after the ledger knows. */
  follower: ((data: Uint8Array, offset: number) => void) | undefined;
}

export interface OpenRequest {
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly isDatabase: boolean;
}

export class DatabaseFiles {
  readonly #dir: string;
  readonly #ledger: Ledger;
  /** Databases that are open anywhere in the directory (F4). */
  readonly #taken: Set<string>;
  readonly #open = new Map<string, OpenFile>();
  readonly #gatherer = new Gatherer<OpenFile>((file, data, offset) => this.#write(file, data, offset));
  #failure: Error | undefined;
  #limit = Number.POSITIVE_INFINITY;
  #allowed = Number.POSITIVE_INFINITY;
  #written = 0;

  constructor(dir: string, ledger: Ledger, taken: Set<string>) {
    this.#dir = dir;
    this.#ledger = ledger;
    this.#taken = taken;
  }

  /** Why nothing works any more (F5). */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Bytes that SQLite has written, in all. */
  get written(): number {
    return this.#written;
  }

  /** Databases that are open. */
  get databases(): readonly OpenFile[] {
    return [...this.#open.values()].filter(({ isDatabase }) => isDatabase);
  }

  /** From now on, what is written may come to so many bytes (F6). */
  allow(bytes: number): void {
    this.#limit = this.#allowed = bytes;
  }

  /** Whether there is such a file, with something in it: an empty journal is none. */
  hasContent(path: string): boolean {
    const open = this.#open.get(path);
    if (open) return open.size > 0;
    if (this.#ledger.fileAt(path) === undefined) return false;
    return this.#disk('stat', () => statSync(localPath(this.#dir, path)).size > 0);
  }

  exists(path: string): boolean {
    return this.#ledger.fileAt(path) !== undefined;
  }

  /** @throws SqliteRefusedError; undefined when there is no such file, or there is one against the caller's wish. */
  open(path: string, { create, exclusive, isDatabase }: OpenRequest): DatabaseFile | undefined {
    const file = this.openFile(path, { create, exclusive, isDatabase });
    return file && this.#handle(file);
  }

  openFile(path: string, { create, exclusive, isDatabase }: OpenRequest): OpenFile | undefined {
    const id = this.#ledger.fileAt(path);
    if (id === undefined ? !create : exclusive) return undefined;
    if (isDatabase && this.#taken.has(path))
      throw new SqliteRefusedError(
        `${path} is open already`,
        'use the one connection, or close it; a database has one at a time',
      );
    const file =
      this.#open.get(path) ??
      (id === undefined ? this.#create(path, isDatabase) : this.#existing(path, id, isDatabase));
    this.#open.set(path, file);
    if (isDatabase) this.#taken.add(path);
    file.handles++;
    return file;
  }

  /** Whether there was such a file. */
  unlink(path: string): boolean {
    this.flush();
    const id = this.#ledger.fileAt(path);
    if (id === undefined) return false;
    this.#disk('unlink', () => unlinkSync(localPath(this.#dir, path)));
    this.#tell(() => this.#ledger.unlinked(id, path));
    const open = this.#open.get(path);
    if (open) this.#forget(open);
    return true;
  }

  /** Puts a file into the place of another, for its handles too: they go on as if nothing had happened. */
  replace(target: OpenFile, by: OpenFile): void {
    this.flush();
    const [from, to] = [by.path, target.path];
    this.#disk('rename', () => renameSync(localPath(this.#dir, from), localPath(this.#dir, to)));
    this.#tell(() => this.#ledger.renamed(by.id, from, to, target.id));
    this.#disk('close', () => closeSync(target.fd));
    this.#open.delete(from);
    Object.assign(target, { fd: by.fd, id: by.id, size: by.size });
  }

  /** Puts a file under a free name. */
  rename(from: string, to: string): void {
    const id = this.#ledger.fileAt(from);
    assert(id !== undefined && !this.exists(to), 'a rename to a free name');
    this.#disk('rename', () => renameSync(localPath(this.#dir, from), localPath(this.#dir, to)));
    this.#tell(() => this.#ledger.renamed(id, from, to, undefined));
  }

  /** The ledger knows everything that was written. */
  flush(): void {
    this.#check();
    this.#gatherer.flush();
  }

  write(file: OpenFile, data: Uint8Array, offset: number): void {
    this.#check();
    const cost = file.follower ? 2 * data.length : data.length;
    if (cost > this.#allowed) throw new SqliteTooLargeError(this.#limit);
    this.#allowed -= cost;
    this.#written += cost;
    this.#gatherer.add(file, data, offset);
    file.size = Math.max(file.size, offset + data.length);
  }

  /** A write that is not gathered, of data that belongs to the ledger from here on. */
  writeThrough(file: OpenFile, data: Uint8Array, offset: number): void {
    file.size = Math.max(file.size, offset + data.length);
    this.#write(file, data, offset);
  }

  read(file: OpenFile, into: Uint8Array, offset: number): number {
    this.flush();
    return this.#disk('read', () => readSync(file.fd, into, 0, into.length, offset));
  }

  close(file: OpenFile): void {
    if (!this.#failure) this.flush();
    file.handles--;
    if (file.handles > 0) return;
    if (!file.gone) this.#forget(file);
    closeSync(file.fd);
  }

  #handle(file: OpenFile): DatabaseFile {
    return {
      size: () => file.size,
      read: (into, offset) => this.read(file, into, offset),
      write: (data, offset) => this.write(file, data, offset),
      truncate: (size) => this.#truncate(file, size),
      sync: () => this.flush(), // F1
      close: () => this.close(file),
    };
  }

  #create(path: string, isDatabase: boolean): OpenFile {
    this.flush();
    const fd = this.#disk('create', () => this.#createNew(path));
    const id = this.#tell(() => this.#ledger.created(path, undefined));
    return { path, id, fd, size: 0, handles: 0, isDatabase, gone: false, follower: undefined };
  }

  #existing(path: string, id: number, isDatabase: boolean): OpenFile {
    const { fd, size, usesWal } = this.#disk('open', () => {
      const opened = openSync(localPath(this.#dir, path), 'r+');
      return { fd: opened, size: fstatSync(opened).size, usesWal: isDatabase && wantsWal(opened) };
    });
    if (usesWal) {
      closeSync(fd);
      throw new SqliteRefusedError(
        `${path} was made for a write-ahead log`,
        'set its journal_mode to DELETE where it was made, and record it then',
      );
    }
    return { path, id, fd, size, handles: 0, isDatabase, gone: false, follower: undefined };
  }

  #createNew(path: string): number {
    const local = localPath(this.#dir, path);
    try {
      return openSync(local, 'wx+');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      mkdirSync(dirname(local), { recursive: true });
      return openSync(local, 'wx+');
    }
  }

  #truncate(file: OpenFile, size: number): void {
    this.flush();
    if (size > 0 || file.size === 0) return; // F3
    assert(
      !file.gone && file.follower === undefined,
      'F2: a file that becomes empty has a name, and is not being copied',
    );
    file.fd = this.#disk('truncate', () => this.#empty(file));
    file.id = this.#tell(() => this.#ledger.created(file.path, file.id));
    file.size = 0;
  }

  /** F2. With one name, an inode without content and a new one are the same to everybody, and the first costs less. */
  #empty({ fd, path }: OpenFile): number {
    if (fstatSync(fd).nlink === 1) {
      ftruncateSync(fd);
      return fd;
    }
    unlinkSync(localPath(this.#dir, path));
    closeSync(fd);
    return this.#createNew(path);
  }

  #write(file: OpenFile, data: Uint8Array, offset: number): void {
    this.#disk('write', () => writeAllSync(file.fd, data, offset));
    if (file.gone) return;
    this.#tell(() => this.#ledger.wrote(file.id, file.path, data, offset));
    file.follower?.(data, offset);
  }

  #forget(file: OpenFile): void {
    file.gone = true;
    this.#open.delete(file.path);
    if (file.isDatabase) this.#taken.delete(file.path);
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }

  #disk<T>(what: string, call: () => T): T {
    this.#check();
    try {
      return call();
    } catch (error) {
      throw (this.#failure = this.#ledger.failed(what, error));
    }
  }

  #tell<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }
}

/** Whether a database's header asks for a write-ahead log, in one of its two versions. */
function wantsWal(fd: number): boolean {
  const versions = new Uint8Array(2);
  readSync(fd, versions, 0, 2, VERSIONS_OFFSET);
  return versions.includes(WAL_VERSION);
}
