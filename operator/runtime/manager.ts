/**
 * The operator process as a whole: what starts when, what it reports, and how it ends.
 *
 * N1  Start: caches; once all have synced, the warm runnables (heartbeat streams and what else a follower keeps ready); once they are
 *     started, the election; the elected runnables only while leading.
 * N2  Stop on the signal: elected runnables drain, the lease is released after them, then warm runnables and caches end.
 * N3  A lost lease, or any part that ends before it was told to, ends everything at once: a fresh process beats a half-dead one.
 * N4  Ready means: all caches have synced. Alive means: the event loop turns. An API server that is away is no reason to die: a restart
 *     would lose the warm streams and reach the server no better.
 */
import { ensureError, HoldfastError, type Clock, type Logger } from '../../src/base/index.ts';
import type { LeaderSignals } from './controller.ts';
import type { ElectionEnd, LeaderElector } from './elector.ts';
import type { EventLoopMonitor } from './event-loop.ts';

/** A cache as the manager sees it; a Reflector is one. */
export interface CacheRunner {
  readonly name: string;
  readonly cache: {
    readonly hasSynced: boolean;
    whenSynced(signal?: AbortSignal): Promise<void>;
    newsAgeMs(): number;
  };
  behindMs(): number;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs on every replica until its signal aborts. */
export interface Runnable {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs only on the leader; a Controller is one. */
export interface ElectedRunnable {
  readonly name: string;
  run(signals: LeaderSignals): Promise<void>;
}

export type ManagerEnd =
  | { readonly kind: 'stopped'; readonly leaseReleased: boolean }
  | { readonly kind: 'leaseLost'; readonly error: Error }
  | { readonly kind: 'failed'; readonly error: Error };

export interface Health {
  readonly ok: boolean;
  /** One line a part, worst first: the body of the probe's answer. */
  readonly details: readonly string[];
}

/** A part of the process ended although nobody had told it to. */
export class EndedEarlyError extends HoldfastError {
  constructor(part: string, cause: unknown) {
    super('PART_ENDED', `${part} ended by itself; the process stops so that it is started anew.`, {
      fields: { part },
      cause,
    });
  }
}

export interface ManagerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly elector: LeaderElector;
  readonly loop: EventLoopMonitor;
}

/** A loop that stalls for so long again and again is stuck; one stall fails one probe at most, and the kubelet wants several. */
const STUCK_LOOP_MS = 10_000;

export class Manager {
  readonly #options: ManagerOptions;
  readonly #caches: CacheRunner[] = [];
  readonly #warm: Runnable[] = [];
  readonly #elected: ElectedRunnable[] = [];

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  addCache(...caches: readonly CacheRunner[]): this {
    this.#caches.push(...caches);
    return this;
  }

  addWarm(...runnables: readonly Runnable[]): this {
    this.#warm.push(...runnables);
    return this;
  }

  addElected(...runnables: readonly ElectedRunnable[]): this {
    this.#elected.push(...runnables);
    return this;
  }

  /** All caches have synced (N4). */
  readiness(): Health {
    const details = this.#caches.map((c) => `${c.name}: ${c.cache.hasSynced ? 'synced' : 'not synced yet'}`);
    return { ok: this.#caches.every((c) => c.cache.hasSynced), details };
  }

  /** The event loop turns (N4). */
  liveness(): Health {
    const { worstMs, late } = this.#options.loop.report();
    return {
      ok: !late || worstMs < STUCK_LOOP_MS,
      details: [`event loop: worst lateness ${Math.round(worstMs)} ms`],
    };
  }

  /** The longest any cache has not been following the API server, ms; Infinity before all have synced. */
  cachesBehindMs(): number {
    return Math.max(0, ...this.#caches.map((c) => c.behindMs()));
  }

  /** Runs everything until `stop` aborts or something ends (N1-N3). Never rejects; the caller exits by what it returns. */
  async run(stop: AbortSignal): Promise<ManagerEnd> {
    const background = new AbortController();
    const tooEarly = Promise.withResolvers<EndedEarlyError>();
    const parts: Promise<void>[] = [];
    const start = (part: { readonly name: string; run(signal: AbortSignal): Promise<void> }): void => {
      const early = (cause: unknown): void => {
        if (!background.signal.aborted) tooEarly.resolve(new EndedEarlyError(part.name, cause));
      };
      parts.push(part.run(background.signal).then(() => early(undefined), early));
    };
    start(this.#options.loop);
    for (const cache of this.#caches) start(cache);
    const life = this.#live(stop, start);
    const end = await Promise.race([
      life,
      tooEarly.promise.then((error): ManagerEnd => ({ kind: 'failed', error })),
    ]);
    background.abort(new HoldfastError('MANAGER_STOPS', 'The process is stopping.'));
    if (end.kind === 'stopped') await Promise.all(parts); // otherwise the process exits now, whatever still hangs (N3)
    this.#options.log.info('manager ended', {
      end: end.kind,
      ...('error' in end ? { error: end.error } : {}),
    });
    return end;
  }

  async #live(stop: AbortSignal, start: (part: Runnable) => void): Promise<ManagerEnd> {
    const { elector, log, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    try {
      await Promise.all(this.#caches.map((c) => c.cache.whenSynced(stop)));
      log.info('caches have synced', { tookMs: Math.round(clock.monotonicMs() - beganMs) });
      for (const runnable of this.#warm) start(runnable);
      return managerEnd(await elector.run(stop, (signals) => this.#lead(signals)));
    } catch (thrown) {
      if (stop.aborted) return { kind: 'stopped', leaseReleased: true };
      return { kind: 'failed', error: ensureError(thrown) };
    }
  }

  /** All elected runnables; one that ends before the stop ends the leadership with an error (N3). */
  async #lead(signals: LeaderSignals): Promise<void> {
    await Promise.all(
      this.#elected.map(async (runnable) => {
        await runnable.run(signals);
        if (!signals.stop.aborted && !signals.lost.aborted)
          throw new EndedEarlyError(runnable.name, undefined);
      }),
    );
    if (this.#elected.length === 0) await untilAborted(signals.stop);
  }
}

function managerEnd(end: ElectionEnd): ManagerEnd {
  if (end.kind === 'stopped') return { kind: 'stopped', leaseReleased: end.released };
  if (end.kind === 'lost') return { kind: 'leaseLost', error: end.error };
  return { kind: 'failed', error: end.error ?? new EndedEarlyError('the elected part', undefined) };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
