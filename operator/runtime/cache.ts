/**
 * One collection of objects as last seen, with its indexes. A reflector writes it; everybody else reads.
 *
 * C1  What it hands out is deeply frozen and trimmed (no managedFields): no reader can change what another reads.
 * C2  An object that comes back under the same name with another UID is a deletion and an addition, never an update.
 * C3  An object missing from a full list is reported deleted, marked as found missing: its last states were not seen.
 * C4  Handlers are told of a change after the cache holds it. A handler that throws is counted and logged and hurts nobody else.
 * C5  `resourceVersion` never runs ahead of the content: whoever sees it reached sees everything up to it.
 */
import { ensureError, raceAbort, type Clock, type Logger, type Metrics } from '../../src/base/index.ts';
import { runtimeMetrics, type RuntimeMetrics } from './metrics.ts';
import { objectKey, type KubeObject, type WatchNews } from './ports.ts';

export type Change<T> =
  | { readonly kind: 'added'; readonly key: string; readonly object: T }
  | { readonly kind: 'updated'; readonly key: string; readonly old: T; readonly object: T }
  /** `foundMissing`: learnt from a full list; `old` is then the last state seen, not the last there was (C3). */
  | { readonly kind: 'deleted'; readonly key: string; readonly old: T; readonly foundMissing: boolean };

export type ChangeHandler<T> = (change: Change<T>) => void;

/** Index values of one object; the object is found under each of them. */
export type IndexFunction<T> = (object: T) => readonly string[];

export interface CacheOptions<T> {
  /** Plural of the kind, for logs and metrics. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>> | undefined;
}

/** Deletions remembered by UID, so that absence can be told from not-yet-seen; more than a burst of pods of a large drain. */
const TOMBSTONES = 4096;

export class ObjectCache<T extends KubeObject> {
  readonly name: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: RuntimeMetrics | undefined;
  readonly #indexers: Readonly<Record<string, IndexFunction<T>>>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #tombstones = new Set<string>();
  readonly #synced: PromiseWithResolvers<void> = Promise.withResolvers();
  #hasSynced = false;
  #resourceVersion = '';
  #newsAtMs: number | undefined;

  constructor(options: CacheOptions<T>) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#log = options.log.child({ cache: options.name });
    this.#metrics = options.metrics && runtimeMetrics(options.metrics);
    this.#indexers = options.indexes ?? {};
    for (const index of Object.keys(this.#indexers)) this.#indexes.set(index, new Map());
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Objects whose index function named `value`, in no particular order. @throws RangeError for an index that was not declared. */
  byIndex(index: string, value: string): readonly T[] {
    const values = this.#indexes.get(index);
    if (!values) throw new RangeError(`the cache of ${this.name} has no index ${index}`);
    return [...(values.get(value) ?? [])].map((key) => this.#objects.get(key)!);
  }

  /** True once the first full list is in. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves once the first full list is in; rejects with the signal's reason. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    await raceAbort(this.#synced.promise, signal);
  }

  /** Version of the collection up to which everything is in the cache (C5); empty before the first list. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Time since the API server last said anything about this collection, ms; Infinity before the first list. */
  newsAgeMs(): number {
    return this.#newsAtMs === undefined ? Infinity : this.#clock.monotonicMs() - this.#newsAtMs;
  }

  /** True when the deletion of this very object was seen (bounded memory: false does not mean that it exists). */
  sawDeleted(uid: string): boolean {
    return this.#tombstones.has(uid);
  }

  /** Calls `handler` for every later change and, at once, an addition for every object already there. Handlers only enqueue keys. */
  subscribe(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const [key, object] of this.#objects) this.#tell(handler, { kind: 'added', key, object });
    return () => this.#handlers.delete(handler);
  }

  /** Reflector only: the content is exactly `items`, at `resourceVersion` (C2, C3). */
  replace(items: readonly T[], resourceVersion: string): void {
    const changes: Change<T>[] = [];
    const listed = new Set<string>();
    for (const item of items) {
      listed.add(objectKey(item));
      this.#put(item, changes);
    }
    for (const [key, old] of this.#objects) if (!listed.has(key)) this.#remove(key, old, true, changes);
    this.#news(resourceVersion, changes);
    if (!this.#hasSynced) {
      this.#hasSynced = true;
      this.#synced.resolve();
    }
  }

  /** Reflector only: one watch event. */
  apply(news: WatchNews<T>): void {
    const changes: Change<T>[] = [];
    if (news.kind === 'bookmark') {
      this.#news(news.resourceVersion, changes);
      return;
    }
    if (news.kind === 'deleted') {
      const key = objectKey(news.object);
      const old = this.#objects.get(key);
      if (old?.metadata.uid === news.object.metadata.uid) {
        this.#put(news.object, []); // the last state, with its deletion timestamp, is what handlers get to see
        this.#remove(key, this.#objects.get(key)!, false, changes);
      }
    } else {
      this.#put(news.object, changes);
    }
    this.#news(news.object.metadata.resourceVersion, changes);
  }

  #put(incoming: T, changes: Change<T>[]): void {
    const key = objectKey(incoming);
    const old = this.#objects.get(key);
    if (old && old.metadata.uid !== incoming.metadata.uid) this.#remove(key, old, true, changes); // C2
    else if (old && old.metadata.resourceVersion === incoming.metadata.resourceVersion) return;
    const object = freeze(trim(incoming)); // C1
    const previous = this.#objects.get(key);
    if (previous) this.#unindex(key, previous);
    this.#objects.set(key, object);
    this.#index(key, object);
    changes.push(previous ? { kind: 'updated', key, old: previous, object } : { kind: 'added', key, object });
  }

  #remove(key: string, old: T, foundMissing: boolean, changes: Change<T>[]): void {
    this.#unindex(key, old);
    this.#objects.delete(key);
    this.#tombstones.add(old.metadata.uid);
    if (this.#tombstones.size > TOMBSTONES) {
      for (const oldest of this.#tombstones) {
        this.#tombstones.delete(oldest);
        break;
      }
    }
    changes.push({ kind: 'deleted', key, old, foundMissing });
  }

  #news(resourceVersion: string, changes: readonly Change<T>[]): void {
    this.#resourceVersion = resourceVersion; // C5: after the content, before anybody is told
    this.#newsAtMs = this.#clock.monotonicMs();
    this.#metrics?.lastNews.set(this.#clock.wallMs() / 1000, { cache: this.name });
    this.#metrics?.cachedObjects.set(this.#objects.size, { cache: this.name });
    for (const change of changes) for (const handler of this.#handlers) this.#tell(handler, change);
  }

  #tell(handler: ChangeHandler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (thrown) {
      this.#metrics?.handlerFailures.add(1, { cache: this.name }); // C4
      this.#log.error('cache handler failed', {
        key: change.key,
        change: change.kind,
        error: ensureError(thrown),
      });
    }
  }

  #index(key: string, object: T): void {
    for (const [index, values] of this.#indexes) {
      for (const value of this.#indexers[index]!(object)) {
        const keys = values.get(value) ?? new Set();
        values.set(value, keys.add(key));
      }
    }
  }

  #unindex(key: string, object: T): void {
    for (const [index, values] of this.#indexes) {
      for (const value of this.#indexers[index]!(object)) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
    }
  }
}

/** Drops managedFields: often larger than the object and of no use to a controller. */
function trim<T extends KubeObject>(object: T): T {
  if (!('managedFields' in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { managedFields: unknown };
  return { ...object, metadata };
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
  return value;
}
