/**
 * The local files of a log while it is played: one per live file, named by its identity, until their paths are known to be final.
 *
 * Z1  The directory is wiped first: what an earlier process left behind is never mixed with what the log says.
 * Z2  At most MAX_OPEN files are open at a time.
 * Z3  makeLive gives every file its names and removes the staging directory last; `sync` makes files and directories durable first.
 */
import { link, mkdir, open, readdir, rm, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { localPath, STAGING, stagedPath } from '../paths.ts';

/** A log of many small live files must not exhaust the process's descriptors (1,024 is a common limit). */
const MAX_OPEN = 256;

export class StagedFiles {
  readonly dir: string;
  /** Open handles, least recently used first. */
  readonly #open = new Map<number, FileHandle>();

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Empties the directory (Z1). The directory itself stays: it may be a mount point. */
  async wipe(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    for (const name of await readdir(this.dir))
      await rm(join(this.dir, name), { recursive: true, force: true });
    await mkdir(join(this.dir, STAGING));
  }

  async create(fnode: number): Promise<void> {
    this.#keep(fnode, await open(stagedPath(this.dir, fnode), 'wx+'));
    await this.#evict();
  }

  async write(fnode: number, data: Uint8Array, offset: number): Promise<void> {
    let handle = this.#open.get(fnode);
    if (handle) this.#open.delete(fnode);
    else handle = await open(stagedPath(this.dir, fnode), 'r+');
    this.#keep(fnode, handle);
    await this.#evict();
    for (let at = 0; at < data.length;)
      at += (await handle.write(data, at, data.length - at, offset + at)).bytesWritten;
  }

  async remove(fnode: number): Promise<void> {
    await this.#close(fnode);
    await unlink(stagedPath(this.dir, fnode));
  }

  /** Gives the files their names (Z3). */
  async makeLive(
    files: readonly { readonly fnode: number; readonly links: readonly string[] }[],
    sync: boolean,
  ): Promise<void> {
    const directories = new Set([this.dir]);
    for (const { fnode, links } of files) {
      if (sync) await this.#sync(fnode);
      await this.#close(fnode);
      for (const path of links) {
        const target = localPath(this.dir, path);
        await mkdir(dirname(target), { recursive: true });
        await link(stagedPath(this.dir, fnode), target);
        directories.add(dirname(target));
      }
      await unlink(stagedPath(this.dir, fnode));
    }
    await this.close();
    await rm(join(this.dir, STAGING), { recursive: true, force: true });
    if (sync) for (const directory of directories) await syncPath(directory);
  }

  async close(): Promise<void> {
    for (const fnode of Array.from(this.#open.keys())) await this.#close(fnode);
  }

  async #sync(fnode: number): Promise<void> {
    const handle = this.#open.get(fnode);
    if (handle) await handle.sync();
    else await syncPath(stagedPath(this.dir, fnode));
  }

  #keep(fnode: number, handle: FileHandle): void {
    this.#open.set(fnode, handle);
  }

  async #evict(): Promise<void> {
    const oldest = this.#open.keys().next();
    if (this.#open.size > MAX_OPEN && !oldest.done) await this.#close(oldest.value);
  }

  async #close(fnode: number): Promise<void> {
    const handle = this.#open.get(fnode);
    this.#open.delete(fnode);
    await handle?.close();
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
