/**
 * The calls to the local file system that recorded files are made of: a port, so that each of them can fail in a test.
 *
 * X1  No call follows a symbolic link at the end of its path. What lies above it is checked by `realpath` (local-files.ts F5).
 */
import { constants } from 'node:fs';
import { errorCode, systemFiles, type FileCalls, type FileSystemCalls } from '../../base/index.ts';

export interface DiskFile {
  /** Writes all of it, one part behind the other. */
  write(parts: readonly Uint8Array[], offset: number): Promise<void>;
  /** Fewer bytes only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  truncate(size: number): Promise<void>;
  /** Bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** Every path is absolute; every call throws the system's error. */
export interface Disk {
  /** A new, empty file. What stands there is nothing that the log knows: it gives way, unless it is a directory. */
  create(path: string): Promise<DiskFile>;
  open(path: string, access: 'read' | 'write'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** What stands at `to` gives way as to a new file. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** One directory in one that exists; no error when something of that name is there. */
  mkdir(path: string): Promise<void>;
  realpath(path: string): Promise<string>;
}

class OpenedFile implements DiskFile {
  readonly #handle: FileCalls;

  constructor(handle: FileCalls) {
    this.#handle = handle;
  }

  async write(parts: readonly Uint8Array[], offset: number): Promise<void> {
    let at = offset;
    for (let rest = parts; rest.length > 0;) {
      const { bytesWritten } = await this.#handle.writev(rest, at);
      at += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** What is left of `parts` behind their first `bytes`. */
function behind(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let passed = 0;
  let skip = bytes;
  while (passed < parts.length && skip >= parts[passed]!.length) skip -= parts[passed++]!.length;
  if (skip === 0) return parts.slice(passed);
  return [parts[passed]!.subarray(skip), ...parts.slice(passed + 1)];
}

/** The disk that these calls reach. */
export function diskOn(files: FileSystemCalls): Disk {
  /** Makes something new at `path`; what stands there is removed first, unless it is a directory. */
  const inPlaceOf = async <T>(path: string, make: () => Promise<T>): Promise<T> => {
    try {
      return await make();
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      await files.unlink(path);
      return await make();
    }
  };
  return {
    create: (path) => inPlaceOf(path, async () => new OpenedFile(await files.open(path, 'wx+'))),
    open: async (path, access) => {
      const flags = access === 'read' ? constants.O_RDONLY : constants.O_RDWR;
      return new OpenedFile(await files.open(path, flags | constants.O_NOFOLLOW));
    },
    rename: (from, to) => files.rename(from, to),
    link: (from, to) => inPlaceOf(to, () => files.link(from, to)),
    unlink: (path) => files.unlink(path),
    mkdir: async (path) => {
      await files.mkdir(path).catch((error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
    },
    realpath: (path) => files.realpath(path),
  };
}

/** The file system of this machine. */
export const nodeDisk: Disk = diskOn(systemFiles);
