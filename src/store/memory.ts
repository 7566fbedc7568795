/**
 * An object store in this process: for tests, simulations and a first look. Nothing survives the process.
 *
 * M1  Every operation takes effect at once, in the order of the calls: check and publish are one synchronous step.
 * M2  Bytes are copied on the way in (slice() of a Buffer would not copy) and on the way out; nobody can change an object afterwards (S4 of types.ts).
 */
import { systemClock, type Clock } from '../base/index.ts';
import { checkGet, checkList, cut } from './arguments.ts';
import { copyOf, type Body } from './body.ts';
import { abortedError, closedError, StoreError } from './errors.ts';
import { checkKey, compareKeys } from './keys.ts';
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
} from './types.ts';

interface Entry {
  readonly body: Uint8Array;
  readonly createdMs: number;
}

export class MemoryStore implements ObjectStore {
  readonly url: string = 'memory:';
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** All keys in byte order. */
  readonly #keys: string[] = [];
  #closed = false;

  constructor(options: { readonly clock?: Clock | undefined } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  async create(key: string, body: Body, call?: StoreCall): Promise<CreateOutcome> {
    if (call?.signal?.aborted) return { kind: 'undecided', cause: abortedError('create', key, call.signal) };
    try {
      this.#check();
      checkKey(key);
    } catch (error) {
      if (error instanceof StoreError) return { kind: 'refused', cause: error };
      throw error;
    }
    if (this.#entries.has(key)) return { kind: 'exists' };
    this.#entries.set(key, { body: copyOf(body), createdMs: this.#clock.wallMs() });
    this.#keys.splice(this.#after(key), 0, key);
    return { kind: 'created' };
  }

  async get(key: string, call?: GetCall): Promise<StoredObject | undefined> {
    call?.signal?.throwIfAborted();
    this.#check();
    checkGet(key, call);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    return { body: cut(entry.body, call?.range), size: entry.body.length, lastModifiedMs: entry.createdMs };
  }

  async head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined> {
    call?.signal?.throwIfAborted();
    this.#check();
    checkKey(key);
    return this.#entries.has(key) ? this.#info(key) : undefined;
  }

  async list(prefix: string, call?: ListCall): Promise<ListPage> {
    call?.signal?.throwIfAborted();
    this.#check();
    const limit = checkList(prefix, call);
    const { startAfter } = call ?? {};
    const past = startAfter !== undefined && compareKeys(startAfter, prefix) >= 0;
    const from = past ? this.#after(startAfter) : this.#firstFrom(prefix);
    const found = this.#keys.slice(from, from + limit + 1).filter((key) => key.startsWith(prefix));
    return {
      objects: found.slice(0, limit).map((key) => this.#info(key)),
      truncated: found.length > limit,
    };
  }

  async delete(key: string, call?: StoreCall): Promise<void> {
    call?.signal?.throwIfAborted();
    this.#check();
    checkKey(key);
    if (this.#entries.delete(key)) this.#keys.splice(this.#firstFrom(key), 1);
  }

  async versioning(call?: StoreCall): Promise<Versioning> {
    call?.signal?.throwIfAborted();
    this.#check();
    return 'off';
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #check(): void {
    if (this.#closed) throw closedError(this.url);
  }

  #info(key: string): ObjectInfo {
    const entry = this.#entries.get(key)!;
    return { key, size: entry.body.length, lastModifiedMs: entry.createdMs };
  }

  /** Index of the first key at or above `bound`. */
  #firstFrom(bound: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#keys[middle]!, bound) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first key strictly above `bound`. */
  #after(bound: string): number {
    const at = this.#firstFrom(bound);
    return this.#keys[at] === bound ? at + 1 : at;
  }
}
