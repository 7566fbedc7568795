/**
 * The object store as an adversary, for the simulation: every answer is legal for a strongly consistent store behind a bad network.
 *
 * Requests and answers are delayed, lost and duplicated; a request may take effect long after its caller gave up; the store says 409, 429 or
 * 503 at will; each client (a process) can be paused with everything it has in flight. What it never does: lie about a condition, lose an
 * object, or answer from the past; a store that does is for the probe to find.
 */
import type { Clock, Timer } from '../../src/base/index.ts';
import type { SeededRandom } from '../../src/base/testing/index.ts';
import {
  copyOf,
  StoreError,
  type Body,
  type CreateOutcome,
  type GetCall,
  type ListCall,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type StoreCall,
  type StoredObject,
} from '../../src/store/index.ts';

export interface Malice {
  /** Probability that a request is lost before it reaches the store. */
  readonly loseRequest: number;
  /** Probability that an answer is lost although the store acted. */
  readonly loseAnswer: number;
  /** Probability that a request is delivered a second time, later. */
  readonly duplicate: number;
  /** Probability of 409, 429 or 503 without any effect. */
  readonly refuseForNow: number;
  /** Probability that a request or an answer takes seconds instead of milliseconds. */
  readonly crawl: number;
}

export const CALM: Malice = { loseRequest: 0, loseAnswer: 0, duplicate: 0, refuseForNow: 0, crawl: 0 };

/** What a world has to live with: up to one of the `levels` of everything, and of crawling up to that share of it. */
export function pickMalice(
  random: SeededRandom,
  { levels, crawling }: { readonly levels: readonly number[]; readonly crawling: number },
): Malice {
  const level = random.pick(levels);
  return {
    loseRequest: level * random.unit(),
    loseAnswer: level * random.unit(),
    duplicate: level * random.unit(),
    refuseForNow: level * random.unit(),
    crawl: level * crawling * random.unit(),
  };
}

const TIMEOUT_MS = 10_000;
const REFUSALS = ['STORE_THROTTLED', 'STORE_CONFLICT', 'STORE_SERVER_ERROR'] as const;
type Failure = (typeof REFUSALS)[number] | 'STORE_UNREACHABLE';
/** Keys of one page of a LIST. */
const MAX_KEYS = 1000;
/** Slots, and their kinds in the format (s3log.md §6.2). */
const SLOT_KEY = /\/log\/[0-9a-f]{16}$/;
const KIND_AT = 5;
const FENCE = 2;
const FILLER = 3;

/** The objects, shared by all clients. */
export class SharedObjects {
  /** Requests that had their effect. */
  requests = 0;
  /** The first breach of X12. */
  violation: Error | undefined;
  readonly #map = new Map<string, Uint8Array>();
  /** Keys that were deleted once: what a stale opener puts there afterwards opens nothing (hazard H6), and a late DELETE may remove it. */
  readonly #reclaimed = new Set<string>();
  /** Its keys in order, until one comes or goes. */
  #keys: string[] | undefined;

  get(key: string): Uint8Array | undefined {
    return this.#map.get(key);
  }

  /** False when the key exists. */
  create(key: string, body: Uint8Array): boolean {
    if (this.#map.has(key)) return false;
    this.#map.set(key, body);
    this.#keys = undefined;
    return true;
  }

  delete(key: string): void {
    const kind = SLOT_KEY.test(key) ? this.#map.get(key)?.[KIND_AT] : undefined;
    if ((kind === FENCE || kind === FILLER) && !this.#reclaimed.has(key))
      this.violation ??= new Error(`X12: ${key} was deleted, which is a FENCE or FILLER`);
    this.#reclaimed.add(key);
    if (this.#map.delete(key)) this.#keys = undefined;
  }

  /** Keys with this prefix, after that key, in order. */
  *keys(prefix: string, startAfter = ''): Generator<string> {
    const keys = (this.#keys ??= [...this.#map.keys()].sort());
    const from = startAfter >= prefix ? startAfter : prefix;
    let low = 0;
    for (let high = keys.length; low < high;) {
      const middle = (low + high) >> 1;
      if (keys[middle]! < from) low = middle + 1;
      else high = middle;
    }
    if (keys[low] === startAfter) low++;
    for (; low < keys.length; low++) {
      if (!keys[low]!.startsWith(prefix)) return;
      yield keys[low]!;
    }
  }
}

export type Requests = Record<'create' | 'get' | 'list' | 'delete', number>;

/** One process's connection to the store. */
export class AdversaryStore implements ObjectStore {
  readonly url = 'memory:adversary';
  /** Requests of this client; a HEAD counts as a GET. */
  readonly sent: Requests = { create: 0, get: 0, list: 0, delete: 0 };
  readonly #objects: SharedObjects;
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #malice: Malice;
  #pausedUntilMs = 0;

  constructor(objects: SharedObjects, clock: Clock, random: SeededRandom, malice: Malice) {
    this.#objects = objects;
    this.#clock = clock;
    this.#random = random;
    this.#malice = malice;
  }

  /** The process stands still: answers reach it only afterwards, while what it sent goes its way. */
  pause(ms: number): void {
    this.#pausedUntilMs = this.#clock.monotonicMs() + ms;
  }

  async create(key: string, body: Body, call: StoreCall = {}): Promise<CreateOutcome> {
    this.sent.create++;
    const frozen = copyOf(body);
    const effect = (): CreateOutcome =>
      this.#objects.create(key, frozen) ? { kind: 'created' } : { kind: 'exists' };
    try {
      return await this.request(effect, call);
    } catch (cause) {
      const error =
        cause instanceof StoreError
          ? cause
          : new StoreError('STORE_ABORTED', 'aborted', { retryable: true, cause });
      return { kind: 'undecided', cause: error };
    }
  }

  async get(key: string, call: GetCall = {}): Promise<StoredObject | undefined> {
    this.sent.get++;
    return await this.request(() => {
      const body = this.#objects.get(key);
      if (!body) return undefined;
      const { start, end } = call.range ?? { start: 0, end: body.length };
      return { body: body.slice(start, end), size: body.length, lastModifiedMs: undefined };
    }, call);
  }

  async head(key: string, call: StoreCall = {}): Promise<ObjectInfo | undefined> {
    const found = await this.get(key, call);
    return found && { key, size: found.size, lastModifiedMs: undefined };
  }

  async list(prefix: string, call: ListCall = {}): Promise<ListPage> {
    this.sent.list++;
    return await this.request(() => {
      const limit = call.limit ?? MAX_KEYS;
      const objects: ObjectInfo[] = [];
      for (const key of this.#objects.keys(prefix, call.startAfter)) {
        if (objects.length === limit) return { objects, truncated: true };
        objects.push({ key, size: this.#objects.get(key)!.length, lastModifiedMs: undefined });
      }
      return { objects, truncated: false };
    }, call);
  }

  async delete(key: string, call: StoreCall = {}): Promise<void> {
    this.sent.delete++;
    await this.request(() => this.#objects.delete(key), call);
  }

  async close(): Promise<void> {
    // nothing is held open
  }

  /** One request over the bad network, whatever its effect. Rejects with a retryable StoreError, or with the signal's reason. */
  request<T>(effect: () => T, call: StoreCall = {}): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { signal } = call;
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return promise;
    }
    const onAbort = (): void => told(() => reject(signal?.reason as Error));
    signal?.addEventListener('abort', onAbort, { once: true });
    const told = (act: () => void): void => {
      timeout?.cancel();
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (code: Failure): void =>
      told(() => reject(new StoreError(code, 'the adversary says so', { retryable: true })));
    const sentMs = this.#clock.monotonicMs();
    let timeout: Timer | undefined;
    /** The client hears nothing within its patience, unless it is told something before, which will be at `answerMs`. */
    const limit = (answerMs: number): void => {
      if (timeout || answerMs - sentMs < TIMEOUT_MS) return;
      const leftMs = TIMEOUT_MS - (this.#clock.monotonicMs() - sentMs);
      timeout = this.#clock.timer(leftMs, () => fail('STORE_UNREACHABLE'));
    };
    const { loseRequest, loseAnswer, duplicate, refuseForNow } = this.#malice;
    const random = this.#random;
    const arrive = (): void => {
      if (random.chance(refuseForNow)) {
        const code = random.pick(REFUSALS);
        limit(this.#answer(() => fail(code)));
        return;
      }
      this.#objects.requests++;
      const result = effect();
      if (random.chance(duplicate)) this.#later(() => void effect());
      if (!random.chance(loseAnswer)) limit(this.#answer(() => told(() => resolve(result))));
      else if (random.chance(0.5)) limit(this.#answer(() => fail('STORE_UNREACHABLE')));
      else limit(Number.POSITIVE_INFINITY);
    };
    limit(random.chance(loseRequest) ? Number.POSITIVE_INFINITY : this.#later(arrive));
    return promise;
  }

  #latencyMs(): number {
    return this.#random.chance(this.#malice.crawl) ? this.#random.below(20_000) : 1 + this.#random.below(20);
  }

  /** Does it later; when, ms. */
  #later(act: () => void): number {
    const delayMs = this.#latencyMs();
    this.#clock.timer(delayMs, act);
    return this.#clock.monotonicMs() + delayMs;
  }

  /** Answers reach a paused process when it goes on. When this one does, as far as is known, ms. */
  #answer(act: () => void): number {
    const nowMs = this.#clock.monotonicMs();
    const atMs = Math.max(nowMs + this.#latencyMs(), this.#pausedUntilMs);
    this.#clock.timer(atMs - nowMs, () =>
      this.#clock.monotonicMs() < this.#pausedUntilMs ? void this.#answer(act) : act(),
    );
    return atMs;
  }
}
