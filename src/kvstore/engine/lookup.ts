/**
 * Answers from a state. A key that has expired is not there (types.ts I3), whether it was removed already or not.
 */
import { equalBytes, unreachable } from '../../base/index.ts';
import { type Pair } from '../command.ts';
import { KvError } from '../errors.ts';
import { bytesOf, keyOf } from '../key.ts';
import { MAX_MULTI_GET_BYTES, MAX_PAGE_BYTES } from '../limits.ts';
import { snapshotChunks } from './snapshot.ts';
import { pairOf, type KvState } from './state.ts';
import { isLive, type Stored, type Table, type TableView } from './table.ts';
import {
  type Answer,
  type EngineStats,
  type IterateOptions,
  type Iteration,
  type Page,
  type PageQuery,
  type Query,
  type SnapshotStream,
} from './types.ts';

/** Bounds of an iteration, as key strings. */
interface Range {
  readonly prefix: string;
  readonly start: string;
}

/**
 * @param wallMs the reader's clock; a time before that of the latest command counts as the latter
 * @throws KvError INVALID_QUERY, GapError, AheadError, DivergedError
 */
export function lookup(state: KvState, engine: EngineStats['engine'], query: Query, wallMs: number): Answer {
  const table = state.tables.current;
  const at = Math.max(state.attributes.now, wallMs);
  const find = (key: Uint8Array): Stored | undefined => {
    const stored = table.get(keyOf(key));
    return stored && isLive(stored, at) ? stored : undefined;
  };
  switch (query.kind) {
    case 'get':
      return query.keys.map((key) => {
        const stored = find(key);
        return stored && bytesOf(stored.value);
      });
    case 'pairs':
      return pairsOf(query.keys, find);
    case 'page':
      return pageOf(table, query.page, at);
    case 'iterate':
      return new PairIteration(table.view(), rangeOf(query.options), at);
    case 'snapshot':
      return streamOf(state);
    case 'changes':
      return state.changes.load(query.from, query.max, query.history);
    case 'stats':
      return statsOf(state, engine);
    default:
      return unreachable(query);
  }
}

/** Pairs position by position, as far as their values have MAX_MULTI_GET_BYTES together; one value in any case. */
function pairsOf(
  keys: readonly Uint8Array[],
  find: (key: Uint8Array) => Stored | undefined,
): readonly (Pair | undefined)[] {
  const pairs: (Pair | undefined)[] = [];
  let bytes = 0;
  for (const key of keys) {
    const stored = find(key);
    const length = stored?.value.length ?? 0;
    if (bytes > 0 && bytes + length > MAX_MULTI_GET_BYTES) break;
    bytes += length;
    pairs.push(stored && pairOf(keyOf(key), stored));
  }
  return pairs;
}

/** Pairs in ascending order of bytes; ends at `limit` pairs or MAX_PAGE_BYTES, whichever comes first, but never without progress. */
function pageOf(table: Table, { prefix, start, limit }: PageQuery, at: number): Page {
  const range = rangeOf(start ? { prefix, start } : { prefix });
  const pairs: Pair[] = [];
  let bytes = 0;
  for (const [key, stored] of within(table.entries(range.start), range, at)) {
    bytes += key.length + stored.value.length;
    if (pairs.length >= limit || (pairs.length > 0 && bytes > MAX_PAGE_BYTES))
      return { pairs, next: bytesOf(key) };
    pairs.push(pairOf(key, stored));
  }
  return { pairs, next: undefined };
}

/** @throws KvError INVALID_QUERY */
function rangeOf({ prefix, start }: IterateOptions): Range {
  if (prefix && start && !equalBytes(start.subarray(0, prefix.length), prefix))
    throw new KvError('INVALID_QUERY', 'start does not begin with the prefix.');
  const from = prefix ? keyOf(prefix) : '';
  return { prefix: from, start: start ? keyOf(start) : from };
}

/** Those of `entries`, which begin at the range's start, that belong to it and are there. */
function* within(
  entries: Iterable<readonly [string, Stored]>,
  { prefix }: Range,
  at: number,
): Generator<readonly [string, Stored]> {
  for (const entry of entries) {
    if (!entry[0].startsWith(prefix)) return;
    if (isLive(entry[1], at)) yield entry;
  }
}

class PairIteration implements Iteration {
  readonly #view: TableView;
  readonly #range: Range;
  readonly #at: number;
  #closed = false;

  constructor(view: TableView, range: Range, at: number) {
    this.#view = view;
    this.#range = range;
    this.#at = at;
  }

  *[Symbol.iterator](): Generator<Pair> {
    try {
      for (const [key, stored] of within(this.#view.entries(this.#range.start), this.#range, this.#at)) {
        if (this.#closed) return;
        yield pairOf(key, stored);
      }
    } finally {
      this.close();
    }
  }

  async forEach(handler: (pair: Pair) => void | Promise<void>): Promise<void> {
    for (const pair of this) await handler(pair);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#view.close();
  }
}

function streamOf(state: KvState): SnapshotStream {
  const view = state.tables.current.view();
  const attributes = { ...state.attributes, replacement: undefined };
  return {
    changeNumber: attributes.change,
    pairs: view.size,
    chunks: toTheEnd(snapshotChunks(attributes, view, undefined), view),
    close: () => view.close(),
  };
}

async function* toTheEnd(chunks: Iterable<Uint8Array>, view: TableView): AsyncGenerator<Uint8Array> {
  try {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  } finally {
    view.close();
  }
}

function statsOf({ tables, attributes, changes }: KvState, engine: EngineStats['engine']): EngineStats {
  return {
    engine,
    keys: tables.current.size,
    dataBytes: tables.current.dataBytes,
    changeNumber: attributes.change,
    history: changes.history,
    now: attributes.now,
    oldestChange: changes.oldest,
    replacing: attributes.replacement !== undefined,
  };
}
