/**
 * Keys that need a look, each at most once in the queue and at most once in a worker.
 *
 * Q1  A key is never handed to two workers at once. Added while one works on it, it comes back when that one is done.
 * Q2  Every key of the recovery lane is handed out before any of the routine lane; within a lane first come, first served.
 * Q3  Adding a waiting key changes nothing, except that it may rise to the recovery lane.
 * Q4  `retry` delays grow per key from 50 ms to 5 s at most: a failing shard is looked at every 5 s for ever, never once in 16 minutes.
 *     News (`add`) about a key that is backing off is handed out at once.
 * Q5  After shutDown nothing is handed out and nothing is taken in.
 */
import {
  backoffMs,
  raceAbort,
  type BackoffPolicy,
  type Clock,
  type Random,
  type Timer,
} from '../../src/base/index.ts';

export type Lane = 'recovery' | 'routine';

/** Q4; client-go's 1000 s cap is for objects nobody waits for. */
export const RECONCILE_BACKOFF: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 5_000, jitter: 0.2 };

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff?: BackoffPolicy | undefined;
}

export interface Work {
  readonly key: string;
  readonly lane: Lane;
  /** How long the key waited, ms. */
  readonly waitedMs: number;
  /** Failures in a row before this try. */
  readonly failures: number;
}

interface Delayed {
  readonly atMs: number;
  readonly lane: Lane;
  readonly timer: Timer;
}

interface Entry {
  /** Lane it waits in, or will wait in once its worker is done (Q1). */
  lane: Lane | undefined;
  queuedAtMs: number;
  working: boolean;
  delayed: Delayed | undefined;
  failures: number;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: BackoffPolicy;
  readonly #entries = new Map<string, Entry>();
  /** Waiting keys that no worker holds; a Set keeps first-come order and drops from the middle in one step. */
  readonly #lanes: Readonly<Record<Lane, Set<string>>> = { recovery: new Set(), routine: new Set() };
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();
  #shutDown = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#backoff = options.backoff ?? RECONCILE_BACKOFF;
  }

  /** Keys that wait for a worker in `lane`. */
  depth(lane: Lane): number {
    return this.#lanes[lane].size;
  }

  /** Keys a worker holds now. */
  get working(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.working) count++;
    return count;
  }

  /** Asks for a look at `key` as soon as a worker is free (Q2, Q3). */
  add(key: string, lane: Lane = 'routine'): void {
    if (this.#shutDown) return;
    const entry = this.#entry(key);
    if (entry.lane === undefined) entry.queuedAtMs = this.#clock.monotonicMs();
    const rises = lane === 'recovery' && entry.lane === 'routine';
    if (entry.lane !== undefined && !rises) return;
    entry.lane = lane;
    if (entry.working) return; // Q1: done() puts it into its lane
    this.#lanes.routine.delete(key);
    this.#lanes[lane].add(key);
    this.#wake();
  }

  /** Asks for a look at `key` in `delayMs`; of several such wishes the earliest counts. */
  addAfter(key: string, delayMs: number, lane: Lane = 'routine'): void {
    if (this.#shutDown) return;
    if (delayMs <= 0) {
      this.add(key, lane);
      return;
    }
    const entry = this.#entry(key);
    const atMs = this.#clock.monotonicMs() + delayMs;
    if (entry.delayed && entry.delayed.atMs <= atMs) return;
    entry.delayed?.timer.cancel();
    const timer = this.#clock.timer(delayMs, () => {
      entry.delayed = undefined;
      this.add(key, lane);
    });
    entry.delayed = { atMs, lane, timer };
  }

  /** The look at `key` failed: again after its back-off. Returns the delay, ms. */
  retry(key: string, lane: Lane = 'routine'): number {
    const entry = this.#entry(key);
    const delayMs = backoffMs(this.#backoff, entry.failures++, this.#random);
    this.addAfter(key, delayMs, lane);
    return delayMs;
  }

  /** The look at `key` succeeded: its next failure starts the back-off anew. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) entry.failures = 0;
  }

  /** Next key to look at, waiting for one; undefined after shutDown. `only` keeps a worker to one lane. Pair with done(). */
  async take(only?: Lane, signal?: AbortSignal): Promise<Work | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#shutDown) return undefined;
      const work = this.#next(only);
      if (work) return work;
      await raceAbort(this.#changed.promise, signal);
    }
  }

  /** The worker is done with `key`, however it went. */
  done(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.working = false;
    if (entry.lane !== undefined && !this.#shutDown) {
      this.#lanes[entry.lane].add(key);
      this.#wake();
    } else if (!entry.delayed && entry.failures === 0) {
      this.#entries.delete(key);
    }
  }

  /** Hands out nothing more and forgets what waits (Q5): the next leader lists everything anew. */
  shutDown(): void {
    this.#shutDown = true;
    for (const entry of this.#entries.values()) entry.delayed?.timer.cancel();
    this.#lanes.recovery.clear();
    this.#lanes.routine.clear();
    this.#wake();
  }

  #next(only: Lane | undefined): Work | undefined {
    for (const lane of only ? [only] : (['recovery', 'routine'] as const)) {
      for (const key of this.#lanes[lane]) {
        this.#lanes[lane].delete(key);
        const entry = this.#entries.get(key)!;
        entry.lane = undefined;
        entry.working = true;
        return {
          key,
          lane,
          waitedMs: this.#clock.monotonicMs() - entry.queuedAtMs,
          failures: entry.failures,
        };
      }
    }
    return undefined;
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Entry = { lane: undefined, queuedAtMs: 0, working: false, delayed: undefined, failures: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #wake(): void {
    const waiting = this.#changed;
    this.#changed = Promise.withResolvers();
    waiting.resolve();
  }
}
