/**
 * The calls to the local file system that this project makes, as node:fs/promises has them: a port, so that the code above it runs unchanged on a file
 * system whose calls fail, or whose power is cut.
 *
 * G1  Every call throws the system's error, with its code.
 * G2  A read or write may do less than it was asked for, as the system's calls may; whoever calls goes on with the rest.
 * G3  What was written is durable once `sync` of the file has resolved, and a name once `sync` of its directory has.
 */
import { link, mkdir, open, readdir, realpath, rename, rm, unlink } from 'node:fs/promises';

/** An open file, or a directory that is open to be synced. Offsets and lengths in bytes. */
export interface FileCalls {
  read(
    buffer: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  write(
    bytes: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  writev(buffers: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }>;
  truncate(size: number): Promise<void>;
  stat(): Promise<{ readonly size: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Paths are absolute. */
export interface FileSystemCalls {
  /** `flags`: as for node:fs, by name or as a number. */
  open(path: string, flags: string | number): Promise<FileCalls>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Recursive: with the directories above it, and no error when it is there. */
  mkdir(path: string, options?: { readonly recursive?: boolean }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  /** With everything in it; no error when it is not there. */
  rm(path: string, options: { readonly recursive: true; readonly force: true }): Promise<void>;
  realpath(path: string): Promise<string>;
}

/** The file system of this machine. */
export const systemFiles: FileSystemCalls = {
  open,
  rename,
  link,
  unlink,
  mkdir,
  readdir: (path) => readdir(path),
  rm,
  realpath: (path) => realpath(path),
};
