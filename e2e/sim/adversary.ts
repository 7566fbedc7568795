/**
 * The object store as an adversary, for the simulation: every answer is legal for a strongly consistent store behind a bad network.
 *
 * Requests and answers are delayed, lost and duplicated; a request may take effect long after its caller gave up; the store says 409, 429 or
 * 503 at will; each client (a process) can be paused with everything it has in flight. What it never does: lie about a condition, lose an
 * object, or answer from the past; a store that does is for the probe to find.
 */
import type { Clock } from '../../src/base/index.ts';
import type { SeededRandom } from '../../src/base/testing/index.ts';
import {
  StoreError,
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

const TIMEOUT_MS = 10_000;

/** The objects, shared by all clients. */
export class SharedObjects {
  readonly map: Map<string, Uint8Array> = new Map();
}

/** One process's connection to the store. */
export class AdversaryStore implements ObjectStore {
  readonly url = 'memory:adversary';
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

  async create(key: string, body: Uint8Array, call: StoreCall = {}): Promise<CreateOutcome> {
    const frozen = body.slice();
    const effect = (): CreateOutcome => {
      if (this.#objects.map.has(key)) return { kind: 'exists' };
      this.#objects.map.set(key, frozen);
      return { kind: 'created' };
    };
    try {
      return await this.#request(effect, call);
    } catch (cause) {
      const error =
        cause instanceof StoreError
          ? cause
          : new StoreError('STORE_ABORTED', 'aborted', { retryable: true, cause });
      return { kind: 'undecided', cause: error };
    }
  }

  async get(key: string, call: GetCall = {}): Promise<StoredObject | undefined> {
    return await this.#request(() => {
      const body = this.#objects.map.get(key);
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
    return await this.#request(() => {
      const keys = [...this.#objects.map.keys()]
        .filter((key) => key.startsWith(prefix) && (call.startAfter === undefined || key > call.startAfter))
        .sort();
      const page = keys.slice(0, call.limit ?? 1000);
      const objects = page.map((key) => ({
        key,
        size: this.#objects.map.get(key)!.length,
        lastModifiedMs: undefined,
      }));
      return { objects, truncated: page.length < keys.length };
    }, call);
  }

  async delete(key: string, call: StoreCall = {}): Promise<void> {
    await this.#request(() => void this.#objects.map.delete(key), call);
  }

  async close(): Promise<void> {
    // nothing is held open
  }

  /** One request over the bad network. Rejects with a retryable StoreError, or with the signal's reason. */
  #request<T>(effect: () => T, call: StoreCall): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { loseRequest, loseAnswer, duplicate, refuseForNow } = this.#malice;
    const fail = (
      code: 'STORE_UNREACHABLE' | 'STORE_THROTTLED' | 'STORE_CONFLICT' | 'STORE_SERVER_ERROR',
    ): void => reject(new StoreError(code, 'the adversary says so', { retryable: true }));
    if (call.signal?.aborted) {
      reject(call.signal.reason as Error);
      return promise;
    }
    const onAbort = (): void => reject(call.signal?.reason as Error);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const timeout = this.#clock.timer(TIMEOUT_MS, () => fail('STORE_UNREACHABLE'));
    if (!this.#random.chance(loseRequest)) {
      this.#later(() => {
        if (this.#random.chance(refuseForNow)) {
          const code = this.#random.pick([
            'STORE_THROTTLED',
            'STORE_CONFLICT',
            'STORE_SERVER_ERROR',
          ] as const);
          this.#answer(() => fail(code));
          return;
        }
        const result = effect();
        if (this.#random.chance(duplicate)) this.#later(() => void effect());
        if (!this.#random.chance(loseAnswer)) this.#answer(() => resolve(result));
        else if (this.#random.chance(0.5)) this.#answer(() => fail('STORE_UNREACHABLE'));
      });
    }
    return promise.finally(() => {
      timeout.cancel();
      call.signal?.removeEventListener('abort', onAbort);
    });
  }

  #latencyMs(): number {
    return this.#random.chance(this.#malice.crawl) ? this.#random.below(20_000) : 1 + this.#random.below(20);
  }

  #later(act: () => void): void {
    this.#clock.timer(this.#latencyMs(), act);
  }

  /** Answers reach a paused process when it goes on. */
  #answer(act: () => void): void {
    const readyMs = this.#clock.monotonicMs() + this.#latencyMs();
    const waitMs = Math.max(readyMs, this.#pausedUntilMs) - this.#clock.monotonicMs();
    this.#clock.timer(waitMs, () =>
      this.#clock.monotonicMs() < this.#pausedUntilMs ? this.#answer(act) : act(),
    );
  }
}
