/**
 * The calls of the local file system that playing a log makes: a port, so that tests can let each of them fail.
 */
import { systemFiles, type FileCalls, type FileSystemCalls } from '../../base/index.ts';

export type LocalFile = Pick<FileCalls, 'write' | 'writev' | 'sync' | 'close'>;

export interface LocalFs {
  /** wx: to write, of a file that does not exist. r+: to write. r: to sync, also a directory. */
  open(path: string, flags: 'wx' | 'r+' | 'r'): Promise<LocalFile>;
  /** With the directories above it; no error when it is there. */
  mkdir(path: string): Promise<void>;
  readdir(path: string): Promise<readonly string[]>;
  /** With everything in it; no error when it is not there. */
  remove(path: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

/** Playing through these calls. */
export function localFsOn(files: FileSystemCalls): LocalFs {
  return {
    open: (path, flags) => files.open(path, flags),
    mkdir: async (path) => void (await files.mkdir(path, { recursive: true })),
    readdir: (path) => files.readdir(path),
    remove: (path) => files.rm(path, { recursive: true, force: true }),
    link: (from, to) => files.link(from, to),
    unlink: (path) => files.unlink(path),
  };
}

export const localFs: LocalFs = localFsOn(systemFiles);

/** File system calls at a time: as many as Node has threads for them. */
export const PARALLEL_CALLS = 4;

/** Does `work` for each item, PARALLEL_CALLS at a time. Rejects with the first error, when nothing is under way any more. */
export async function eachInParallel<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
  parallel: number = PARALLEL_CALLS,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); !next.done && !failure; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  if (failure) throw failure.error;
}

/** All of `bytes`, at `position`. */
export async function writeAll(file: LocalFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;)
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

/** Buffers of one call: what Linux takes (IOV_MAX). */
const MAX_BUFFERS = 1024;

/** All of `buffers` one after another, from `position` on. */
export async function writeAllOf(
  file: LocalFile,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position;
  for (let from = 0; from < buffers.length; from += MAX_BUFFERS) {
    let rest = buffers.slice(from, from + MAX_BUFFERS);
    while (rest.length > 0) {
      const { bytesWritten } =
        rest.length === 1 ? await file.write(rest[0]!, 0, rest[0]!.length, at) : await file.writev(rest, at);
      at += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  }
}

/** What is left of buffers when the first `count` bytes are written. */
function behind(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  let first = 0;
  while (first < buffers.length && buffers[first]!.length <= left) left -= buffers[first++]!.length;
  const rest = buffers.slice(first);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

/** Makes a file, or the names in a directory, durable. */
export async function syncPath(fs: LocalFs, path: string): Promise<void> {
  const file = await fs.open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
