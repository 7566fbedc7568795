/**
 * The clock of one simulated process that can be stopped (SIGSTOP, a long GC, a suspended VM): time goes on, its timers fire when it wakes.
 */
import type { Clock, Timer } from '../../../src/base/index.ts';

export class PausableClock implements Clock {
  readonly #clock: Clock;
  #pausedUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nothing of this process runs for the next `ms`. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + ms);
  }

  get paused(): boolean {
    return this.#clock.monotonicMs() < this.#pausedUntilMs;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  timer(delayMs: number, fire: () => void): Timer {
    let current: Timer;
    const arm = (ms: number): Timer =>
      this.#clock.timer(ms, () => {
        if (this.paused) current = arm(this.#pausedUntilMs - this.#clock.monotonicMs());
        else fire();
      });
    current = arm(delayMs);
    return { cancel: () => current.cancel() };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.timer(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
