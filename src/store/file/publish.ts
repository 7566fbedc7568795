/**
 * Atomic, durable create-if-absent of a file.
 *
 * P1  The bytes are complete and synced in a temporary file before the name exists: link(2) publishes them whole or not at all, and fails
 *     when the name is taken. That is the linearization point.
 * P2  `created` is answered only after the directory entry, and every directory above it up to the root, is synced.
 * P3  A crash leaves at most a temporary file under RESERVED_SEGMENT. Nobody reads those; the next process to create something removes
 *     those older than LEFTOVER_AGE_MS, by the file system's own clock. A writer that slept longer finds its file gone and answers
 *     `undecided`, never `created`.
 */
import { link, lstat, mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureError, errorCode, toHex, type Logger, type Random } from '../../base/index.ts';
import { piecesOf, type Body } from '../body.ts';
import { StoreError } from '../errors.ts';
import { RESERVED_SEGMENT } from '../keys.ts';
import { belowError, noRootError } from './file-errors.ts';

/** No create takes nearly this long; one that does is retried by its caller (P3). */
export const LEFTOVER_AGE_MS = 3_600_000;
const TEMP_NAME_BYTES = 16;

export interface PublisherOptions {
  readonly root: string;
  readonly random: Random;
  readonly log: Logger;
}

export class Publisher {
  readonly #root: string;
  readonly #temporary: string;
  readonly #random: Random;
  readonly #log: Logger;
  /** Directories whose whole chain up to the root this process has synced (P2). Directories are never removed. */
  readonly #durable = new Set<string>();
  #swept = false;

  constructor(options: PublisherOptions) {
    this.#root = options.root;
    this.#temporary = join(options.root, RESERVED_SEGMENT);
    this.#random = options.random;
    this.#log = options.log;
  }

  /** Publishes `body` at `path`, which lies under the root. @throws the system's error; a StoreError once it may be published. */
  async publish(path: string, body: Body): Promise<'created' | 'exists'> {
    await this.#makeDirectory(this.#temporary);
    const temporary = join(this.#temporary, toHex(this.#random.bytes(TEMP_NAME_BYTES)));
    const writtenMs = await this.#unlessGone(writeSynced(temporary, body));
    try {
      await this.#makeDirectory(dirname(path));
      const kind = await this.#unlessGone(linkOnce(temporary, path));
      await syncPublished(dirname(path));
      return kind;
    } finally {
      await this.#discard(temporary);
      if (!this.#swept) await this.#sweep(writtenMs);
    }
  }

  /** Somebody removed a directory that we remember as durable: forget what we remember, so that the next attempt makes it anew. */
  async #unlessGone<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') this.#durable.clear();
      throw error;
    }
  }

  /** Makes a directory and what is missing above it, durably (P2), but never the root itself. */
  async #makeDirectory(directory: string): Promise<void> {
    if (this.#durable.has(directory)) return;
    if (directory === this.#root) {
      await checkRoot(this.#root);
    } else {
      const parent = dirname(directory);
      await this.#makeDirectory(parent);
      await mkdir(directory).catch((error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
      await syncDirectory(parent); // also when somebody else made it: his sync may not have happened yet
    }
    this.#durable.add(directory);
  }

  /** The outcome is decided by now: a temporary file that stays is P3's business, not the caller's. */
  async #discard(temporary: string): Promise<void> {
    try {
      await unlink(temporary);
    } catch (error) {
      this.#log.warn('a temporary file could not be removed', { path: temporary, error });
    }
  }

  /** Removes what crashed writers left (P3). `nowMs`: the file system's time. */
  async #sweep(nowMs: number): Promise<void> {
    this.#swept = true;
    try {
      for (const name of await readdir(this.#temporary)) {
        const path = join(this.#temporary, name);
        const leftover = await stat(path).catch(ignoreMissing);
        if (!leftover || nowMs - leftover.mtimeMs < LEFTOVER_AGE_MS) continue;
        await unlink(path).catch(ignoreMissing);
        this.#log.info('removed a temporary file of a writer that crashed', { path });
      }
    } catch (error) {
      this.#log.warn('temporary files of crashed writers could not be removed', {
        path: this.#temporary,
        error,
      });
    }
  }
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}

/** @throws StoreError STORE_NO_BUCKET when the root is missing; the system's error for anything else. */
export async function checkRoot(root: string): Promise<void> {
  const found = await stat(root).catch(ignoreMissing);
  if (!found?.isDirectory()) throw noRootError(root);
}

/** Writes and syncs a new file; its modification time by the file system's clock, ms. A failure removes the file. */
async function writeSynced(path: string, body: Body): Promise<number> {
  const file = await open(path, 'wx');
  try {
    for (const piece of piecesOf(body)) await file.writeFile(piece); // each from where the last one ended
    await file.sync();
    return (await file.stat()).mtimeMs;
  } catch (error) {
    await unlink(path).catch(ignoreMissing); // a full disk must not fill up further
    throw error;
  } finally {
    await file.close();
  }
}

/** The linearization point (P1). */
async function linkOnce(temporary: string, path: string): Promise<'created' | 'exists'> {
  try {
    await link(temporary, path);
    return 'created';
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    if ((await lstat(path)).isDirectory()) throw belowError(path);
    return 'exists';
  }
}

/**
 * Syncs the directory of a name that is taken (P2), by us or by an earlier attempt of ours whose sync failed.
 * @throws StoreError that leaves the outcome open, whatever the cause: the name may be durable or not.
 */
async function syncPublished(directory: string): Promise<void> {
  try {
    await syncDirectory(directory);
  } catch (error) {
    throw new StoreError(
      'STORE_SERVER_ERROR',
      `The object's name is set but could not be made durable (${ensureError(error).message}); try again.`,
      { retryable: true, fields: { path: directory, systemCode: errorCode(error) }, cause: error },
    );
  }
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle | undefined;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } finally {
    await directory?.close();
  }
}
