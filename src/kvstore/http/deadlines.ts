/**
 * One deadline for very many waits: every request waits at most the same time, so the oldest is always the next to run out, and one timer serves them all.
 * A timer and an AbortController of its own would cost a request more than everything else that the server does for it.
 *
 * L1  A wait ends with its work or, once its time is up, with the error for that; never later than one sweep after it.
 * L2  Nothing is kept of a wait that has ended longer than one deadline.
 */
import { ensureError, type Clock } from '../../base/index.ts';

interface Waiting {
  readonly endsMs: number;
  reject: ((error: Error) => void) | undefined;
}

/** Sweeps of one deadline: it is late by at most a sixteenth. */
const SWEEPS = 16;

export class Deadlines {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #late: () => Error;
  /** Oldest first; those that ended lose their `reject`. */
  #waiting: Waiting[] = [];
  #sweeping = false;

  /** @param late makes the error of a wait whose time is up */
  constructor(clock: Clock, deadlineMs: number, late: () => Error) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#late = late;
  }

  /** Waits for `work`. What it says after the deadline is dropped. @throws the error of a late wait, or what the work throws */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = { endsMs: this.#clock.monotonicMs() + this.#deadlineMs, reject };
      this.#waiting.push(waiting);
      this.#sweepLater();
      work.then(
        (value) => {
          waiting.reject = undefined;
          resolve(value);
        },
        (error: unknown) => {
          waiting.reject = undefined;
          reject(ensureError(error));
        },
      );
    });
  }

  #sweep(): void {
    const now = this.#clock.monotonicMs();
    let ended = 0;
    for (const { endsMs, reject } of this.#waiting) {
      if (endsMs > now && reject) break;
      ended++;
      reject?.(this.#late()); // L1
    }
    this.#waiting.splice(0, ended);
    this.#sweeping = false;
    if (this.#waiting.length > 0) this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.timer(this.#deadlineMs / SWEEPS, () => this.#sweep());
  }
}
