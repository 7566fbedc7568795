/**
 * Files and directories as a disk has them: what is read, and beside it what would be left if the power were cut now.
 *
 * N1  A sync makes durable what was there when it was asked for: of a file its bytes, of a directory its names. Neither does it for the other.
 * N2  What was not synced is kept as single changes, in their order, so that any part of it can survive: of data each sector by itself. The two names
 *     of a rename are one change: where both of its directories are of one sync, it happened or it did not.
 */

/** A disk writes whole ones, bytes. */
const SECTOR_BYTES = 512;

/** Says of one thing that was not synced whether it survives. */
export type Dice = () => boolean;

type DataChange =
  | { readonly kind: 'write'; readonly at: number; readonly data: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** The bytes of a file; what was never written reads as zeros. */
class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  apply(change: DataChange): void {
    if (change.kind === 'truncate') {
      this.#bytes.fill(0, change.size);
      this.#reserve(change.size);
      this.size = change.size;
      return;
    }
    const end = change.at + change.data.length;
    this.#reserve(end);
    this.#bytes.set(change.data, change.at);
    this.size = Math.max(this.size, end);
  }

  read(from: number, length: number): Uint8Array {
    return this.#bytes.slice(from, Math.min(from + length, this.size));
  }

  copy(): Content {
    const copy = new Content();
    copy.apply({ kind: 'write', at: 0, data: this.read(0, this.size) });
    return copy;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const more = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
    more.set(this.#bytes);
    this.#bytes = more;
  }
}

export class FileInode {
  readonly kind = 'file';
  #now = new Content();
  #durable = new Content();
  #unsynced: DataChange[] = [];

  get size(): number {
    return this.#now.size;
  }

  read(from: number, length: number): Uint8Array {
    return this.#now.read(from, length);
  }

  write(data: Uint8Array, at: number): void {
    this.#change({ kind: 'write', at, data: data.slice() });
  }

  truncate(size: number): void {
    this.#change({ kind: 'truncate', size });
  }

  #change(change: DataChange): void {
    this.#now.apply(change);
    this.#unsynced.push(change);
  }

  /** N1 */
  sync(): void {
    for (const change of this.#unsynced) this.#durable.apply(change);
    this.#unsynced = [];
  }

  /** N2 */
  losePower(survives: Dice): void {
    for (const change of this.#unsynced) {
      const parts = change.kind === 'write' ? sectorsOf(change) : [change];
      for (const part of parts) if (survives()) this.#durable.apply(part);
    }
    this.#unsynced = [];
    this.#now = this.#durable.copy();
  }
}

function sectorsOf({ at, data }: { readonly at: number; readonly data: Uint8Array }): DataChange[] {
  const parts: DataChange[] = [];
  for (let from = 0; from < data.length;) {
    const to = Math.min(data.length, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
    parts.push({ kind: 'write', at: at + from, data: data.subarray(from, to) });
    from = to;
  }
  return parts;
}

export type Inode = FileInode | Directory;

/** A change of names that survives or does not (N2). */
export interface NameChange {
  survived: boolean | undefined;
}

export class Directory {
  readonly kind = 'directory';
  #now = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  #unsynced: { readonly name: string; readonly inode: Inode | undefined; readonly change: NameChange }[] = [];

  get names(): string[] {
    return [...this.#now.keys()].sort();
  }

  get(name: string): Inode | undefined {
    return this.#now.get(name);
  }

  /** Gives a name, or takes it away. */
  set(name: string, inode: Inode | undefined, change: NameChange = { survived: undefined }): void {
    put(this.#now, name, inode);
    this.#unsynced.push({ name, inode, change });
  }

  /** N1 */
  sync(): void {
    for (const { name, inode } of this.#unsynced) put(this.#durable, name, inode);
    this.#unsynced = [];
  }

  /** N2; `done`: inodes that have been through it, since a file may have several names. */
  losePower(survives: Dice, done: Set<Inode> = new Set()): void {
    for (const { name, inode, change } of this.#unsynced) {
      change.survived ??= survives();
      if (change.survived) put(this.#durable, name, inode);
    }
    this.#unsynced = [];
    this.#now = new Map(this.#durable);
    for (const inode of this.#now.values()) {
      if (done.has(inode)) continue;
      done.add(inode);
      inode.losePower(survives, done);
    }
  }
}

function put(names: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode) names.set(name, inode);
  else names.delete(name);
}
