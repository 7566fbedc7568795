/**
 * A file system whose every change is in the log (DESIGN §4.2): the log first, then the disk, which follows at a short distance as a standby's does
 * (docs/decisions/0034).
 *
 * Y1  Operations happen one after another, and are recorded in the order in which they were asked for.
 * Y2  A request that cannot be is refused before anything changed (names.ts). What fails after that breaks the recorder for good.
 * Y3  What POSIX allows is no failure: a rename onto itself or onto a second name of the same file does nothing; a file whose last name is gone can be
 *     written to, by whoever has it open, and is not recorded any more.
 * Y4  A file that is renamed to a property becomes one: its content is recorded, its history is not (gazette.md §4.3).
 * Y5  Directories are not recorded; they come into being with the files in them. They cannot be renamed or removed.
 * Y6  What was synced is in the log and in the local files.
 */
import { fromUtf8, type Clock } from '../../base/index.ts';
import { RecordedFsError } from '../errors.ts';
import type { DirectoryChange, TrackedDirectory } from '../play/live-directory.ts';
import { localPath } from '../paths.ts';
import { Contents } from './contents.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { FOLLOW_MS, LocalFiles, type LocalFile } from './local-files.ts';
import { Names, parentOf, TRUNCATING } from './names.ts';
import { OpenFile, type Access, type FileContext, type RecordedFile } from './recorded-file.ts';
import type { BarrierOptions, OpBody, Recorder } from './recorder.ts';
import { Serial } from './serial.ts';

export interface OpenOptions {
  /** Make the file when it does not exist. */
  readonly create?: boolean;
  /** Refuse when it exists. */
  readonly exclusive?: boolean;
  /** Begin with an empty file, under all its names. */
  readonly truncate?: boolean;
  /** Every write goes to the end of the file. */
  readonly append?: boolean;
  /** For reading only; also a property can be opened so. */
  readonly readOnly?: boolean;
}

/** Longest content of a property, bytes: an identity, not a file. */
const MAX_PROPERTY_BYTES: number = 64 * 1024;

export class RecordedFs {
  readonly #dir: string;
  readonly #recorder: Recorder;
  readonly #live: TrackedDirectory;
  readonly #names: Names;
  readonly #local: LocalFiles;
  readonly #serial = new Serial();
  readonly #context: FileContext;
  readonly #clock: Clock;
  /** The disk will follow without being asked (F2). */
  #isFollowing = false;

  constructor(dir: string, recorder: Recorder, live: TrackedDirectory, clock: Clock, disk: Disk = nodeDisk) {
    this.#clock = clock;
    this.#dir = dir;
    this.#recorder = recorder;
    this.#live = live;
    this.#names = new Names(recorder);
    const local = new LocalFiles({
      dir,
      disk,
      namesOf: (fnode) => recorder.namesOf(fnode),
      fellBehind: () => this.#followSoon(),
      fail: (what, cause) => recorder.fail(what, cause),
    });
    this.#local = local;
    this.#context = {
      serial: this.#serial,
      local,
      contents: new Contents(recorder, local),
      wrote: (fnode) => (live.isFollowed ? this.#tell('write', recorder.namesOf(fnode)) : undefined),
      barrier: () => this.barrier(),
    };
    const onDisk = (path: string): boolean => {
      const fnode = recorder.links.get(path);
      return fnode !== undefined && path !== TRUNCATING && local.isOnDisk(fnode);
    };
    live.switchTo({
      resolve: (path) => (onDisk(path) ? localPath(dir, path) : undefined),
      paths: () => [...recorder.links.keys()].filter(onDisk),
    });
    if (recorder.links.has(TRUNCATING)) void this.#unlink(TRUNCATING).catch(() => undefined); // a predecessor's; a failure breaks the recorder
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
    const clean = this.#names.clean('exists', path);
    return this.#recorder.links.has(clean) || this.#recorder.properties.has(clean);
  }

  /**
   * Opens a file for reading and writing, unless the options say otherwise. Files that the log does not know are not there, whatever lies on the disk.
   * @throws RecordedFsError ENOENT, EEXIST, EISDIR, ENOTDIR, EPERM, EINVAL, ELOOP; RecorderBrokenError
   */
  open(path: string, options: OpenOptions = {}): Promise<RecordedFile> {
    const clean = this.#names.clean('open', path);
    const { create, exclusive, truncate, append, readOnly } = options;
    if (readOnly && (create || truncate || append))
      throw new RecordedFsError('EINVAL', 'open', path, 'what is read only is neither made nor changed');
    const access: Access = readOnly ? 'read' : append ? 'append' : 'write';
    return this.#run(() => {
      const held = this.#recorder.links.get(clean);
      if (held !== undefined) {
        if (exclusive) throw new RecordedFsError('EEXIST', 'open', clean);
        return this.#openHeld(clean, held, access, truncate === true);
      }
      if (readOnly && this.#recorder.properties.has(clean)) return this.#openProperty(clean);
      if (!create) throw this.#absent('open', clean);
      this.#names.checkNew('open', clean);
      return this.#inDirectory(clean, () => this.#create(clean, access));
    });
  }

  /**
   * Renames a file over whatever file has the new name. To a property: replaces its content.
   * @throws RecordedFsError ENOENT, EISDIR, ENOTDIR, EPERM, EINVAL, ELOOP; RecorderBrokenError
   */
  rename(from: string, to: string): Promise<void> {
    const source = this.#names.clean('rename', from);
    const target = this.#names.clean('rename', to);
    return this.#run(() => {
      const fnode = this.#names.fileAt('rename', source);
      const replaced = this.#recorder.links.get(target);
      if (replaced === fnode) return undefined; // Y3
      this.#names.checkPlace('rename', target);
      const isProperty = this.#names.isProperty(target);
      return this.#inDirectory(target, () => {
        if (isProperty) return this.#becomeProperty(fnode, source, target);
        return this.#keeping(replaced, () => this.#rename(fnode, source, target, replaced));
      });
    });
  }

  /** Gives a file a second name. @throws RecordedFsError ENOENT, EEXIST, EISDIR, ENOTDIR, EPERM, ELOOP; RecorderBrokenError */
  link(from: string, to: string): Promise<void> {
    const source = this.#names.clean('link', from);
    const target = this.#names.clean('link', to);
    return this.#run(() => {
      const fnode = this.#names.fileAt('link', source);
      if (this.#recorder.links.has(target)) throw new RecordedFsError('EEXIST', 'link', target);
      this.#names.checkNew('link', target);
      return this.#inDirectory(target, () => {
        this.#recorder.record([{ link: { fnode, path: target } }]);
        return this.#told(this.#local.linked(fnode, source, target), 'link', target);
      });
    });
  }

  /** Removes a name. @throws RecordedFsError ENOENT, EISDIR, EPERM; RecorderBrokenError */
  unlink(path: string): Promise<void> {
    return this.#unlink(this.#names.clean('unlink', path));
  }

  #unlink(path: string): Promise<void> {
    return this.#run(() => {
      const fnode = this.#names.fileAt('unlink', path);
      return this.#keeping(fnode, () => {
        this.#recorder.record([{ unlink: { fnode, path } }]);
        return this.#told(this.#local.unlinked(fnode, path), 'unlink', path);
      });
    });
  }

  /** Makes a directory and those above it (Y5). @throws RecordedFsError EEXIST, ENOTDIR, ELOOP; RecorderBrokenError */
  mkdir(path: string): Promise<void> {
    const clean = this.#names.clean('mkdir', path);
    return this.#run(() => {
      this.#names.checkDirectory('mkdir', clean);
      return this.#makeDirectory(clean);
    });
  }

  /** Names in a directory, as the log has them. @throws RecordedFsError ENOENT, ENOTDIR */
  readdir(path: string): Promise<string[]> {
    const clean = path === '/' ? '/' : this.#names.clean('readdir', path);
    return this.#run(() => this.#names.readdir(clean));
  }

  /** Resolves when everything recorded so far is durable in the log and in the local files (Y6). @throws RecorderBrokenError */
  async barrier(options?: BarrierOptions): Promise<void> {
    const durable = await this.#run(async () => {
      const future = this.#recorder.barrier(options);
      await this.#local.settleAll();
      return { future };
    });
    await durable.future;
  }

  /** The disk is not behind for longer than FOLLOW_MS, whether anybody syncs or not. */
  #followSoon(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    this.#clock.timer(FOLLOW_MS, () => {
      this.#isFollowing = false;
      void this.#run(() => this.#local.settleAll()).catch(() => undefined); // the recorder is broken then, and tells
    });
  }

  /** Y1; once the recorder is broken it says so, whatever is asked for. */
  #run<T>(act: () => T | Promise<T>): Promise<T> {
    return this.#serial.run(() => {
      this.#recorder.check();
      return act();
    });
  }

  async #openHeld(path: string, fnode: number, access: Access, truncate: boolean): Promise<RecordedFile> {
    const file = await this.#local.open(fnode, path);
    if (truncate) {
      await this.#context.contents.truncate(file, 0);
      await this.#context.wrote(file.fnode);
    }
    return new OpenFile(this.#context, path, file, access);
  }

  async #openProperty(path: string): Promise<RecordedFile> {
    return new OpenFile(this.#context, path, await this.#local.openProperty(path), 'read');
  }

  #create(path: string, access: Access): RecordedFile | Promise<RecordedFile> {
    const fnode = this.#recorder.nextSeqNo;
    this.#recorder.record([{ create: { path } }]);
    const file = this.#local.create(fnode);
    const told = this.#told(this.#local.room(file), 'link', path);
    const opened = new OpenFile(this.#context, path, file, access);
    return told ? told.then(() => opened) : opened;
  }

  #rename(
    fnode: number,
    source: string,
    target: string,
    replaced: number | undefined,
  ): Promise<void> | undefined {
    const change: OpBody[] = replaced === undefined ? [] : [{ unlink: { fnode: replaced, path: target } }];
    change.push({ link: { fnode, path: target } }, { unlink: { fnode, path: source } });
    this.#recorder.record(change);
    const done = this.#local.renamed(fnode, source, target, replaced);
    if (!this.#live.isFollowed) return done;
    return this.#told(done, 'link', target)?.then(() => this.#tell('unlink', [source]));
  }

  /** Y4 */
  async #becomeProperty(fnode: number, source: string, target: string): Promise<void> {
    const file = await this.#local.open(fnode, source);
    try {
      const content = await this.#propertyContent(file, source);
      const held = this.#recorder.links.get(target); // in old logs it is a file
      const change: OpBody[] = held === undefined ? [] : [{ unlink: { fnode: held, path: target } }];
      change.push({ property: { path: target, content: fromUtf8(content) } });
      this.#recorder.record([...change, { unlink: { fnode, path: source } }]);
      await this.#local.writeProperty(target, content);
      await this.#local.unlinked(fnode, source);
    } finally {
      await this.#local.close(file);
    }
    await this.#tell('unlink', [source]);
  }

  /** @throws RecordedFsError EINVAL when it is too long, or no text: the log could not carry it */
  async #propertyContent(file: LocalFile, path: string): Promise<Uint8Array> {
    const why = `a property is UTF-8 of at most ${MAX_PROPERTY_BYTES} bytes`;
    if (file.size > MAX_PROPERTY_BYTES) throw new RecordedFsError('EINVAL', 'rename', path, why);
    await this.#local.settle(file);
    const content = await this.#context.contents.read(file, 0, file.size);
    try {
      fromUtf8(content);
      return content;
    } catch {
      throw new RecordedFsError('EINVAL', 'rename', path, why);
    }
  }

  #absent(operation: string, path: string): RecordedFsError {
    try {
      this.#names.fileAt(operation, path);
    } catch (error) {
      return error as RecordedFsError;
    }
    throw new RecordedFsError('ENOENT', operation, path);
  }

  /** Does `act` once the directory of a path is there. */
  #inDirectory<T>(path: string, act: () => T | Promise<T>): T | Promise<T> {
    const directory = parentOf(path);
    if (this.#names.isDirectory(directory)) return act();
    return this.#makeDirectory(directory).then(act);
  }

  async #makeDirectory(path: string): Promise<void> {
    await this.#local.makeDirectory(path);
    this.#names.madeDirectory(path);
  }

  /** Does `act`, which takes a name from a file that somebody may have open. */
  #keeping<T>(fnode: number | undefined, act: () => T | Promise<T>): T | Promise<T> {
    const kept = fnode === undefined ? undefined : this.#local.beforeLoss(fnode);
    return kept ? kept.then(act) : act();
  }

  /** Tells of a change when it is done. */
  #told(
    done: Promise<void> | undefined,
    kind: DirectoryChange['kind'],
    path: string,
  ): Promise<void> | undefined {
    if (!this.#live.isFollowed) return done;
    return done ? done.then(() => this.#tell(kind, [path])) : this.#tell(kind, [path]);
  }

  /** Whoever follows the directory finds on the disk what it is told of. */
  #tell(kind: DirectoryChange['kind'], paths: Iterable<string>): Promise<void> | undefined {
    if (!this.#live.isFollowed) return undefined;
    const settled = this.#local.settleAll() ?? Promise.resolve();
    return settled.then(() => this.#live.notify(kind, paths));
  }
}
