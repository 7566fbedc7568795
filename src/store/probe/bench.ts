/**
 * What the probe's checks work with: keys of its own, creates that are carried to a decision, and the clean-up.
 *
 * B1  Every key ever used is remembered before its first request, and deleted at the end, also after an abort.
 * B2  A promise counts as broken only by an answer of the store. A network that fails ends the probe with that error: it says nothing
 *     about the store's word.
 */
import {
  backoffMs,
  deadline,
  equalBytes,
  toHex,
  type BackoffPolicy,
  type Clock,
  type Random,
} from '../../base/index.ts';
import { StoreError, type StoreErrorCode } from '../errors.ts';
import type { GetCall, ObjectInfo, ObjectStore, StoredObject } from '../types.ts';

/** A check found a promise broken; `message` is the evidence. Never leaves the probe. */
export class BrokenPromise extends Error {}

/** Errors by which a store itself breaks a promise (B2); all others are failures to reach or use it. */
const BREAKING: ReadonlySet<StoreErrorCode> = new Set([
  'STORE_BAD_RESPONSE',
  'STORE_UNSUPPORTED',
  'STORE_BAD_REQUEST',
]);

const CREATE_ATTEMPTS = 6;
const PAUSE: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 2_000, jitter: 0.5 };
const RUN_ID_BYTES = 8;
/** Time for all the deletes at the end, ms; they go on after the caller's signal has fired. */
const CLEAN_UP_MS = 30_000;

export interface BenchOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly prefix: string;
}

export class ProbeBench {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly #random: Random;
  readonly #signal: AbortSignal | undefined;
  /** What all keys of this run begin with. */
  readonly base: string;
  readonly #used = new Set<string>();

  constructor(store: ObjectStore, options: BenchOptions) {
    this.store = store;
    this.clock = options.clock;
    this.#random = options.random;
    this.#signal = options.signal;
    this.base = `${options.prefix}/${toHex(options.random.bytes(RUN_ID_BYTES))}-`;
  }

  /** A key of this run. */
  key(name: string): string {
    const key = this.base + name;
    this.#used.add(key); // B1
    return key;
  }

  /** Random bytes, so that no two objects are alike by accident. */
  bytes(length: number): Uint8Array {
    return this.#random.bytes(length);
  }

  /**
   * Creates and carries it to a decision: true when the object is ours, false when the store refused because the key is taken.
   * `fresh`: on a connection of its own, so that a race is one.
   */
  async create(key: string, body: Uint8Array, fresh = false): Promise<boolean> {
    let repeated = false;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.store.create(key, body, {
        signal: this.#signal,
        freshConnection: fresh || repeated,
      });
      this.#signal?.throwIfAborted();
      switch (outcome.kind) {
        case 'created':
          return true;
        case 'exists': {
          const holds = repeated ? await this.get(key) : undefined; // an earlier attempt of ours may have made it
          return holds !== undefined && equalBytes(holds.body, body);
        }
        case 'refused':
          throw outcome.cause;
        case 'undecided':
          if (attempt + 1 < CREATE_ATTEMPTS) break;
          if (outcome.cause.code === 'STORE_CONFLICT') return false; // a store that says 409 where others say 412
          throw outcome.cause;
      }
      repeated = true;
      await this.pause(attempt);
    }
  }

  /** Creates a new key. */
  async createNew(name: string, body: Uint8Array): Promise<string> {
    const key = this.key(name);
    if (!(await this.create(key, body)))
      throw new BrokenPromise('a key that never existed was refused as taken');
    return key;
  }

  get(key: string, call?: GetCall): Promise<StoredObject | undefined> {
    return this.store.get(key, { ...call, signal: this.#signal });
  }

  /** One attempt, as it comes: true when the store confirmed it. For measuring, not for judging. */
  async createOnce(key: string, body: Uint8Array): Promise<boolean> {
    const outcome = await this.store.create(key, body, { signal: this.#signal });
    this.#signal?.throwIfAborted();
    return outcome.kind === 'created';
  }

  head(key: string): Promise<ObjectInfo | undefined> {
    return this.store.head(key, { signal: this.#signal });
  }

  async exists(key: string): Promise<{ readonly get: boolean; readonly head: boolean }> {
    const get = (await this.get(key)) !== undefined;
    const head = (await this.head(key)) !== undefined;
    return { get, head };
  }

  async delete(key: string): Promise<void> {
    await this.store.delete(key, { signal: this.#signal });
  }

  /** Keys of one page, without the run's common beginning. */
  async list(
    prefix: string,
    startAfter?: string,
    limit?: number,
  ): Promise<{ names: string[]; truncated: boolean }> {
    const page = await this.store.list(this.base + prefix, {
      signal: this.#signal,
      limit,
      ...(startAfter === undefined ? {} : { startAfter: this.base + startAfter }),
    });
    const names = page.objects.map(({ key }) =>
      key.startsWith(this.base) ? key.slice(this.base.length) : `foreign:${key}`,
    );
    return { names, truncated: page.truncated };
  }

  /** Waits before repetition number `attempt` (from 0). */
  async pause(attempt: number): Promise<void> {
    await this.clock.sleep(backoffMs(PAUSE, attempt, this.#random), this.#signal);
  }

  /** Deletes everything this run may have made (B1). @throws StoreError */
  async cleanUp(): Promise<void> {
    const limit = deadline(this.clock, CLEAN_UP_MS, 'the clean-up of the probe');
    try {
      await Promise.all([...this.#used].map((key) => this.store.delete(key, { signal: limit.signal })));
    } finally {
      limit.clear();
    }
  }
}

/** The evidence when `thrown` is a broken promise (B2), else undefined. */
export function brokenBy(thrown: unknown): string | undefined {
  if (thrown instanceof BrokenPromise) return thrown.message;
  return thrown instanceof StoreError && BREAKING.has(thrown.code) ? thrown.message : undefined;
}
