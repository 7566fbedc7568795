/**
 * Path to live file.
 *
 * N1  A name that is gone keeps its place, as file 0, until half of the table is such. A Map of the runtime leaves what was deleted in the chain of its bucket
 *     until it is rebuilt, so that a name that comes and goes (a journal file, a file that is written before it is renamed) makes each look-up
 *     walk over all its former selves: half of the time of playing a log of renames.
 * N2  Whoever looks sees live names only, also through a view that it got before.
 */

/** No file's identity: those begin with 1. */
const GONE = 0;
/** So many places are worth no work. */
const FEW = 64;

export class Names implements ReadonlyMap<string, number> {
  readonly #files = new Map<string, number>();
  #gone = 0;

  get size(): number {
    return this.#files.size - this.#gone;
  }

  get(path: string): number | undefined {
    const fnode = this.#files.get(path);
    return fnode === GONE ? undefined : fnode;
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  /** Gives a file a name that nothing has; false when something has it. */
  add(path: string, fnode: number): boolean {
    const held = this.#files.get(path);
    if (held !== undefined && held !== GONE) return false;
    if (held === GONE) this.#gone--;
    this.#files.set(path, fnode);
    return true;
  }

  /** Takes away a name that there is. */
  remove(path: string): void {
    this.#files.set(path, GONE);
    this.#gone++;
    if (this.#gone > FEW && this.#gone * 2 > this.#files.size) this.#clean();
  }

  keys(): MapIterator<string> {
    return this.#clean().keys();
  }

  values(): MapIterator<number> {
    return this.#clean().values();
  }

  entries(): MapIterator<[string, number]> {
    return this.#clean().entries();
  }

  [Symbol.iterator](): MapIterator<[string, number]> {
    return this.entries();
  }

  forEach(visit: (fnode: number, path: string, names: ReadonlyMap<string, number>) => void): void {
    for (const [path, fnode] of this) visit(fnode, path, this);
  }

  #clean(): Map<string, number> {
    if (this.#gone > 0) for (const [path, fnode] of this.#files) if (fnode === GONE) this.#files.delete(path);
    this.#gone = 0;
    return this.#files;
  }
}
