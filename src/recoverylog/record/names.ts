/**
 * What a path may be and what stands there: every request to the recorded file system is judged here, before anything is changed.
 *
 * N1  The log is the directory: what it does not know is not there, whatever lies on the local disk.
 * N2  A path is recorded only in a form that every replica can make a file of: canonical, inside the directory, text that UTF-8 can carry, and no longer
 *     than file systems take.
 * N3  A directory is what has, or had in this process's life, files in it; as on any file system it does not turn into a file by itself.
 */
import { RecordedFsError } from '../errors.ts';
import { cleanPath } from '../paths.ts';
import type { Recorder } from './recorder.ts';

/** A path that is canonical as it is, and so short that no part of it is too long: most are. Printable ASCII; no part begins with a dot. */
const PLAIN = /^(?:\/[!-\-0-~][!-.0-~]*)+$/;
const PLAIN_LENGTH = 200;
/** Bytes of one name: what the file systems of Linux take. */
const MAX_NAME_BYTES = 255;
/** Bytes of a path: what Linux takes (4,096), less 1 KiB for the directory that it is played into. */
const MAX_PATH_BYTES = 3072;
/** RocksDB's identity file: its content is in the log, not its history (gazette.md §4.3). */
const PROPERTY_PATH = '/IDENTITY';
/** A truncated file's new content, until all of it is recorded (recorded-fs.ts Y3). Any replica may play it; no application may name it. */
export const TRUNCATING = '/.truncating';

export class Names {
  readonly #recorder: Recorder;
  readonly #directories = new Set<string>(['/']);

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    for (const path of recorder.links.keys()) this.#remember(parentOf(path));
  }

  /** The canonical form of a path (N2). @throws RecordedFsError EINVAL, ENAMETOOLONG */
  clean(operation: string, path: string): string {
    if (path.length <= PLAIN_LENGTH && PLAIN.test(path)) return path;
    const clean = cleanPath(path);
    if (clean === undefined || clean === TRUNCATING || !clean.isWellFormed())
      throw new RecordedFsError('EINVAL', operation, path, 'this path is not allowed');
    checkLength(operation, clean);
    return clean;
  }

  /** Whether a file that is renamed to this becomes a property. (As a file, old logs may have it.) */
  isProperty(path: string): boolean {
    return path === PROPERTY_PATH || this.#recorder.properties.has(path);
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  /** The live file at a path. @throws RecordedFsError ENOENT, EISDIR, EPERM, ENOTDIR */
  fileAt(operation: string, path: string): number {
    const fnode = this.#recorder.links.get(path);
    if (fnode !== undefined) return fnode;
    if (this.isDirectory(path)) throw new RecordedFsError('EISDIR', operation, path);
    if (this.#recorder.properties.has(path)) throw new RecordedFsError('EPERM', operation, path);
    this.#checkAbove(operation, path);
    throw new RecordedFsError('ENOENT', operation, path);
  }

  /** Whether a new file, or a second name of one, may stand here. @throws RecordedFsError EISDIR, ENOTDIR, EPERM */
  checkNew(operation: string, path: string): void {
    if (this.isProperty(path)) throw new RecordedFsError('EPERM', operation, path);
    this.checkPlace(operation, path);
  }

  /** Whether anything but a directory may stand here. @throws RecordedFsError EISDIR, ENOTDIR */
  checkPlace(operation: string, path: string): void {
    if (this.isDirectory(path)) throw new RecordedFsError('EISDIR', operation, path);
    if (!this.#directories.has(parentOf(path))) this.#checkAbove(operation, path);
  }

  /** @throws RecordedFsError EEXIST, ENOTDIR */
  checkDirectory(operation: string, path: string): void {
    if (this.#isFile(path)) throw new RecordedFsError('EEXIST', operation, path);
    this.#checkAbove(operation, path);
  }

  /** A directory was made, and those above it. */
  madeDirectory(path: string): void {
    this.#remember(path);
  }

  /** Names in a directory, sorted. @throws RecordedFsError ENOENT, ENOTDIR */
  readdir(path: string): string[] {
    if (!this.isDirectory(path))
      throw new RecordedFsError(this.#isFile(path) ? 'ENOTDIR' : 'ENOENT', 'readdir', path);
    const prefix = path === '/' ? '/' : `${path}/`;
    const names = new Set<string>();
    const { links, properties } = this.#recorder;
    for (const paths of [links.keys(), properties.keys(), this.#directories])
      for (const each of paths)
        if (each.startsWith(prefix) && each !== '/' && each !== TRUNCATING)
          names.add(each.slice(prefix.length).split('/', 1)[0]!);
    return [...names].sort();
  }

  #isFile(path: string): boolean {
    return this.#recorder.links.has(path) || this.#recorder.properties.has(path);
  }

  #checkAbove(operation: string, path: string): void {
    for (let above = parentOf(path); above !== '/'; above = parentOf(above))
      if (this.#isFile(above)) throw new RecordedFsError('ENOTDIR', operation, path);
  }

  #remember(path: string): void {
    for (let each = path; !this.#directories.has(each); each = parentOf(each)) this.#directories.add(each);
  }
}

/** The directory that a canonical path lies in. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function checkLength(operation: string, path: string): void {
  const isLong =
    Buffer.byteLength(path) > MAX_PATH_BYTES ||
    path.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  if (isLong) throw new RecordedFsError('ENAMETOOLONG', operation, path);
}
