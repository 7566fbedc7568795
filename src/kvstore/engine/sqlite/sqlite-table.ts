/**
 * A table on the disk: the pairs of one generation in SQLite, under the writes that are not committed yet.
 *
 * Q1  Writes stay in memory until they are saved (saving.ts): `fresh` ones are collected, `saving` ones are on their way to the disk and count until all of
 *     them are there.
 * Q2  A view keeps the layers of its time; of what is overwritten on the disk later it keeps what was there (keepBefore). So it never changes.
 * Q3  What expires first is known without looking at all pairs: the next ones on the disk are kept at hand, in order, until the disk changes.
 */
import { bytesOf, keyOf } from '../../key.ts';
import { expiryKey, expiryOf } from '../memory-table.ts';
import { OrderedMap } from '../ordered-map.ts';
import { type Stored, type Table, type TableView } from '../table.ts';
import { type SqlDatabase, type SqlReader } from './database.ts';
import { entriesOf, findIn, GONE, storedOf, type Layer, type Written } from './layers.ts';
import { pairOnDisk, SELECT_EXPIRIES, type TableHead } from './schema.ts';

/** Expiries read from the disk at once. */
const DUE_ROWS = 256;

/** Writes, and the expiries among them. */
interface Writes {
  readonly pairs: OrderedMap<Written>;
  readonly expiries: OrderedMap<Written>;
}

export class SqliteTable implements Table {
  readonly gen: number;
  readonly #db: SqlDatabase;
  #size: number;
  #dataBytes: number;
  #fresh: Writes = noWrites();
  #saving: Writes | undefined;
  readonly #views = new Set<SqliteView>();
  /** Expiry keys on the disk, in order, that were read and are not known to be hidden (Q3). */
  #due: string[] = [];
  /** The last one read. */
  #dueReadTo: string | undefined;
  #allDueRead = false;

  constructor(db: SqlDatabase, { gen, size, dataBytes }: TableHead) {
    this.#db = db;
    this.gen = gen;
    this.#size = size;
    this.#dataBytes = dataBytes;
  }

  get size(): number {
    return this.#size;
  }

  get dataBytes(): number {
    return this.#dataBytes;
  }

  get head(): TableHead {
    return { gen: this.gen, size: this.#size, dataBytes: this.#dataBytes };
  }

  /** Somebody reads a point in time of it. */
  get isViewed(): boolean {
    return this.#views.size > 0;
  }

  get(key: string): Stored | undefined {
    const written = findIn(this.#layers(), key);
    return written ? storedOf(written) : this.#db.read((sql) => pairOnDisk(sql, this.gen, key));
  }

  entries(start = ''): Iterable<readonly [string, Stored]> {
    return entriesOf(this.#db, this.gen, () => this.#layers(), start);
  }

  write(key: string, after: Stored | undefined): Stored | undefined {
    const { pairs, expiries } = this.#fresh;
    const before = this.get(key);
    if (!before && !after) return undefined;
    if (before) {
      this.#size--;
      this.#dataBytes -= key.length + before.value.length;
      if (before.expiresAt !== 0) expiries.delete(expiryKey(key, before.expiresAt));
    }
    pairs.set(key, after ?? GONE);
    if (!after) return before;
    this.#size++;
    this.#dataBytes += key.length + after.value.length;
    if (after.expiresAt !== 0) expiries.set(expiryKey(key, after.expiresAt), after);
    return before;
  }

  expired(until: number, limit: number): readonly string[] {
    const saving = this.#saving;
    const found = firstUntil(this.#fresh.expiries, until, limit, () => true);
    if (saving)
      found.push(...firstUntil(saving.expiries, until, limit, (key) => !this.#fresh.pairs.get(key)));
    found.push(...this.#dueOnDisk(until, limit));
    found.sort();
    return found.slice(0, limit).map((text) => expiryOf(text).key);
  }

  view(): TableView {
    const layers = this.#layers().map((layer) => layer.view());
    const view = new SqliteView(this.#db, this.head, layers, (closed) => this.#views.delete(closed));
    this.#views.add(view);
    return view;
  }

  /** Takes the writes so far, to be saved (Q1). */
  beginSave(): Layer {
    this.#saving = this.#fresh;
    this.#fresh = noWrites();
    return this.#saving.pairs;
  }

  /** They are on the disk now. */
  endSave(): void {
    this.#saving = undefined;
    this.#due = [];
    this.#dueReadTo = undefined;
    this.#allDueRead = false;
  }

  /** To be called before a key is changed on the disk (Q2). */
  keepBefore(sql: SqlReader, key: string): void {
    let before: Written | undefined;
    for (const view of this.#views) {
      if (view.knows(key)) continue;
      before ??= pairOnDisk(sql, this.gen, key) ?? GONE;
      view.keep(key, before);
    }
  }

  /** Uppermost last. */
  #layers(): readonly OrderedMap<Written>[] {
    return this.#saving ? [this.#saving.pairs, this.#fresh.pairs] : [this.#fresh.pairs];
  }

  /** Expiry keys on the disk whose pairs no layer hides. */
  #dueOnDisk(until: number, limit: number): string[] {
    const layers = this.#layers();
    const hidden = (text: string): boolean => findIn(layers, expiryOf(text).key) !== undefined;
    let removed = 0; // what was found the last time, above all
    while (removed < this.#due.length && hidden(this.#due[removed]!)) removed++;
    this.#due.splice(0, removed);
    const found: string[] = [];
    for (let n = 0; found.length < limit; n++) {
      if (n === this.#due.length) this.#readDue();
      const text = this.#due[n];
      if (text === undefined || expiryOf(text).expiresAt > until) break;
      if (!hidden(text)) found.push(text);
    }
    return found;
  }

  #readDue(): void {
    if (this.#allDueRead) return;
    const { expiresAt, key } = expiryOf(this.#dueReadTo ?? expiryKey('', 0));
    const after = [this.gen, expiresAt, bytesOf(key), DUE_ROWS];
    const rows = this.#db.read((sql) => sql.all(SELECT_EXPIRIES, after));
    for (const row of rows) this.#due.push(expiryKey(keyOf(row['k'] as Uint8Array), Number(row['e'])));
    this.#dueReadTo = this.#due.at(-1) ?? this.#dueReadTo;
    this.#allDueRead = rows.length < DUE_ROWS;
  }
}

function noWrites(): Writes {
  return { pairs: new OrderedMap(), expiries: new OrderedMap() };
}

function firstUntil(
  expiries: OrderedMap<Written>,
  until: number,
  limit: number,
  counts: (key: string) => boolean,
): string[] {
  const found: string[] = [];
  if (expiries.size === 0) return found;
  for (const [text] of expiries.entries()) {
    const { expiresAt, key } = expiryOf(text);
    if (expiresAt > until || found.length >= limit) break;
    if (counts(key)) found.push(text);
  }
  return found;
}

/** Q2 */
class SqliteView implements TableView {
  readonly size: number;
  readonly #db: SqlDatabase;
  readonly #gen: number;
  /** What was on the disk and is not any more, under the layers of the view's time. */
  readonly #before: OrderedMap<Written> = new OrderedMap();
  readonly #layers: readonly Layer[];
  readonly #closed: (view: SqliteView) => void;

  constructor(
    db: SqlDatabase,
    { gen, size }: TableHead,
    layers: readonly Layer[],
    closed: (view: SqliteView) => void,
  ) {
    this.#db = db;
    this.#gen = gen;
    this.size = size;
    this.#layers = [this.#before, ...layers];
    this.#closed = closed;
  }

  entries(start = ''): Iterable<readonly [string, Stored]> {
    return entriesOf(this.#db, this.#gen, () => this.#layers, start);
  }

  close(): void {
    this.#closed(this);
  }

  knows(key: string): boolean {
    return findIn(this.#layers, key) !== undefined;
  }

  keep(key: string, before: Written): void {
    this.#before.set(key, before);
  }
}
