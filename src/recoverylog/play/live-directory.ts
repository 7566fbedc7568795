/**
 * The files of a log by path, wherever their bytes are at the moment: staged while the log is played, in place afterwards. What a
 * follower of the state looks through, from a standby's first byte to a primary's last.
 */
export interface DirectoryChange {
  readonly path: string;
  /** write: bytes were added or changed, and are in the file already. */
  readonly kind: 'write' | 'link' | 'unlink';
}

export interface LiveDirectory {
  /** Absolute local path of the file's bytes now; undefined when there is no such file. */
  resolve(path: string): string | undefined;
  /** Paths of all files. */
  paths(): readonly string[];
  /** Calls `listener` after each change; returns how to stop. */
  subscribe(listener: (change: DirectoryChange) => void): () => void;
}

/** The one implementation: the player tells it what it did, the recorder goes on. */
export class TrackedDirectory implements LiveDirectory {
  readonly #listeners = new Set<(change: DirectoryChange) => void>();
  #lookup: { resolve(path: string): string | undefined; paths(): readonly string[] };

  constructor(lookup: { resolve(path: string): string | undefined; paths(): readonly string[] }) {
    this.#lookup = lookup;
  }

  resolve(path: string): string | undefined {
    return this.#lookup.resolve(path);
  }

  paths(): readonly string[] {
    return this.#lookup.paths();
  }

  subscribe(listener: (change: DirectoryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether anybody listens. */
  get isFollowed(): boolean {
    return this.#listeners.size > 0;
  }

  /** From now on files are found this way. */
  switchTo(lookup: { resolve(path: string): string | undefined; paths(): readonly string[] }): void {
    this.#lookup = lookup;
  }

  notify(kind: DirectoryChange['kind'], paths: Iterable<string>): void {
    for (const path of paths) for (const listener of this.#listeners) listener({ path, kind });
  }
}
