/**
 * An object store in a directory of one machine: for development, tests and single-node use.
 *
 * F1  Key and path are the same text below the root; checkKey keeps keys inside it. So Gazette's own file:// store can read fragments.
 * F2  The directory must exist. A missing one is STORE_NO_BUCKET, and never an empty store or an absent object: a mount that is not there
 *     must not look like lost data.
 * F3  Calls end with their signal at once; system calls under way go on, so a create whose caller left is `undecided`.
 * F4  A key cannot continue below another key (`a` and `a/b`): a directory cannot hold that.
 */
import { lstat, open, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, raceAbort, type Logger, type Random } from '../../base/index.ts';
import { checkGet, checkList, coveredBytes } from '../arguments.ts';
import { BodyPool } from '../body-pool.ts';
import type { Body } from '../body.ts';
import { abortedError, closedError, StoreError } from '../errors.ts';
import { checkKey } from '../keys.ts';
import type {
  CreateOutcome,
  GetCall,
  ListCall,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCall,
  StoredObject,
  Versioning,
} from '../types.ts';
import { formatStoreUrl, type FileLocation } from '../url.ts';
import { fileError } from './file-errors.ts';
import { checkRoot, Publisher, syncDirectory } from './publish.ts';
import { walk } from './walk.ts';

/** Files of a LIST that are looked at together: one after another, a thousand of them took a tenth of a second. */
const LOOKED_AT_ONCE = 64;

export interface FileStoreOptions {
  readonly random: Random;
  readonly log: Logger;
}

export class FileStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #publisher: Publisher;
  readonly #memory = new BodyPool();
  #closed = false;

  constructor(location: FileLocation, options: FileStoreOptions) {
    this.url = formatStoreUrl(location);
    this.#root = location.path;
    this.#publisher = new Publisher({ root: location.path, ...options });
  }

  async create(key: string, body: Body, call?: StoreCall): Promise<CreateOutcome> {
    const signal = call?.signal;
    try {
      signal?.throwIfAborted();
      this.#checkOpen();
      checkKey(key);
      return {
        kind: await raceAbort(this.#publisher.publish(join(this.#root, key), body), signal),
      };
    } catch (error) {
      if (signal?.aborted && error === signal.reason)
        return { kind: 'undecided', cause: abortedError('create', key, signal) };
      const cause = fileError(error, 'create', key);
      return { kind: cause.retryable ? 'undecided' : 'refused', cause };
    }
  }

  get(key: string, call?: GetCall): Promise<StoredObject | undefined> {
    return this.#run('get', key, call, async () => {
      checkGet(key, call);
      const file = await this.#open(key);
      if (!file) return undefined;
      try {
        const { size, mtimeMs } = await file.stat();
        const body = this.#memory.take(coveredBytes(call?.range, size));
        await readFully(file, body, call?.range?.start ?? 0);
        let given = false;
        const release = (): void => {
          if (!given) this.#memory.give(body);
          given = true;
        };
        return { body, size, lastModifiedMs: mtimeMs, release };
      } finally {
        await file.close();
      }
    });
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined> {
    return this.#run('head', key, call, async () => {
      checkKey(key);
      return await this.#info(key);
    });
  }

  list(prefix: string, call?: ListCall): Promise<ListPage> {
    return this.#run('list', prefix, call, async () => {
      const limit = checkList(prefix, call);
      await checkRoot(this.#root);
      const objects: ObjectInfo[] = [];
      let keys: string[] = [];
      const look = async (): Promise<void> => {
        const infos = await Promise.all(keys.map((key) => this.#info(key)));
        objects.push(...infos.filter((info) => info !== undefined)); // else: deleted while we looked
        keys = [];
      };
      for await (const key of walk(this.#root, prefix, call?.startAfter)) {
        if (objects.length + keys.length === limit) await look();
        if (objects.length === limit) return { objects, truncated: true };
        if (keys.push(key) === LOOKED_AT_ONCE) await look();
      }
      await look();
      return { objects, truncated: false };
    });
  }

  delete(key: string, call?: StoreCall): Promise<void> {
    return this.#run('delete', key, call, async () => {
      checkKey(key);
      const path = join(this.#root, key);
      try {
        if ((await lstat(path)).isDirectory()) return; // F4: no object
        await unlink(path);
      } catch (error) {
        if (!isAbsence(error)) throw error;
        await checkRoot(this.#root);
        return;
      }
      await syncDirectory(dirname(path));
    });
  }

  async versioning(): Promise<Versioning> {
    return 'off';
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError(this.url);
  }

  /** Runs a read or a delete with its signal (F3) and gives its failures their type. */
  async #run<T>(
    operation: string,
    key: string,
    call: StoreCall | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const signal = call?.signal;
    try {
      signal?.throwIfAborted();
      this.#checkOpen();
      return await raceAbort(work(), signal);
    } catch (error) {
      if (signal?.aborted && error === signal.reason) throw error;
      throw fileError(error, operation, key);
    }
  }

  async #open(key: string): Promise<FileHandle | undefined> {
    try {
      const file = await open(join(this.#root, key), 'r');
      if ((await file.stat()).isFile()) return file;
      await file.close(); // F4: a directory is no object
      return undefined;
    } catch (error) {
      if (!isAbsence(error)) throw error;
      await checkRoot(this.#root); // F2
      return undefined;
    }
  }

  async #info(key: string): Promise<ObjectInfo | undefined> {
    try {
      const found = await stat(join(this.#root, key));
      return found.isFile() ? { key, size: found.size, lastModifiedMs: found.mtimeMs } : undefined;
    } catch (error) {
      if (!isAbsence(error)) throw error;
      await checkRoot(this.#root); // F2
      return undefined;
    }
  }
}

function isAbsence(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Fills `into` from the file at `position`. @throws StoreError STORE_BAD_RESPONSE when the file ends early: objects never shrink. */
async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < into.length;) {
    const { bytesRead } = await file.read(into, at, into.length - at, position + at);
    if (bytesRead === 0)
      throw new StoreError(
        'STORE_BAD_RESPONSE',
        'The file became shorter while it was read; something other than Holdfast writes into the store.',
        { retryable: true },
      );
    at += bytesRead;
  }
}
