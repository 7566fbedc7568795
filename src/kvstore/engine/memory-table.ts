/**
 * A table in memory: an ordered map of the pairs, and one of the expiries.
 *
 * M1  Every pair that expires has its entry in the second map, and no other is there: what expires first is found without looking at the rest.
 */
import { OrderedMap, type OrderedView } from './ordered-map.ts';
import { SortedLoad } from './sorted-load.ts';
import { type Stored, type Table, type Tables, type TableView } from './table.ts';

/** Hexadecimal digits of a moment below 2^53, so that text order is the order of time. */
const MOMENT_DIGITS = 14;

/** The key of a pair's expiry: the moment, then the key. */
export function expiryKey(key: string, expiresAt: number): string {
  return expiresAt.toString(16).padStart(MOMENT_DIGITS, '0') + key;
}

/** The two parts of an expiry's key. */
export function expiryOf(text: string): { readonly expiresAt: number; readonly key: string } {
  return {
    expiresAt: Number.parseInt(text.slice(0, MOMENT_DIGITS), 16),
    key: text.slice(MOMENT_DIGITS),
  };
}

/** What a table is made of. */
interface Loaded {
  readonly pairs: OrderedMap<Stored>;
  readonly expiries: OrderedMap<Stored>;
  readonly dataBytes: number;
}

export class MemoryTable implements Table {
  readonly #pairs: OrderedMap<Stored>;
  readonly #expiries: OrderedMap<Stored>;
  #dataBytes: number;

  constructor(loaded?: Loaded) {
    this.#pairs = loaded?.pairs ?? new OrderedMap();
    this.#expiries = loaded?.expiries ?? new OrderedMap();
    this.#dataBytes = loaded?.dataBytes ?? 0;
  }

  get size(): number {
    return this.#pairs.size;
  }

  get dataBytes(): number {
    return this.#dataBytes;
  }

  get(key: string): Stored | undefined {
    return this.#pairs.get(key);
  }

  entries(start?: string): Iterable<readonly [string, Stored]> {
    return this.#pairs.entries(start);
  }

  write(key: string, after: Stored | undefined): Stored | undefined {
    const before = after ? this.#pairs.set(key, after) : this.#pairs.delete(key);
    if (before) {
      this.#dataBytes -= key.length + before.value.length;
      if (before.expiresAt !== 0) this.#expiries.delete(expiryKey(key, before.expiresAt));
    }
    if (after) {
      this.#dataBytes += key.length + after.value.length;
      if (after.expiresAt !== 0) this.#expiries.set(expiryKey(key, after.expiresAt), after);
    }
    return before;
  }

  expired(until: number, limit: number): readonly string[] {
    if (this.#expiries.size === 0) return NONE;
    const keys: string[] = [];
    for (const [text] of this.#expiries.entries()) {
      const { expiresAt, key } = expiryOf(text);
      if (expiresAt > until || keys.length >= limit) break;
      keys.push(key);
    }
    return keys;
  }

  view(): TableView {
    return new MemoryView(this.#pairs.view());
  }
}

const NONE: readonly string[] = [];

class MemoryView implements TableView {
  readonly #view: OrderedView<Stored>;

  constructor(view: OrderedView<Stored>) {
    this.#view = view;
  }

  get size(): number {
    return this.#view.size;
  }

  entries(start?: string): Iterable<readonly [string, Stored]> {
    return this.#view.entries(start);
  }

  /** The memory goes when nobody holds the view. */
  close(): void {
    return undefined;
  }
}

export class MemoryTables implements Tables {
  #current: MemoryTable;
  #staged: MemoryTable | undefined;

  constructor(current: MemoryTable = new MemoryTable(), staged?: MemoryTable) {
    this.#current = current;
    this.#staged = staged;
  }

  get current(): MemoryTable {
    return this.#current;
  }

  get staged(): MemoryTable | undefined {
    return this.#staged;
  }

  stage(): MemoryTable {
    this.#staged = new MemoryTable();
    return this.#staged;
  }

  promote(): void {
    this.#current = this.#staged ?? this.#current;
    this.#staged = undefined;
  }

  unstage(): void {
    this.#staged = undefined;
  }
}

/** Fills a table with pairs that come in ascending order, and never looks at one again. */
export class MemoryTableLoad {
  readonly #load: SortedLoad<Stored> = new SortedLoad();
  /** M1 */
  readonly #expiries: OrderedMap<Stored> = new OrderedMap();
  #dataBytes = 0;

  add(keys: readonly string[], stored: readonly Stored[]): void {
    for (let n = 0; n < keys.length; n++) {
      const key = keys[n]!;
      const pair = stored[n]!;
      this.#load.add(key, pair);
      this.#dataBytes += key.length + pair.value.length;
      if (pair.expiresAt !== 0) this.#expiries.set(expiryKey(key, pair.expiresAt), pair);
    }
  }

  finish(): MemoryTable {
    const pairs = this.#load.finish();
    return new MemoryTable({ pairs, expiries: this.#expiries, dataBytes: this.#dataBytes });
  }
}
