/**
 * A file system whose every change is also in the log: the local call first, then its record (DESIGN §4.2).
 *
 * Y1  Operations happen one after another, and are recorded in the order in which they happened.
 * Y2  Truncation is a new file: the path is unlinked and created again, on disk as in the log. (Gazette truncates on disk and records a new file,
 *     which differs from the disk when the file has other links: golden scenario flaw-truncate-hardlink.)
 * Y3  What POSIX allows is no failure: a rename onto itself, a write to a file whose last name is gone (it is done, and not recorded: the log has no
 *     such file any more).
 * Y4  A request that cannot be is refused before anything changed. A local call that fails half-way breaks the recorder for good.
 * Y5  Directories are not recorded; they come into being with the files in them.
 * Y6  Writes go no faster than the log takes them: memory holds what the session may buffer and one write, however slow the store is.
 */
import { link, mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RecordedFsError } from '../errors.ts';
import type { TrackedDirectory } from '../play/live-directory.ts';
import { cleanPath, localPath, STAGING } from '../paths.ts';
import { MAX_WRITE_BYTES, type OpBody, type Recorder } from './recorder.ts';

export interface OpenOptions {
  /** Make the file when it does not exist. */
  readonly create?: boolean;
  /** Refuse when it exists. */
  readonly exclusive?: boolean;
  /** Begin with an empty, new file (Y2). */
  readonly truncate?: boolean;
}

export interface RecordedFile {
  readonly path: string;
  /** Bytes. */
  size(): number;
  /** Bytes of the local file; fewer at its end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Writes and records. The data must not change until it is durable. */
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Resolves when everything recorded so far is durable in the log. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export class RecordedFs {
  readonly #dir: string;
  readonly #recorder: Recorder;
  readonly #live: TrackedDirectory;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dir: string, recorder: Recorder, live: TrackedDirectory) {
    this.#dir = dir;
    this.#recorder = recorder;
    this.#live = live;
    live.switchTo({
      resolve: (path) => (recorder.links.has(path) ? localPath(dir, path) : undefined),
      paths: () => [...recorder.links.keys()],
    });
  }

  /** For another way to change the same directory, with files of its own (sqlite/): where it is, and who is to be told. */
  get ground(): {
    readonly dir: string;
    readonly recorder: Recorder;
    readonly live: TrackedDirectory;
  } {
    return { dir: this.#dir, recorder: this.#recorder, live: this.#live };
  }

  exists(path: string): boolean {
    return this.#recorder.links.has(this.#clean('exists', path));
  }

  /** Opens a file for reading and writing. @throws RecordedFsError ENOENT, EEXIST; RecorderBrokenError */
  open(path: string, options: OpenOptions = {}): Promise<RecordedFile> {
    const clean = this.#clean('open', path);
    return this.#serially(async () => {
      const held = this.#recorder.links.get(clean);
      if (held !== undefined && options.exclusive) throw new RecordedFsError('EEXIST', 'open', clean);
      if (held === undefined && !options.create) throw new RecordedFsError('ENOENT', 'open', clean);
      if (held !== undefined && !options.truncate) return await this.#handle(clean, held, 'r+');
      return await this.#createNew(clean, held);
    });
  }

  /** Renames a file over whatever has the new name. @throws RecordedFsError ENOENT */
  rename(from: string, to: string): Promise<void> {
    const [source, target] = [this.#clean('rename', from), this.#clean('rename', to)];
    return this.#serially(async () => {
      const fnode = this.#fnodeOf('rename', source);
      const replaced = this.#recorder.links.get(target);
      if (replaced === fnode) return; // Y3: two names of one file, or one name twice: POSIX does nothing
      await this.#local('rename', async () => {
        await mkdir(dirname(localPath(this.#dir, target)), { recursive: true });
        await rename(localPath(this.#dir, source), localPath(this.#dir, target));
      });
      const over: OpBody[] = replaced === undefined ? [] : [{ unlink: { fnode: replaced, path: target } }];
      this.#recorder.record([
        ...over,
        { link: { fnode, path: target } },
        { unlink: { fnode, path: source } },
      ]);
      this.#live.notify('link', [target]);
      this.#live.notify('unlink', [source]);
    });
  }

  /** Gives a file a second name. @throws RecordedFsError ENOENT, EEXIST */
  link(from: string, to: string): Promise<void> {
    const [source, target] = [this.#clean('link', from), this.#clean('link', to)];
    return this.#serially(async () => {
      const fnode = this.#fnodeOf('link', source);
      if (this.#recorder.links.has(target)) throw new RecordedFsError('EEXIST', 'link', target);
      await this.#local('link', async () => {
        await mkdir(dirname(localPath(this.#dir, target)), { recursive: true });
        await link(localPath(this.#dir, source), localPath(this.#dir, target));
      });
      this.#recorder.record([{ link: { fnode, path: target } }]);
      this.#live.notify('link', [target]);
    });
  }

  /** Removes a name. @throws RecordedFsError ENOENT */
  unlink(path: string): Promise<void> {
    const clean = this.#clean('unlink', path);
    return this.#serially(async () => {
      const fnode = this.#fnodeOf('unlink', clean);
      await this.#local('unlink', () => unlink(localPath(this.#dir, clean)));
      this.#recorder.record([{ unlink: { fnode, path: clean } }]);
      this.#live.notify('unlink', [clean]);
    });
  }

  /** Makes a directory and those above it (Y5). */
  async mkdir(path: string): Promise<void> {
    await mkdir(localPath(this.#dir, this.#clean('mkdir', path)), { recursive: true });
  }

  /** Names in a directory. */
  async readdir(path: string): Promise<string[]> {
    const clean = path === '/' ? '/' : this.#clean('readdir', path);
    const names = await readdir(localPath(this.#dir, clean));
    return names.filter((name) => clean !== '/' || name !== STAGING).sort();
  }

  /** Resolves when everything recorded so far is durable in the log. */
  async barrier(): Promise<void> {
    await this.#last;
    await this.#recorder.barrier();
  }

  async #createNew(path: string, replaced: number | undefined): Promise<RecordedFile> {
    const local = localPath(this.#dir, path);
    const handle = await this.#local('create', async () => {
      if (replaced !== undefined) await unlink(local); // Y2
      await mkdir(dirname(local), { recursive: true });
      return await open(local, 'wx+');
    });
    const fnodeAt = replaced === undefined ? 0 : 1;
    const fnode = this.#recorder.nextSeqNo + fnodeAt;
    const over: OpBody[] = replaced === undefined ? [] : [{ unlink: { fnode: replaced, path } }];
    try {
      this.#recorder.record([...over, { create: { path } }]);
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.#live.notify('link', [path]);
    return this.#file(path, fnode, handle, 0);
  }

  async #handle(path: string, fnode: number, flags: string): Promise<RecordedFile> {
    const handle = await this.#local('open', () => open(localPath(this.#dir, path), flags));
    const { size } = await handle.stat();
    return this.#file(path, fnode, handle, size);
  }

  #file(path: string, fnode: number, handle: FileHandle, startSize: number): RecordedFile {
    let size = startSize;
    return {
      path,
      size: () => size,
      read: async (offset, length) => {
        const { buffer, bytesRead } = await handle.read({
          buffer: new Uint8Array(length),
          length,
          position: offset,
        });
        return buffer.subarray(0, bytesRead);
      },
      write: (data, offset) =>
        this.#serially(async () => {
          await this.#local('write', () => writeAll(handle, data, offset));
          size = Math.max(size, offset + data.length);
          if (!this.#recorder.isLive(fnode)) return; // Y3
          await this.#recordWrite(fnode, data, offset);
          this.#live.notify('write', [path]);
        }),
      sync: () => this.barrier(),
      close: () => handle.close(),
    };
  }

  /** One operation for each MAX_WRITE_BYTES, so that none is ever split over slots (recorder C1); each waits until the log has room (Y6). */
  async #recordWrite(fnode: number, data: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < data.length || at === 0; at += MAX_WRITE_BYTES) {
      const part = data.subarray(at, at + MAX_WRITE_BYTES);
      await this.#recorder.whenWritable();
      this.#recorder.record([{ write: { fnode, offset: offset + at, length: part.length } }], part);
    }
  }

  #clean(operation: string, path: string): string {
    const clean = cleanPath(path);
    if (clean === undefined) throw new RecordedFsError('EINVAL', operation, path);
    return clean;
  }

  #fnodeOf(operation: string, path: string): number {
    const fnode = this.#recorder.links.get(path);
    if (fnode === undefined) throw new RecordedFsError('ENOENT', operation, path);
    return fnode;
  }

  /** Y1. A failed operation does not keep later ones from being tried; the recorder itself refuses them when it is broken. */
  #serially<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#last.then(act);
    this.#last = result.catch(() => undefined); // its own caller is told
    return result;
  }

  /** Y4: a local call; when it fails, disk and log may differ. */
  async #local<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.#recorder.fail(`${what} failed on the local disk`, error);
    }
  }
}

async function writeAll(handle: FileHandle, data: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < data.length;) {
    const { bytesWritten } = await handle.write(data, at, data.length - at, offset + at);
    at += bytesWritten;
  }
}
