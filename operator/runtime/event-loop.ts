/**
 * How late this process's event loop is: a late loop reads heartbeats late and would take healthy pods for silent ones.
 *
 * M1  Lateness is measured at each look too, not only when the timer fires: code that runs first after a stall already sees it.
 * M2  After a stall the loop counts as late until CALM_MS passed without another, so that what sockets had buffered is read first.
 */
import { isAbortOf, type Clock, type Metrics } from '../../src/base/index.ts';
import { runtimeMetrics, type RuntimeMetrics } from './metrics.ts';

/** Sampling period: a tenth of a heartbeat. */
const TICK_MS = 100;
/** Window over which the worst lateness is reported. */
const WINDOW_MS = 10_000;
/** Lateness at which a heartbeat of one second may have been read half a period late. */
const LATE_MS = 500;
/** M2: longer than one heartbeat period. */
const CALM_MS = 1_500;

export interface LoopReport {
  /** Worst lateness within the last WINDOW_MS, ms. */
  readonly worstMs: number;
  /** True during and shortly after a stall of LATE_MS or more (M2). */
  readonly late: boolean;
}

export class EventLoopMonitor {
  readonly name = 'event-loop monitor';
  readonly #clock: Clock;
  readonly #metrics: RuntimeMetrics | undefined;
  #dueMs: number | undefined;
  #stallSeenAtMs = -Infinity;
  #worst: { readonly lagMs: number; readonly atMs: number } = { lagMs: 0, atMs: -Infinity };

  constructor(options: { readonly clock: Clock; readonly metrics?: Metrics | undefined }) {
    this.#clock = options.clock;
    this.#metrics = options.metrics && runtimeMetrics(options.metrics);
  }

  report(): LoopReport {
    const nowMs = this.#clock.monotonicMs();
    if (this.#dueMs !== undefined) this.#note(nowMs - this.#dueMs, nowMs); // M1
    const recent = nowMs - this.#worst.atMs <= WINDOW_MS ? this.#worst.lagMs : 0;
    return { worstMs: recent, late: nowMs - this.#stallSeenAtMs < CALM_MS };
  }

  /** Samples until `signal` aborts, then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        this.#dueMs = this.#clock.monotonicMs() + TICK_MS;
        await this.#clock.sleep(TICK_MS, signal);
        const { worstMs } = this.report();
        this.#metrics?.loopLag.set(worstMs / 1000);
      }
    } catch (thrown) {
      if (!isAbortOf(signal, thrown)) throw thrown;
    } finally {
      this.#dueMs = undefined;
    }
  }

  #note(lagMs: number, nowMs: number): void {
    if (lagMs <= 0) return;
    if (lagMs >= this.#worst.lagMs || nowMs - this.#worst.atMs > WINDOW_MS)
      this.#worst = { lagMs, atMs: nowMs };
    if (lagMs >= LATE_MS) this.#stallSeenAtMs = nowMs;
  }
}
