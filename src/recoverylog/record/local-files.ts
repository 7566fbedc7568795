/**
 * The local files of a recorder: they follow the log at a short distance, as those of a standby do (docs/decisions/0034).
 *
 * F1  A file comes to the disk when it is read, when the log is synced, or when too much waits or for too long; one that dies before never does. Its
 *     writes follow in their order, gathered.
 * F2  What waits is bounded: WAITING_BYTES of data, UNBORN_FILES files, and FOLLOW_MS, so that a disk that fails or is full is met soon.
 * F3  On the disk are exactly the names of those files that are there: a name that changes hands does so at once, unless it is of a file that is not.
 * F4  A call that fails breaks the recorder, for good.
 * F5  Nothing is made outside the directory: what a path leads to is looked at before a file is made, moved or removed below the top.
 * All but `read` is called by one operation at a time.
 */
import { assert, concatBytes, type HoldfastError } from '../../base/index.ts';
import { RecordedFsError } from '../errors.ts';
import { localPath, STAGING } from '../paths.ts';
import type { Disk, DiskFile } from './disk.ts';
import { parentOf } from './names.ts';

/** A few batches' worth: the disk works in large pieces, and a sync has little left to do. */
const WAITING_BYTES: number = 8 * 1024 * 1024;
/** From here on a file's data is on its way without being asked for, bytes. */
const FILE_WAITING_BYTES: number = 1024 * 1024;
/** Files that are in memory only: the rhythm of rename-over stays in memory, and a sync makes no more than this. */
const UNBORN_FILES = 1024;
/** Longest that the disk is behind the log, ms: long enough for what is made to be renamed over, short enough for a person. */
export const FOLLOW_MS = 1000;
/** Files that are made at the same time, so that descriptors last. */
const AT_ONCE = 32;
/** Writes below this are put together before they go to the disk. */
const SMALL_BYTES: number = 16 * 1024;

interface Run {
  readonly offset: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** A file that is open, or whose disk is behind the log. */
export interface LocalFile {
  /** Its identity in the log; another one after a truncation. */
  fnode: number;
  /** Bytes, with what waits. */
  size: number;
  /** How many have it open. */
  opens: number;
  /** Open as long as the file is on the disk. */
  handle: DiskFile | undefined;
  /** Writes that wait, in their order. */
  runs: Run[];
  /** Bytes in `runs`. */
  waiting: number;
  /** Settles with the writes on their way to the disk. */
  flushing: Promise<void>;
}

const DONE = Promise.resolve();

export interface LocalFilesPorts {
  readonly dir: string;
  readonly disk: Disk;
  readonly namesOf: (fnode: number) => ReadonlySet<string>;
  /** Called when the disk was level with the log and is not any more. */
  readonly fellBehind: () => void;
  /** Breaks the recorder; gives the error to throw. */
  readonly fail: (what: string, cause: unknown) => HoldfastError;
}

export class LocalFiles {
  readonly #ports: LocalFilesPorts;
  /** By identity. A live file that is not in here is on the disk and nobody has it open. */
  readonly #files = new Map<number, LocalFile>();
  /** Files whose disk is behind the log. */
  readonly #behind = new Set<LocalFile>();
  #unborn = 0;
  /** Bytes that wait or are on their way to the disk. */
  #waiting = 0;
  #root: Promise<string> | undefined;

  constructor(ports: LocalFilesPorts) {
    this.#ports = ports;
  }

  /** Whether a live file can be found on the disk by its names. */
  isOnDisk(fnode: number): boolean {
    const file = this.#files.get(fnode);
    return file === undefined || file.handle !== undefined;
  }

  /** A file that the log has just created, open; in memory for now (F1). */
  create(fnode: number): LocalFile {
    const file = localFile(fnode);
    this.#files.set(fnode, file);
    this.#fallBehind(file);
    this.#unborn++;
    return file;
  }

  /** A live file, opened once more. @throws RecordedFsError ELOOP */
  open(fnode: number, path: string): LocalFile | Promise<LocalFile> {
    const held = this.#files.get(fnode);
    if (!held) return this.#open(fnode, path);
    held.opens++;
    return held;
  }

  async #open(fnode: number, path: string): Promise<LocalFile> {
    const file = localFile(fnode);
    const above = parentOf(path);
    if (above !== '/' && !(await this.#call('realpath', () => this.#isInside(above))))
      throw new RecordedFsError('ELOOP', 'open', path);
    await this.#call('open', () => this.#openOnDisk(file, path, 'write'));
    this.#files.set(fnode, file);
    return file;
  }

  /** Opens what has no history in the log, for reading. */
  async openProperty(path: string): Promise<LocalFile> {
    const file = localFile(0);
    await this.#call('open', () => this.#openOnDisk(file, path, 'read'));
    return file;
  }

  async #openOnDisk(file: LocalFile, path: string, access: 'read' | 'write'): Promise<void> {
    const handle = await this.#ports.disk.open(this.#local(path), access);
    try {
      file.size = await handle.size();
      file.handle = handle;
    } catch (error) {
      await handle.close().catch(() => undefined); // what failed first is what counts
      throw error;
    }
  }

  /** One less has it open. What was written comes to the disk; that it does not, the recorder tells. */
  close(file: LocalFile): Promise<void> | undefined {
    file.opens--;
    return file.opens === 0 && file.handle ? this.#close(file) : undefined;
  }

  async #close(file: LocalFile): Promise<void> {
    if (file.waiting > 0) this.#flush(file);
    await file.flushing.catch(() => undefined); // F4
    this.#behind.delete(file);
    this.#files.delete(file.fnode);
    await this.#call('close', () => file.handle!.close());
  }

  /** Takes data in; it belongs to the file until the next sync. */
  write(file: LocalFile, data: Uint8Array, offset: number): void {
    const last = file.runs.at(-1);
    if (last && last.offset + last.bytes === offset) {
      last.parts.push(data);
      last.bytes += data.length;
    } else {
      file.runs.push({ offset, parts: [data], bytes: data.length });
    }
    if (file.waiting === 0) this.#fallBehind(file);
    file.waiting += data.length;
    file.size = Math.max(file.size, offset + data.length);
    this.#waiting += data.length;
  }

  /** Resolves when there is room for more (F2); undefined when there is. To be asked after each write and each create. */
  room(file: LocalFile): Promise<void> | undefined {
    if (this.#waiting > WAITING_BYTES || this.#unborn > UNBORN_FILES) return this.settleAll();
    if (file.waiting < FILE_WAITING_BYTES) return undefined;
    if (!file.handle) return this.settle(file);
    this.#flush(file);
    return undefined;
  }

  /** Brings one file's disk to what was recorded of it. */
  async settle(file: LocalFile): Promise<void> {
    try {
      if (!file.handle) await this.#bear(file);
      if (file.waiting > 0) this.#flush(file);
      await file.flushing;
    } finally {
      this.#behind.delete(file);
      if (file.handle && file.opens === 0) await this.#close(file);
    }
  }

  /** The same for all files; undefined when nothing is behind. */
  settleAll(): Promise<void> | undefined {
    return this.#behind.size === 0 ? undefined : this.#settleEach([...this.#behind]);
  }

  async #settleEach(files: readonly LocalFile[]): Promise<void> {
    for (let from = 0; from < files.length; from += AT_ONCE) {
      const settling = files.slice(from, from + AT_ONCE).map((file) => this.settle(file));
      await Promise.all(settling);
    }
  }

  /** Before a name is taken from a file: one that is open must not lose its last name before it is on the disk. */
  beforeLoss(fnode: number): Promise<void> | undefined {
    const file = this.#files.get(fnode);
    const keeps = file && file.opens > 0 && !file.handle && this.#ports.namesOf(fnode).size === 1;
    return keeps ? this.settle(file) : undefined;
  }

  /** A name has moved, over that of another file or not (F3). */
  renamed(fnode: number, from: string, to: string, replaced: number | undefined): Promise<void> | undefined {
    if (this.isOnDisk(fnode)) {
      if (replaced !== undefined) this.#forgetDead(replaced);
      return this.#change('rename', [from, to], (disk, a, b) => disk.rename(a, b!));
    }
    return replaced === undefined ? undefined : this.unlinked(replaced, to);
  }

  linked(fnode: number, from: string, to: string): Promise<void> | undefined {
    if (!this.isOnDisk(fnode)) return undefined;
    return this.#change('link', [from, to], (disk, a, b) => disk.link(a, b!));
  }

  unlinked(fnode: number, path: string): Promise<void> | undefined {
    const onDisk = this.isOnDisk(fnode);
    this.#forgetDead(fnode);
    return onDisk ? this.#change('unlink', [path], (disk, a) => disk.unlink(a)) : undefined;
  }

  /** Cuts a file off (the rest of it was recorded as another one). */
  truncate(file: LocalFile, size: number): Promise<void> | undefined {
    if (size === 0) this.#drop(file);
    file.size = size;
    if (size === 0 && !file.handle) return undefined;
    return this.#truncate(file, size);
  }

  async #truncate(file: LocalFile, size: number): Promise<void> {
    if (file.waiting > 0) await this.settle(file);
    await file.flushing;
    await this.#call('truncate', () => file.handle!.truncate(size));
  }

  /** The file has another identity from now on. */
  renumber(file: LocalFile, fnode: number): void {
    this.#files.delete(file.fnode);
    file.fnode = fnode;
    this.#files.set(fnode, file);
  }

  async read(file: LocalFile, offset: number, length: number): Promise<Uint8Array> {
    return await this.#call('read', () => file.handle!.read(offset, length));
  }

  /** Whether the disk has everything that was written to a file. */
  isSettled(file: LocalFile): boolean {
    return !this.#behind.has(file) && file.handle !== undefined;
  }

  /** Makes a directory, from the top. @throws RecordedFsError ELOOP when it lies outside; nothing was made there (F5) */
  async makeDirectory(path: string): Promise<void> {
    let at = '';
    for (const name of path.slice(1).split('/')) {
      at += `/${name}`;
      const inside = await this.#call('mkdir', async () => {
        await this.#ports.disk.mkdir(this.#local(at));
        return await this.#isInside(at);
      });
      if (!inside) throw new RecordedFsError('ELOOP', 'mkdir', at);
    }
  }

  /** Writes a property's content: a file of its own, so that nobody who has the former one open changes it. */
  async writeProperty(path: string, content: Uint8Array): Promise<void> {
    await this.#call('write', async () => {
      const { disk } = this.#ports;
      const beside = this.#local(`/${STAGING}`);
      const handle = await disk.create(beside);
      try {
        await handle.write([content], 0);
      } finally {
        await handle.close();
      }
      await disk.rename(beside, this.#local(path));
    });
  }

  #fallBehind(file: LocalFile): void {
    if (this.#behind.size === 0) this.#ports.fellBehind();
    this.#behind.add(file);
  }

  /** A file without a name that nobody has open is of no interest any more. */
  #forgetDead(fnode: number): void {
    const file = this.#files.get(fnode);
    if (!file || file.handle || this.#ports.namesOf(fnode).size > 0) return;
    this.#drop(file);
    this.#behind.delete(file);
    this.#files.delete(fnode);
    this.#unborn--;
  }

  /** What waits for the disk is not wanted any more. */
  #drop(file: LocalFile): void {
    this.#waiting -= file.waiting;
    file.waiting = 0;
    file.runs = [];
  }

  #flush(file: LocalFile): void {
    const { runs, waiting, handle } = file;
    file.runs = [];
    file.waiting = 0;
    file.flushing = file.flushing.then(() =>
      this.#call('write', async () => {
        for (const { parts, offset } of runs) await handle!.write(gathered(parts), offset);
        this.#waiting -= waiting;
      }),
    );
    file.flushing.catch(() => undefined); // the recorder is broken by now, which the next call tells
  }

  /** Gives a file that is in memory its place on the disk, under all its names. */
  async #bear(file: LocalFile): Promise<void> {
    const { disk, namesOf } = this.#ports;
    const [first, ...others] = namesOf(file.fnode);
    assert(first !== undefined, 'F1: a file without a name is not made', { fnode: file.fnode });
    await this.#call('create', async () => {
      await this.#checkInside(first);
      file.handle = await disk.create(this.#local(first));
      for (const other of others) {
        await this.#checkInside(other);
        await disk.link(this.#local(first), this.#local(other));
      }
    });
    this.#unborn--;
  }

  async #change(
    what: string,
    paths: readonly string[],
    act: (disk: Disk, path: string, other?: string) => Promise<void>,
  ): Promise<void> {
    await this.#call(what, async () => {
      for (const path of paths) await this.#checkInside(path);
      const [path, other] = paths.map((each) => this.#local(each));
      await act(this.#ports.disk, path!, other);
    });
  }

  /** F5, for what lies below the top. */
  async #checkInside(path: string): Promise<void> {
    const above = parentOf(path);
    if (above !== '/' && !(await this.#isInside(above))) throw new RecordedFsError('ELOOP', 'use', path);
  }

  async #isInside(path: string): Promise<boolean> {
    const { disk, dir } = this.#ports;
    this.#root ??= disk.realpath(dir);
    const [root, real] = await Promise.all([this.#root, disk.realpath(this.#local(path))]); // a failure of either is met at once
    return real === localPath(root, path);
  }

  #local(path: string): string {
    return localPath(this.#ports.dir, path);
  }

  /** F4 */
  async #call<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw this.#ports.fail(`${what} failed on the local disk`, error);
    }
  }
}

function localFile(fnode: number): LocalFile {
  return { fnode, size: 0, opens: 1, handle: undefined, runs: [], waiting: 0, flushing: DONE };
}

/** The same bytes in fewer parts: small ones that follow one another are put together. */
function gathered(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  if (parts.length < 2) return parts;
  const fewer: Uint8Array[] = [];
  for (let from = 0, to = 0; from < parts.length; from = to) {
    while (to < parts.length && parts[to]!.length < SMALL_BYTES) to++;
    if (to > from) fewer.push(concatBytes(parts.slice(from, to)));
    else fewer.push(parts[to++]!);
  }
  return fewer;
}
