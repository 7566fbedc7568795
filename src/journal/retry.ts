/**
 * Repeating a read of the store whose failure may pass: for a limited time, or a few times where it is one of many that belong together.
 */
import { backoffMs, type BackoffPolicy, type Clock, type Random } from '../base/index.ts';
import { StoreError } from '../store/index.ts';

/** Between attempts. Without the jitter all clients of a store return at the same moment after it was away. */
export const RETRY: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 2000, jitter: 0.5 };

/** True for an error after which the same request may succeed. */
export function isRetryable(error: unknown): boolean {
  return error instanceof StoreError && error.retryable;
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Give up after this, ms. */
  readonly giveUpMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `read`, repeated while its failures may pass. @throws its last error, or the signal's reason. */
export async function retrying<T>(read: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, random, giveUpMs, signal } = options;
  const startedMs = clock.monotonicMs();
  for (let attempt = 0; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (!isRetryable(error) || clock.monotonicMs() - startedMs >= giveUpMs) throw error;
    }
    await clock.sleep(backoffMs(RETRY, attempt, random), signal);
  }
}

/** Attempts at each of many reads, besides those of the store's adapter: behind a network that loses half of all requests every other row of 22 of them succeeds. */
const ATTEMPTS_OF_MANY = 5;

/**
 * One of many reads of which all must succeed: repeated at once a few times, so that one lost request does not make its caller begin all of them anew. Behind a
 * network that loses a third of all requests that would never end. @throws its last error.
 */
export async function oneOfMany<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (signal?.aborted || attempt === ATTEMPTS_OF_MANY || !isRetryable(error)) throw error;
    }
  }
}
