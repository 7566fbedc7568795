/**
 * crash-disk: two names on a disk that loses power. What was not synced may be there afterwards or not, data and names each for itself.
 *
 * D1  After the n-th operation nothing happens any more: every later call fails.
 */
import type { StateFile } from '../file.ts';

interface Inode {
  data: Uint8Array;
  synced: Uint8Array;
}

/** What of the unsynced survives. */
export interface Survives {
  readonly data: boolean;
  readonly names: boolean;
}

export class CrashDisk {
  readonly #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  #operations = 0;
  readonly #limit: number;

  /** @param limit operations that still happen (D1) */
  constructor(limit: number = Infinity) {
    this.#limit = limit;
  }

  get operations(): number {
    return this.#operations;
  }

  create(name: string): StateFile {
    this.#operation();
    const inode: Inode = { data: new Uint8Array(0), synced: new Uint8Array(0) };
    this.#names.set(name, inode);
    return this.#handle(inode);
  }

  rename(from: string, to: string): void {
    this.#operation();
    this.#names.set(to, this.#names.get(from)!);
    this.#names.delete(from);
  }

  syncNames(): void {
    this.#operation();
    this.#syncedNames = new Map(this.#names);
  }

  /** The bytes under a name after the power came back. */
  found(name: string, { data, names }: Survives): Uint8Array | undefined {
    const inode = (names ? this.#names : this.#syncedNames).get(name);
    return inode && (data ? inode.data : inode.synced).slice();
  }

  #handle(inode: Inode): StateFile {
    return {
      size: () => inode.data.length,
      read: (offset, length) => Promise.resolve(inode.data.slice(offset, offset + length)),
      write: async (bytes, offset) => {
        await Promise.resolve();
        this.#operation();
        const grown = new Uint8Array(Math.max(inode.data.length, offset + bytes.length));
        grown.set(inode.data);
        grown.set(bytes, offset);
        inode.data = grown;
      },
      sync: async () => {
        await Promise.resolve();
        this.#operation();
        inode.synced = inode.data;
      },
    };
  }

  #operation(): void {
    if (this.#operations === this.#limit) throw new Error('no power');
    this.#operations++;
  }
}
