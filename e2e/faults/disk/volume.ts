/**
 * A disk in memory that several processes work on, one after another or together: its power can be cut, it can lie about syncs, and each call of each
 * process can be made to fail (after lni/vfs, seeds.md §4.5).
 *
 * V1  A process reaches it through the calls that the project's code makes (src/base/files.ts), none left out and none added.
 * V2  A power cut leaves what was synced, and of the rest what the dice say; without dice nothing. Every process is dead afterwards.
 * V3  While it lies, a sync is answered and nothing becomes durable.
 * V4  What a dead process asks for fails with EIO and has no effect.
 * V5  What a living process has opened and not closed is told: whoever ends with something open has leaked it.
 */
import { constants } from 'node:fs';
import { posix } from 'node:path';
import type { FileCalls, FileSystemCalls } from '../../../src/base/index.ts';
import { Directory, FileInode, type Dice, type Inode, type NameChange } from './inodes.ts';

/** What a call does: looks at the disk, changes bytes, changes names, makes durable, or gives back a descriptor. */
export type Access = 'read' | 'write' | 'name' | 'sync' | 'close';

export interface Operation {
  /** From 1 on, among those of its process. */
  readonly number: number;
  readonly access: Access;
  readonly call: string;
  readonly path: string;
}

/** It is done; or it reads or writes less than asked for; or it fails, with its effect (as when the answer of a remote disk is lost) or without. */
export type Fate = 'done' | 'short' | { readonly error: Error; readonly hadEffect: boolean };

/** Asked before each call. */
export type Injector = (operation: Operation) => Fate;

/** What the system says. */
export function systemError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}

export interface ProcessOptions {
  readonly injector?: Injector;
  /** Awaited before each call: how slow the disk is. */
  readonly pace?: () => Promise<void>;
}

export class Volume {
  readonly root: Directory = new Directory();
  /** V3 */
  liesAboutSyncs = false;
  readonly #processes = new Set<DiskProcess>();

  /** A process that works on this disk. */
  attach(options: ProcessOptions = {}): DiskProcess {
    const process = new DiskProcess(this, options);
    this.#processes.add(process);
    return process;
  }

  /** V2 */
  cutPower(survives: Dice = () => false): void {
    for (const process of this.#processes) process.kill();
    this.#processes.clear();
    this.root.losePower(survives);
  }

  /** Every file: path to content. */
  tree(): Record<string, string> {
    const files: Record<string, string> = {};
    const walk = (directory: Directory, path: string): void => {
      for (const name of directory.names) {
        const inode = directory.get(name)!;
        if (inode.kind === 'directory') walk(inode, `${path}/${name}`);
        else files[`${path}/${name}`] = Buffer.from(inode.read(0, inode.size)).toString('latin1');
      }
    };
    walk(this.root, '');
    return files;
  }
}

/** One process's way to a volume. */
export class DiskProcess {
  readonly files: FileSystemCalls;
  readonly #volume: Volume;
  readonly #options: ProcessOptions;
  readonly #open = new Map<Handle, string>();
  #operations = 0;
  #isDead = false;

  constructor(volume: Volume, options: ProcessOptions) {
    this.#volume = volume;
    this.#options = options;
    this.files = {
      open: (path, flags) =>
        this.call('name', 'open', path, () => {
          const handle = new Handle(this, openInode(volume.root, path, flagsOf(flags)), path, volume);
          this.#open.set(handle, path);
          return handle;
        }),
      rename: (from, to) => this.call('name', 'rename', to, () => rename(volume.root, from, to)),
      link: (from, to) => this.call('name', 'link', to, () => link(volume.root, from, to)),
      unlink: (path) => this.call('name', 'unlink', path, () => unlink(volume.root, path)),
      mkdir: (path, { recursive = false } = {}) =>
        this.call('name', 'mkdir', path, () => mkdir(volume.root, path, recursive)),
      readdir: (path) =>
        this.call('read', 'readdir', path, () => directoryAt(volume.root, path, 'readdir').names),
      rm: (path) => this.call('name', 'rm', path, () => removeAll(volume.root, path)),
      realpath: (path) =>
        this.call('read', 'realpath', path, () => {
          if (!find(volume.root, path)) throw systemError('ENOENT', 'realpath', path);
          return posix.normalize(path);
        }),
    };
  }

  /** Calls so far. */
  get operations(): number {
    return this.#operations;
  }

  /** V5: paths, once an open descriptor. */
  get open(): string[] {
    return this.#isDead ? [] : [...this.#open.values()];
  }

  /** V4 */
  kill(): void {
    this.#isDead = true;
  }

  closed(handle: Handle): void {
    this.#open.delete(handle);
  }

  /** One call; `short` is given to effects that can do less than asked for. */
  async call<T>(access: Access, call: string, path: string, effect: (short: boolean) => T): Promise<T> {
    await this.#options.pace?.();
    if (this.#isDead) throw systemError('EIO', call, path);
    const number = ++this.#operations;
    const fate = this.#options.injector?.({ number, access, call, path }) ?? 'done';
    if (this.#isDead) throw systemError('EIO', call, path); // the power was cut at this very call
    if (fate === 'done' || fate === 'short') return effect(fate === 'short');
    if (fate.hadEffect || access === 'close') {
      const made = effect(false); // a descriptor is gone whatever close says
      if (made instanceof Handle) this.#open.delete(made); // nobody has it
    }
    throw fate.error;
  }

  get volume(): Volume {
    return this.#volume;
  }
}

class Handle implements FileCalls {
  readonly #process: DiskProcess;
  readonly #inode: Inode;
  readonly #path: string;
  readonly #volume: Volume;
  #isOpen = true;

  constructor(process: DiskProcess, inode: Inode, path: string, volume: Volume) {
    this.#process = process;
    this.#inode = inode;
    this.#path = path;
    this.#volume = volume;
  }

  read(
    buffer: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    return this.#call('read', 'read', (short) => {
      const data = this.#file('read').read(position, short ? halfOf(length) : length);
      buffer.set(data, start);
      return { bytesRead: data.length };
    });
  }

  write(
    bytes: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }> {
    return this.writev([bytes.subarray(start, start + length)], position);
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }> {
    return this.#call('write', 'write', (short) => {
      const all = Buffer.concat(buffers);
      const data = short ? all.subarray(0, halfOf(all.length)) : all;
      this.#file('write').write(data, position);
      return { bytesWritten: data.length };
    });
  }

  truncate(size: number): Promise<void> {
    return this.#call('write', 'truncate', () => this.#file('truncate').truncate(size));
  }

  stat(): Promise<{ readonly size: number }> {
    return this.#call('read', 'stat', () => ({ size: this.#file('stat').size }));
  }

  sync(): Promise<void> {
    return this.#call('sync', 'fsync', () => {
      if (!this.#volume.liesAboutSyncs) this.#inode.sync();
    });
  }

  close(): Promise<void> {
    return this.#call('close', 'close', () => {
      this.#isOpen = false;
      this.#process.closed(this);
    });
  }

  #file(call: string): FileInode {
    if (this.#inode.kind === 'directory') throw systemError('EISDIR', call, this.#path);
    return this.#inode;
  }

  #call<T>(access: Access, call: string, effect: (short: boolean) => T): Promise<T> {
    return this.#process.call(access, call, this.#path, (short) => {
      if (!this.#isOpen) throw systemError('EBADF', call, this.#path);
      return effect(short);
    });
  }
}

/** At least one byte, if there are any: a call that does nothing would be asked again for ever. */
function halfOf(length: number): number {
  return Math.ceil(length / 2);
}

interface Flags {
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
}

const NAMED_FLAGS: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  'w+': constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  'wx+': constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

function flagsOf(flags: string | number): Flags {
  const bits = typeof flags === 'number' ? flags : NAMED_FLAGS[flags];
  if (bits === undefined) throw new Error(`the volume does not know the flags ${flags}`);
  const has = (bit: number): boolean => (bits & bit) !== 0;
  return {
    create: has(constants.O_CREAT),
    exclusive: has(constants.O_EXCL),
    truncate: has(constants.O_TRUNC),
  };
}

const stepsOf = (path: string): string[] => path.split('/').filter((step) => step !== '');

function find(root: Directory, path: string): Inode | undefined {
  let at: Inode | undefined = root;
  for (const step of stepsOf(path)) {
    if (at?.kind !== 'directory') return undefined;
    at = at.get(step);
  }
  return at;
}

function directoryAt(root: Directory, path: string, call: string): Directory {
  const inode = find(root, path);
  if (!inode) throw systemError('ENOENT', call, path);
  if (inode.kind !== 'directory') throw systemError('ENOTDIR', call, path);
  return inode;
}

/** The directory of a path, and the path's last name in it. */
function placeOf(root: Directory, path: string, call: string): { directory: Directory; name: string } {
  return { directory: directoryAt(root, posix.dirname(path), call), name: posix.basename(path) };
}

function openInode(root: Directory, path: string, flags: Flags): Inode {
  const found = find(root, path);
  if (found) {
    if (flags.exclusive) throw systemError('EEXIST', 'open', path);
    if (flags.truncate && found.kind === 'file') found.truncate(0);
    return found;
  }
  if (!flags.create) throw systemError('ENOENT', 'open', path);
  const { directory, name } = placeOf(root, path, 'open');
  const made = new FileInode();
  directory.set(name, made);
  return made;
}

function rename(root: Directory, from: string, to: string): void {
  const source = placeOf(root, from, 'rename');
  const target = placeOf(root, to, 'rename');
  const moved = source.directory.get(source.name);
  const replaced = target.directory.get(target.name);
  if (!moved) throw systemError('ENOENT', 'rename', from);
  if (replaced === moved) return; // two names of one file: POSIX leaves both
  if (replaced?.kind === 'directory') throw systemError('EISDIR', 'rename', to);
  const change: NameChange = { survived: undefined };
  target.directory.set(target.name, moved, change);
  source.directory.set(source.name, undefined, change);
}

function link(root: Directory, from: string, to: string): void {
  const inode = find(root, from);
  if (!inode) throw systemError('ENOENT', 'link', from);
  if (inode.kind === 'directory') throw systemError('EPERM', 'link', from);
  const { directory, name } = placeOf(root, to, 'link');
  if (directory.get(name)) throw systemError('EEXIST', 'link', to);
  directory.set(name, inode);
}

function unlink(root: Directory, path: string): void {
  const { directory, name } = placeOf(root, path, 'unlink');
  const inode = directory.get(name);
  if (!inode) throw systemError('ENOENT', 'unlink', path);
  if (inode.kind === 'directory') throw systemError('EISDIR', 'unlink', path);
  directory.set(name, undefined);
}

function mkdir(root: Directory, path: string, recursive: boolean): void {
  if (find(root, path)) {
    if (recursive) return void directoryAt(root, path, 'mkdir');
    throw systemError('EEXIST', 'mkdir', path);
  }
  const parent = posix.dirname(path);
  if (recursive && !find(root, parent)) mkdir(root, parent, true);
  const { directory, name } = placeOf(root, path, 'mkdir');
  directory.set(name, new Directory());
}

function removeAll(root: Directory, path: string): void {
  const inode = find(root, path);
  if (!inode) return;
  if (inode.kind === 'directory') for (const name of inode.names) removeAll(root, posix.join(path, name));
  const { directory, name } = placeOf(root, path, 'rm');
  directory.set(name, undefined);
}
