/**
 * How late this process's event loop runs. A primary whose loop stalls looks silent to everyone; its own lines say so afterwards.
 */
import type { Clock, Timer } from '../base/index.ts';

const PERIOD_MS = 250;
/** The worst lag of about the last second is shown: heartbeat lines come once a second. */
const KEPT = 4;

export class LoopLag {
  readonly #clock: Clock;
  readonly #lags: number[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Worst lag of late, ms. */
  get ms(): number {
    return Math.round(Math.max(0, ...this.#lags));
  }

  start(): void {
    const dueMs = this.#clock.monotonicMs() + PERIOD_MS;
    this.#timer = this.#clock.timer(PERIOD_MS, () => {
      this.#lags.push(this.#clock.monotonicMs() - dueMs);
      if (this.#lags.length > KEPT) this.#lags.shift();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
