/**
 * Bounded retries of requests that change nothing, or the same thing twice: GET, HEAD, LIST, DELETE.
 *
 * R1  An attempt is the request and its whole body: what breaks half way is tried again (s3log.md §6.12).
 * R2  Every attempt after the first uses a fresh connection and has more time to answer (2 s, 4 s, 8 s: s3log.md §1.6).
 * R3  The caller's signal ends everything at once, with its reason.
 * R4  No more attempts at a time than there are sockets; the time to answer begins with an attempt's turn. A burst of reads must not look
 *     like a store that does not answer, and its repetitions must not open hundreds of connections more.
 */
import {
  backoffMs,
  DeadlineError,
  isAbortOf,
  raceAbort,
  type BackoffPolicy,
  type Clock,
  type Random,
} from '../../base/index.ts';
import type { StoreCall } from '../types.ts';
import type { SendOptions } from './fresh-connections.ts';
import { s3Error, type RequestPlace } from './s3-error.ts';
import type { Turns } from './turns.ts';

/** §6.12: four in all. */
const MAX_ATTEMPTS = 4;
const PAUSE: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 2_000, jitter: 0.5 };
const FIRST_ANSWER_MS = 2_000;
const LONGEST_ANSWER_MS = 8_000;

export interface ReadRetryOptions {
  readonly clock: Clock;
  /** One for each socket (R4). */
  readonly turns: Turns;
  readonly random: Random;
  /** Told of every repetition. */
  readonly onRetry: (operation: string, code: string) => void;
}

/** One attempt. It calls `answered` when the store's answer has begun: from there on, progress counts instead of the deadline. */
export type Attempt<T> = (send: SendOptions, answered: () => void) => Promise<T>;

/** Runs `attempt` until it succeeds, fails for good, or was tried often enough. @throws StoreError, or the signal's reason (R3). */
export async function withRetries<T>(
  place: RequestPlace,
  call: StoreCall | undefined,
  options: ReadRetryOptions,
  attempt: Attempt<T>,
): Promise<T> {
  const { clock, random, onRetry, turns } = options;
  const signal = call?.signal;
  for (let tried = 1; ; tried += 1) {
    signal?.throwIfAborted();
    const fresh = tried > 1 || call?.freshConnection === true; // R2
    const giveBack = await turns.take(signal); // R4
    try {
      return await tryOnce(clock, signal, answerMs(tried), fresh, attempt);
    } catch (thrown) {
      if (isAbortOf(signal, thrown)) throw signal?.reason; // R3
      const error = s3Error(thrown, place, tried);
      if (!error.retryable || tried === MAX_ATTEMPTS) throw error;
      onRetry(place.operation, error.code);
    } finally {
      giveBack();
    }
    await clock.sleep(backoffMs(PAUSE, tried - 1, random), signal);
  }
}

/** How long attempt number `tried` waits for the answer to begin, ms (R2). */
function answerMs(tried: number): number {
  return Math.min(LONGEST_ANSWER_MS, FIRST_ANSWER_MS * 2 ** (tried - 1));
}

async function tryOnce<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  ms: number,
  freshConnection: boolean,
  attempt: Attempt<T>,
): Promise<T> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = clock.timer(ms, () => stop.abort(new DeadlineError('the answer of the store', ms)));
  try {
    const work = attempt({ abortSignal: stop.signal, freshConnection }, () => timer.cancel());
    return await raceAbort(work, stop.signal);
  } catch (thrown) {
    throw stop.signal.aborted ? stop.signal.reason : thrown; // the SDK's AbortError says less than why we stopped
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
