/**
 * Time as a port. Production uses the system clock, the simulator a virtual one (base/testing).
 *
 * C1  Intervals and deadlines use monotonicMs only; a wall clock that jumps an hour changes nothing but what is displayed.
 * C2  Every wait takes an AbortSignal and rejects with its reason.
 */
import { performance } from 'node:perf_hooks';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970: for display and for comparing with a store's own timestamps, never for safety or order. */
  wallMs(): number;
  /** Milliseconds on a clock that never goes back, with a fraction. */
  monotonicMs(): number;
  /** Calls `fire` once, `delayMs` from now. The timer does not keep the process alive by itself unless it is a `sleep`. */
  timer(delayMs: number, fire: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout takes at most 2^31-1 ms and fires at once above it. */
const MAX_TIMER_MS = 2 ** 31 - 1;

class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  timer(delayMs: number, fire: () => void): Timer {
    const handle = setTimeout(fire, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(handle);
        reject(signal?.reason as Error);
      };
      const handle = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(Math.max(delayMs, 0), MAX_TIMER_MS),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

export const systemClock: Clock = new SystemClock();
