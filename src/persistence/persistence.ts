/**
 * persistence: the four-method port and the closure form, over the revision primitive.
 *
 * P1  A handle shows what was there when it was made, and commits against exactly that.
 * P2  The closure may run several times, so it must have no effect beyond its result; what is done outside with the result comes after updateState.
 */
import { backoffMs, type BackoffPolicy, type Clock, type Random } from '../base/index.ts';
import { ConflictError, UsageError } from './errors.ts';
import type { LogStatePersistence, ReadOps, RevisionStore, WriteOps } from './types.ts';

/** The port over any backend. */
export function logStatePersistence(store: RevisionStore): LogStatePersistence {
  return {
    init: (signal) => store.init(signal),
    logs: (signal) => store.list(signal),
    readOps: async (id, signal) => {
      const stored = await store.read(id, signal);
      return { getLatest: () => stored?.value.slice() };
    },
    writeOps: async (id, signal) => {
      const stored = await store.read(id, signal);
      return new WriteHandle(store, id, stored?.revision, { getLatest: () => stored?.value.slice() });
    },
  };
}

class WriteHandle implements WriteOps {
  readonly #store: RevisionStore;
  readonly #id: string;
  readonly #revision: number | undefined;
  readonly #read: ReadOps;
  #state: 'open' | 'set' | 'closed' = 'open';

  constructor(store: RevisionStore, id: string, revision: number | undefined, read: ReadOps) {
    this.#store = store;
    this.#id = id;
    this.#revision = revision;
    this.#read = read;
  }

  getLatest(): Uint8Array | undefined {
    if (this.#state !== 'open')
      throw new UsageError(`it was read after ${this.#state === 'set' ? 'set' : 'close'}`);
    return this.#read.getLatest();
  }

  async set(value: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (this.#state === 'closed') throw new UsageError('it was set after close');
    if (this.#state === 'set') throw new UsageError('it was set twice');
    this.#state = 'set';
    await this.#store.compareAndSet(this.#id, this.#revision, value, signal);
  }

  close(): void {
    this.#state = 'closed';
  }
}

/** Between attempts that lost against another writer; jitter, so that the losers do not meet again. */
const RETRY: BackoffPolicy = { firstMs: 10, factor: 2, capMs: 1000, jitter: 1 };
/** Lost attempts before the conflict is given to the caller: with jitter, thirty writers at once get through. */
const MAX_ATTEMPTS = 40;

export interface UpdateOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Changes a value by a function of the present one; tries again when another writer was faster (P2).
 * @param change gets undefined when nothing is stored; returns undefined to leave things as they are
 * @returns what is stored afterwards
 * @throws what `change` throws, with nothing changed; ConflictError after MAX_ATTEMPTS; the backend's errors
 */
export async function updateState(
  store: RevisionStore,
  id: string,
  change: (current: Uint8Array | undefined) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
  { clock, random, signal }: UpdateOptions,
): Promise<Uint8Array | undefined> {
  for (let attempt = 1; ; attempt++) {
    const stored = await store.read(id, signal);
    const next = await change(stored?.value.slice());
    if (next === undefined) return stored?.value.slice();
    try {
      await store.compareAndSet(id, stored?.revision, next, signal);
      return next.slice();
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === MAX_ATTEMPTS) throw error;
    }
    await clock.sleep(backoffMs(RETRY, attempt - 1, random), signal);
  }
}
