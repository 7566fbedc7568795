/**
 * The local files of a log while it is played: one per live file, named by its identity, until their paths are known to be final.
 *
 * Z1  The directory is wiped first: what an earlier process left behind is never mixed with what the log says.
 * Z2  At most MAX_OPEN files are kept open; one in use is not among them, so that it is not closed for another.
 * Z3  A directory with STAGING in it is unfinished. makeLive removes that last of all; `sync` makes that it is there durable before any name is, files and
 *     directories before the removal, and the removal after. When it fails, the names that it has given are taken back.
 */
import { dirname, join } from 'node:path';
import { localPath, STAGING, stagedPath } from '../paths.ts';
import type { Extent } from './extents.ts';
import {
  eachInParallel,
  localFs,
  syncPath,
  writeAll,
  writeAllOf,
  type LocalFile,
  type LocalFs,
} from './local-fs.ts';

/** A log of many small live files must not exhaust the process's descriptors (1,024 is a common limit). */
export const MAX_OPEN = 256;

/** What the directory is to hold. */
export interface FinalFiles {
  readonly files: readonly { readonly fnode: number; readonly links: readonly string[] }[];
  /** Small files whose content the log holds by path. */
  readonly properties: ReadonlyMap<string, string>;
}

export interface MakeLive {
  /** Waits for the disk. */
  readonly sync: boolean;
  /** Before the directory counts as finished this resolves; when it rejects, it does not. */
  readonly confirmed: Promise<void>;
  readonly signal: AbortSignal | undefined;
}

export class StagedFiles {
  readonly dir: string;
  readonly #fs: LocalFs;
  /** Open handles, least recently used first. */
  readonly #open = new Map<number, LocalFile>();

  constructor(dir: string, fs: LocalFs = localFs) {
    this.dir = dir;
    this.#fs = fs;
  }

  /** Empties the directory (Z1). The directory itself stays: it may be a mount point. */
  async wipe(signal?: AbortSignal): Promise<void> {
    const staging = join(this.dir, STAGING);
    await this.#fs.mkdir(staging); // first: what is being emptied is unfinished (Z3)
    const empty = async (dir: string): Promise<void> => {
      const names = await this.#fs.readdir(dir);
      await eachInParallel(names, async (name) => {
        signal?.throwIfAborted();
        const path = join(dir, name);
        if (path !== staging) await this.#fs.remove(path);
      });
    };
    await empty(this.dir);
    await empty(staging);
    signal?.throwIfAborted();
  }

  async create(fnode: number): Promise<void> {
    await this.#keep(fnode, await this.#fs.open(stagedPath(this.dir, fnode), 'wx'));
  }

  async write(fnode: number, data: Uint8Array, offset: number): Promise<void> {
    await this.#use(fnode, 'r+', (file) => writeAll(file, data, offset));
  }

  async remove(fnode: number): Promise<void> {
    await this.#close(fnode);
    await this.#fs.unlink(stagedPath(this.dir, fnode));
  }

  /** Writes pieces that do not overlap, in ascending order; those that touch in one call. May run for several files at a time. */
  async put(fnode: number, isNew: boolean, extents: readonly Extent[]): Promise<void> {
    await this.#use(fnode, isNew ? 'wx' : 'r+', async (file) => {
      for (let from = 0; from < extents.length;) {
        const begin = extents[from]!.offset;
        const touching: Uint8Array[] = [];
        let end = begin;
        for (; extents[from]?.offset === end; from++) {
          const { memory, start, end: stop } = extents[from]!;
          touching.push(memory.buffer.subarray(start, stop));
          end += stop - start;
        }
        await writeAllOf(file, touching, begin);
      }
    });
  }

  /** Gives the files their names (Z3). @throws errors of the local disk, what `confirmed` rejects with, the signal's reason; then no name is left */
  async makeLive({ files, properties }: FinalFiles, { sync, confirmed, signal }: MakeLive): Promise<void> {
    const named: string[] = [];
    try {
      if (sync) await syncPath(this.#fs, this.dir);
      const directories = directoriesOf(this.dir, [
        ...files.flatMap(({ links }) => links),
        ...properties.keys(),
      ]);
      for (const directory of directories) await this.#fs.mkdir(directory);
      await eachInParallel(files, async ({ fnode, links }) => {
        signal?.throwIfAborted();
        const staged = stagedPath(this.dir, fnode);
        if (sync) await this.#use(fnode, 'r', (file) => file.sync());
        await this.#close(fnode);
        for (const path of links) {
          const target = localPath(this.dir, path);
          await this.#fs.link(staged, target);
          named.push(target);
        }
        await this.#fs.unlink(staged);
      });
      for (const [path, content] of properties) {
        const target = localPath(this.dir, path);
        await this.#writeProperty(target, content, sync);
        named.push(target);
      }
      if (sync) await eachInParallel(directories, (directory) => syncPath(this.#fs, directory));
      await this.close(); // of files that lost their last name without an unlink, too
      await confirmed;
      signal?.throwIfAborted();
      await this.#fs.remove(join(this.dir, STAGING));
      if (sync) await syncPath(this.#fs, this.dir);
    } catch (error) {
      await this.#takeBack(named).catch(() => undefined); // what failed first is what counts; whoever plays here next wipes (Z1)
      throw error;
    }
  }

  async #takeBack(named: readonly string[]): Promise<void> {
    await this.#fs.mkdir(join(this.dir, STAGING));
    await eachInParallel(named, (target) => this.#fs.remove(target));
  }

  /** Closes what is open, all of it also when that fails for some. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    const outcomes = await Promise.allSettled(open.map((file) => file.close()));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #writeProperty(target: string, content: string, sync: boolean): Promise<void> {
    const file = await this.#fs.open(target, 'wx');
    try {
      await writeAll(file, Buffer.from(content), 0);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Does `work` with the file, which is open before if it was kept and is kept afterwards. */
  async #use(
    fnode: number,
    flags: 'wx' | 'r+' | 'r',
    work: (file: LocalFile) => Promise<void>,
  ): Promise<void> {
    const file = this.#open.get(fnode) ?? (await this.#fs.open(stagedPath(this.dir, fnode), flags));
    this.#open.delete(fnode); // Z2
    try {
      await work(file);
    } catch (error) {
      await file.close().catch(() => undefined); // what failed first is what counts
      throw error;
    }
    await this.#keep(fnode, file);
  }

  /** Z2 */
  async #keep(fnode: number, file: LocalFile): Promise<void> {
    this.#open.set(fnode, file);
    const oldest = this.#open.keys().next();
    if (this.#open.size > MAX_OPEN && !oldest.done) await this.#close(oldest.value);
  }

  async #close(fnode: number): Promise<void> {
    const file = this.#open.get(fnode);
    this.#open.delete(fnode);
    await file?.close();
  }
}

/** All directories that lead to these paths, with `dir` itself, outer ones first. */
function directoriesOf(dir: string, paths: readonly string[]): ReadonlySet<string> {
  const parents = new Set(paths.map((path) => dirname(path)));
  const all = new Set([dir]);
  for (const parent of parents) {
    const steps = parent.split('/').filter((step) => step !== '');
    for (let count = 1; count <= steps.length; count++) all.add(join(dir, ...steps.slice(0, count)));
  }
  return all;
}
