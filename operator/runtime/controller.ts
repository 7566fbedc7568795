/**
 * A controller: workers that take keys from its queue and bring each one's world to where it should be.
 *
 * K1  A reconcile gets a key, reads everything itself, and may run again at any time: it never learns which event woke it.
 * K2  At least one worker serves the recovery lane alone: slow routine work on many keys cannot hold up a failover.
 * K3  Every run has an id, in each of its log lines, and one outcome, counted: done, again, failed, terminal, stopped.
 * K4  On stop no further key is taken; runs under way get DRAIN_MS to finish and are then aborted; `run` resolves after the last one.
 */
import {
  ensureError,
  HoldfastError,
  isAbortOf,
  toHex,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../../src/base/index.ts';
import { runtimeMetrics, type RuntimeMetrics } from './metrics.ts';
import { WorkQueue, type Lane, type Work } from './work-queue.ts';

export type ReconcileResult =
  | { readonly kind: 'done' }
  /** Look again in `afterMs` even if nothing changes; not a failure. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly lane?: Lane | undefined };

export interface ReconcileContext {
  /** Aborts when the lease is lost, and when a stop has waited long enough. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly reconcileId: string;
  readonly lane: Lane;
  /** Failed runs of this key in a row. */
  readonly failures: number;
}

export type Reconcile = (key: string, context: ReconcileContext) => Promise<ReconcileResult>;

/** A failure that the same input will meet again: no retry until the object changes. The reconcile has already said so in the object. */
export class TerminalReconcileError extends HoldfastError {
  constructor(message: string, cause: unknown) {
    super('RECONCILE_TERMINAL', message, { cause });
  }
}

/** The drain deadline passed with runs still under way (K4). */
export class DrainTimeoutError extends HoldfastError {
  constructor(controller: string, drainMs: number) {
    super(
      'DRAIN_TIMEOUT',
      `Controller ${controller} was told to stop and had unfinished work after ${drainMs} ms.`,
      {
        fields: { controller, drainMs },
      },
    );
  }
}

/** Enough to hide API latency of a few hundred shards; each run is short, so more would only load the API server. */
const WORKERS = 4;
/** K2. */
const RECOVERY_WORKERS = 2;
/** Within the pod's termination grace (30 s) with room for releasing the lease. */
const DRAIN_MS = 5_000;

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** Workers for both lanes. */
  readonly workers?: number | undefined;
  /** Further workers for the recovery lane alone (K2). */
  readonly recoveryWorkers?: number | undefined;
  readonly drainMs?: number | undefined;
}

/** What an elected runnable is told: `stop` asks for a good end, `lost` forbids every further act. */
export interface LeaderSignals {
  readonly stop: AbortSignal;
  readonly lost: AbortSignal;
}

export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: RuntimeMetrics | undefined;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log.child({ controller: options.name });
    this.#metrics = options.metrics && runtimeMetrics(options.metrics);
    this.queue = new WorkQueue({ clock: options.clock, random: options.random });
    for (const outcome of ['done', 'again', 'failed', 'terminal', 'stopped']) {
      this.#metrics?.reconciles.add(0, { controller: this.name, outcome });
    }
  }

  /** Asks for a look at `key`. Before the controller runs, keys collect. */
  enqueue(key: string, lane: Lane = 'routine'): void {
    this.queue.add(key, lane);
    this.#reportDepth();
  }

  enqueueAfter(key: string, delayMs: number, lane: Lane = 'routine'): void {
    this.queue.addAfter(key, delayMs, lane);
  }

  /** Works until `stop` aborts, then drains (K4). A loss of the lease aborts the runs under way at once. */
  async run({ stop, lost }: LeaderSignals): Promise<void> {
    const runs = new AbortController();
    const onLost = (): void => {
      this.queue.shutDown();
      runs.abort(lost.reason);
    };
    const drainMs = this.#options.drainMs ?? DRAIN_MS;
    let drain: { cancel(): void } | undefined;
    const onStop = (): void => {
      this.queue.shutDown();
      drain = this.#clock.timer(drainMs, () => runs.abort(new DrainTimeoutError(this.name, drainMs)));
    };
    stop.addEventListener('abort', onStop, { once: true });
    lost.addEventListener('abort', onLost, { once: true });
    if (stop.aborted) onStop();
    if (lost.aborted) onLost();
    try {
      const shared = Array.from({ length: this.#options.workers ?? WORKERS }, () =>
        this.#work(undefined, runs.signal),
      );
      const kept = Array.from({ length: this.#options.recoveryWorkers ?? RECOVERY_WORKERS }, () =>
        this.#work('recovery', runs.signal),
      );
      await Promise.all([...shared, ...kept]);
    } finally {
      drain?.cancel();
      stop.removeEventListener('abort', onStop);
      lost.removeEventListener('abort', onLost);
    }
  }

  async #work(only: Lane | undefined, signal: AbortSignal): Promise<void> {
    for (;;) {
      const work = await this.queue.take(only);
      if (!work) return;
      this.#reportDepth();
      this.#metrics?.queueWait.observe(work.waitedMs / 1000, { controller: this.name, lane: work.lane });
      try {
        await this.#reconcile(work, signal);
      } finally {
        this.queue.done(work.key);
      }
    }
  }

  /** One run; never rejects. */
  async #reconcile(work: Work, signal: AbortSignal): Promise<void> {
    const reconcileId = toHex(this.#options.random.bytes(4));
    const log = this.#log.child({ key: work.key, reconcileId });
    const startedMs = this.#clock.monotonicMs();
    const outcome = await this.#attempt(work, {
      signal,
      log,
      reconcileId,
      lane: work.lane,
      failures: work.failures,
    });
    this.#metrics?.reconcileTime.observe((this.#clock.monotonicMs() - startedMs) / 1000, {
      controller: this.name,
    });
    this.#metrics?.reconciles.add(1, { controller: this.name, outcome });
  }

  async #attempt(
    work: Work,
    context: ReconcileContext,
  ): Promise<'done' | 'again' | 'failed' | 'terminal' | 'stopped'> {
    const { key, lane } = work;
    try {
      const result = await this.#options.reconcile(key, context);
      this.queue.forget(key);
      if (result.kind === 'done') return 'done';
      this.queue.addAfter(key, result.afterMs, result.lane ?? 'routine');
      return 'again';
    } catch (thrown) {
      if (isAbortOf(context.signal, thrown)) return 'stopped';
      if (thrown instanceof TerminalReconcileError) {
        this.queue.forget(key);
        context.log.error('reconcile cannot succeed until the object changes', { error: thrown });
        return 'terminal';
      }
      const retryInMs = Math.round(this.queue.retry(key, lane));
      context.log.warn('reconcile failed', {
        retryInMs,
        failures: work.failures + 1,
        error: ensureError(thrown),
      });
      return 'failed';
    }
  }

  #reportDepth(): void {
    for (const lane of ['recovery', 'routine'] as const) {
      this.#metrics?.queueDepth.set(this.queue.depth(lane), { controller: this.name, lane });
    }
  }
}
