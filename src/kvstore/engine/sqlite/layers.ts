/**
 * Pairs of one generation on the disk under layers of writes that are not there yet.
 *
 * Y1  A layer hides what is under it, key by key; GONE hides a pair.
 * Y2  What is read goes by chunks: each is one look at the disk and at every layer, without anything between, and ends where the shortest of them ends.
 */
import { bytesOf, keyOf } from '../../key.ts';
import { type OrderedView } from '../ordered-map.ts';
import { type Stored } from '../table.ts';
import { type SqlDatabase } from './database.ts';
import { SELECT_CHUNK, storedIn } from './schema.ts';

/** Pairs of a chunk at most: a page of the usual size in two looks. */
const CHUNK_PAIRS = 64;

/** The mark of a pair that was removed. */
export const GONE = { gone: true } as const;
export type Written = Stored | typeof GONE;
export type Layer = OrderedView<Written>;

export function storedOf(written: Written): Stored | undefined {
  return 'gone' in written ? undefined : written;
}

/** What the layers, uppermost last, say of a key; undefined: nothing, ask the disk. */
export function findIn(layers: readonly Layer[], key: string): Written | undefined {
  for (let n = layers.length - 1; n >= 0; n--) {
    const written = layers[n]!.get(key);
    if (written) return written;
  }
  return undefined;
}

/** Entries from `start` on, ascending; `layersNow` gives the layers as they are at each chunk, uppermost last. */
export function* entriesOf(
  db: SqlDatabase,
  gen: number,
  layersNow: () => readonly Layer[],
  start: string,
): Generator<readonly [string, Stored]> {
  for (let from: string | undefined = start; from !== undefined;) {
    const chunk = chunkOf(db, gen, layersNow(), from);
    yield* chunk.entries;
    from = chunk.next;
  }
}

interface Chunk {
  readonly entries: Iterable<readonly [string, Stored]>;
  /** Where the next chunk begins; undefined: this was the last one. */
  readonly next: string | undefined;
}

/** Y2 */
function chunkOf(db: SqlDatabase, gen: number, layers: readonly Layer[], start: string): Chunk {
  const rows = db
    .read((sql) => sql.all(SELECT_CHUNK, [gen, bytesOf(start), CHUNK_PAIRS]))
    .map((row): readonly [string, Written] => [keyOf(row['k'] as Uint8Array), storedIn(row)]);
  const parts = [rows, ...layers.map((layer) => firstOf(layer, start))];
  const ends = parts.filter(({ length }) => length === CHUNK_PAIRS).map((part) => part.at(-1)![0]);
  const end = ends.length === 0 ? undefined : ends.reduce((a, b) => (b < a ? b : a));
  const found = new Map<string, Written>(parts.flat()); // Y1: the last of equal keys stands
  const keys = [...found.keys()].filter((key) => end === undefined || key <= end);
  keys.sort(ascending); // of one part or of several: nearly sorted
  const entries: (readonly [string, Stored])[] = [];
  for (const key of keys) {
    const stored = storedOf(found.get(key)!);
    if (stored) entries.push([key, stored]);
  }
  return { entries, next: end === undefined ? undefined : `${end}\0` };
}

function ascending(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function firstOf(layer: Layer, start: string): (readonly [string, Written])[] {
  const entries: (readonly [string, Written])[] = [];
  for (const entry of layer.entries(start)) {
    entries.push(entry);
    if (entries.length === CHUNK_PAIRS) break;
  }
  return entries;
}
