/**
 * Keeps one cache equal to one collection at the API server: list, watch, and again, until the signal aborts.
 *
 * F1  Only the AbortSignal ends it. Every end of a watch is classified, counted and answered: watch on, or list again.
 * F2  News of an older watch than the current one is dropped: each connection carries a generation number.
 * F3  A full list happens at the latest every RELIST_EVERY_MS, whatever the watch says: a watch that lies by silence is bounded.
 * F4  Failures back off with jitter; a watch that brought news resets it.
 */
import {
  backoffMs,
  ensureError,
  type BackoffPolicy,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../../src/base/index.ts';
import type { ObjectCache } from './cache.ts';
import { runtimeMetrics, type RuntimeMetrics } from './metrics.ts';
import type { KubeObject, ListWatch, WatchEnded } from './ports.ts';

/** Page of a list: large enough for one page in most clusters, small enough for the server (client-go's default). */
const PAGE_SIZE = 500;
/** A list of more pages is a server that repeats its continue token; without it the loop never ends. */
const MAX_PAGES = 10_000;
/** Server-side end of a watch, spread so that the watches of many processes do not end together. */
const WATCH_MIN_SECONDS = 300;
const WATCH_SPREAD_SECONDS = 300;
/** The server sends a bookmark about once a minute; a connection silent for longer than one and a half periods is dead. */
const SILENCE_MS = 90_000;
/** Safety net under lost events (F3): without it an undetected gap lasts until the next restart. */
const RELIST_EVERY_MS = 600_000;
const RELIST_JITTER = 0.2;
/** Capped low: failover waits for these caches; one request in 5 s burdens no API server. */
const BACKOFF: BackoffPolicy = { firstMs: 100, factor: 2, capMs: 5_000, jitter: 0.5 };

export interface ReflectorOptions<T extends KubeObject> {
  readonly source: ListWatch<T>;
  readonly cache: ObjectCache<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  readonly relistEveryMs?: number | undefined;
}

/** What the reflector is doing; `live` is the only state in which the cache follows the server. */
export type ReflectorState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'listing'; readonly sinceMs: number }
  | { readonly kind: 'connecting'; readonly sinceMs: number }
  | { readonly kind: 'live'; readonly sinceMs: number; readonly generation: number }
  | { readonly kind: 'waiting'; readonly sinceMs: number; readonly failures: number };

type WatchOutcome = WatchEnded | { readonly kind: 'relistDue' };

export class Reflector<T extends KubeObject> {
  readonly cache: ObjectCache<T>;
  readonly #source: ListWatch<T>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #metrics: RuntimeMetrics | undefined;
  readonly #relistEveryMs: number;
  #state: ReflectorState = { kind: 'idle' };
  #generation = 0;
  #failures = 0;
  #followedUntilMs: number | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.cache = options.cache;
    this.#source = options.source;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log.child({ cache: options.cache.name });
    this.#metrics = options.metrics && runtimeMetrics(options.metrics);
    this.#relistEveryMs = options.relistEveryMs ?? RELIST_EVERY_MS;
  }

  get name(): string {
    return `reflector ${this.cache.name}`;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** How long the cache has not been following the server, ms: 0 while a watch is open, Infinity before the first list. */
  behindMs(): number {
    if (this.#state.kind === 'live') return 0;
    return this.#followedUntilMs === undefined ? Infinity : this.#clock.monotonicMs() - this.#followedUntilMs;
  }

  /** Runs until `signal` aborts (F1), then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const listed = await this.#list(signal);
        if (listed) await this.#follow(signal);
        else await this.#backOff(signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown; // a bug: sleeps reject only by abort, everything else is caught where it happens
    } finally {
      this.#generation++; // F2: nothing late gets in any more
      this.#enter({ kind: 'idle' });
    }
  }

  /** One full list into the cache; false when it failed. */
  async #list(signal: AbortSignal): Promise<boolean> {
    this.#enter({ kind: 'listing', sinceMs: this.#clock.monotonicMs() });
    const items: T[] = [];
    let continueToken: string | undefined;
    try {
      for (let page = 0; page < MAX_PAGES; page++) {
        const got = await this.#source.list({ limit: PAGE_SIZE, continueToken, signal });
        signal.throwIfAborted();
        items.push(...got.items);
        continueToken = got.continueToken;
        if (continueToken) continue;
        this.cache.replace(items, got.resourceVersion);
        this.#followedUntilMs = this.#clock.monotonicMs();
        this.#metrics?.lists.add(1, { cache: this.cache.name, outcome: 'ok' });
        return true;
      }
      throw new RangeError(`the list of ${this.cache.name} has no end after ${MAX_PAGES} pages`);
    } catch (thrown) {
      if (signal.aborted) return false;
      this.#failures++;
      this.#metrics?.lists.add(1, { cache: this.cache.name, outcome: 'failed' });
      this.#log.warn('list failed', { failures: this.#failures, error: ensureError(thrown) });
      return false;
    }
  }

  /** Watches until a full list is needed. */
  async #follow(signal: AbortSignal): Promise<void> {
    const spread = 1 + RELIST_JITTER * (this.#random.unit() - 0.5);
    const relistAtMs = this.#clock.monotonicMs() + this.#relistEveryMs * spread;
    while (!signal.aborted) {
      const before = this.#clock.monotonicMs();
      const { outcome, news } = await this.#watch(relistAtMs - before, signal);
      if (outcome.kind === 'aborted' && signal.aborted) return;
      this.#metrics?.watchEnds.add(1, { cache: this.cache.name, kind: outcome.kind });
      if (news || outcome.kind === 'relistDue') this.#failures = 0; // F4
      switch (outcome.kind) {
        case 'relistDue':
          return;
        case 'closed':
          // In good order; but a server that closes a watch as soon as it opens is a failing server.
          if (!news && this.#clock.monotonicMs() - before < 1000) await this.#fail(outcome, signal);
          break;
        case 'aborted':
        case 'reset':
          await this.#fail(outcome, signal);
          break;
        case 'expired':
        case 'forbidden':
        case 'undecodable':
          await this.#fail(outcome, signal);
          return;
      }
      if (this.#clock.monotonicMs() >= relistAtMs) return;
    }
  }

  /** One watch connection, ended by us when a list is due. `news`: it brought at least one event or bookmark. */
  async #watch(forMs: number, signal: AbortSignal): Promise<{ outcome: WatchOutcome; news: boolean }> {
    const generation = ++this.#generation;
    const own = new AbortController();
    const onAbort = (): void => own.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let relistDue = false;
    let news = false;
    const timer = this.#clock.timer(forMs, () => {
      relistDue = true;
      own.abort(new Error('a full list is due'));
    });
    this.#enter({ kind: 'connecting', sinceMs: this.#clock.monotonicMs() });
    const current = (): boolean => generation === this.#generation && !own.signal.aborted; // F2
    try {
      const ended = await this.#source.watch({
        resourceVersion: this.cache.resourceVersion,
        timeoutSeconds: WATCH_MIN_SECONDS + this.#random.below(WATCH_SPREAD_SECONDS),
        silenceMs: SILENCE_MS,
        signal: own.signal,
        onOpen: () => {
          if (current()) this.#enter({ kind: 'live', sinceMs: this.#clock.monotonicMs(), generation });
        },
        onNews: (event) => {
          if (!current()) return;
          news = true;
          this.#metrics?.watchEvents.add(1, { cache: this.cache.name });
          this.cache.apply(event);
        },
      });
      return { outcome: relistDue ? { kind: 'relistDue' } : ended, news };
    } catch (thrown) {
      // The port promises never to reject; one that does is a broken connection, not the end of this reflector (F1).
      return {
        outcome: relistDue ? { kind: 'relistDue' } : { kind: 'reset', error: ensureError(thrown) },
        news,
      };
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #fail(ended: WatchEnded, signal: AbortSignal): Promise<void> {
    this.#failures++;
    const level = ended.kind === 'reset' || ended.kind === 'closed' || this.#failures === 1 ? 'info' : 'warn';
    this.#log[level]('watch ended', {
      end: ended.kind,
      failures: this.#failures,
      ...('error' in ended ? { error: ended.error } : {}),
    });
    await this.#backOff(signal);
  }

  async #backOff(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#enter({ kind: 'waiting', sinceMs: this.#clock.monotonicMs(), failures: this.#failures });
    await this.#clock.sleep(backoffMs(BACKOFF, Math.max(0, this.#failures - 1), this.#random), signal);
  }

  #enter(state: ReflectorState): void {
    if (this.#state.kind === 'live' && state.kind !== 'live')
      this.#followedUntilMs = this.#clock.monotonicMs();
    this.#state = state;
  }
}
