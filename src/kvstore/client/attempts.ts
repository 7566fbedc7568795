/**
 * One call: attempts until there is a verdict.
 *
 * N2  An attempt that ends without a verdict (no connection, no answer in time, not the primary, outcome unknown, overloaded) is made again at
 *     whatever the locator then names, until the deadline. A verdict (400, 404, 413, 422 …) is final.
 * N3  Giving up says whether the mutation may have happened. A mutation without an identity ends so after the first attempt that may have made it: made twice it would
 *     undo what others wrote in between.
 * N4  BUSY is a verdict but for reads: for a mutation it is the first result of its identity, so asking again with that would never end; of several backups one is made.
 */
import {
  backoffMs,
  deadline,
  ensureError,
  errorCode,
  raceAbort,
  type BackoffPolicy,
  type Clock,
  type Random,
} from '../../base/index.ts';
import { KvRefusedError, KvSessionLostError, KvTimeoutError } from './errors.ts';
import { type Locator } from './locator.ts';

/** Time for a whole call, ms: longer than any failover promised (15 s with the operator gone too). */
const CALL_TIMEOUT_MS = 30_000;
/** Time for the first attempt, ms. A frozen primary keeps its sockets open, so this bounds what it can cost; each attempt that runs out of
 *  time doubles it for the next, so that a merely slow store is not asked over and over. */
const FIRST_ATTEMPT_MS = 1_000;
const LONGEST_ATTEMPT_MS = 8_000;
/** Pauses between attempts: short, since a new primary may serve at any moment. */
const RETRY: BackoffPolicy = { firstMs: 10, factor: 2, capMs: 100, jitter: 0.5 };
/** Statuses without a verdict (N2); 502 and 504 come from proxies on the way. */
const RETRYABLE = new Set([421, 429, 502, 503, 504]);
/** Refusals that say the mutation was not tried, or is known not to be in the log (K1). */
const SURELY_NOT_DONE = new Set(['NOT_PRIMARY', 'OVERLOADED', 'NOT_APPENDED', 'BUSY']);
/** Errors of a connection that never was, or was not free: nothing was sent. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'NOT_SENT']);

export interface AttemptOptions {
  readonly timeoutMs?: number | undefined;
  readonly firstAttemptMs?: number | undefined;
}

/** What one replica says. */
export type Told<T> =
  | { readonly kind: 'ok'; readonly value: T }
  /** `primary`: whom it names as the primary. */
  | { readonly kind: 'refused'; readonly refusal: KvRefusedError; readonly primary: string | undefined };

export interface Call<T> {
  /** One exchange with one replica; the same for all attempts. */
  readonly ask: (url: URL, signal: AbortSignal) => Promise<Told<T>>;
  /** none: a read. repeatable: a mutation with an identity. once: a mutation without one, which must not be made twice (N3). */
  readonly effect: 'none' | 'repeatable' | 'once';
  readonly timeoutMs?: number | undefined;
  /** Of a call that takes its time: how long its first attempt may take. */
  readonly attemptMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Outcome<T> =
  | { readonly kind: 'verdict'; readonly value: T }
  | {
      readonly kind: 'none';
      readonly cause: unknown;
      readonly hint: string | undefined;
      readonly mayHaveHappened: boolean;
      readonly timedOut: boolean;
    };

export class Attempts {
  readonly #locator: Locator;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: AttemptOptions;

  constructor(
    parts: {
      readonly locator: Locator;
      readonly clock: Clock;
      readonly random: Random;
    },
    options: AttemptOptions,
  ) {
    this.#locator = parts.locator;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#options = options;
  }

  /** Time for a whole call that says nothing of its own, ms. */
  get timeoutMs(): number {
    return this.#options.timeoutMs ?? CALL_TIMEOUT_MS;
  }

  /** The verdict (N2). @throws KvRefusedError, KvTimeoutError and KvSessionLostError (N3), or the signal's reason */
  async call<T>(call: Call<T>): Promise<T> {
    const timeoutMs = call.timeoutMs ?? this.timeoutMs;
    const startedMs = this.#clock.monotonicMs();
    const whole = deadline(this.#clock, timeoutMs, 'the call', call.signal);
    const firstAttemptMs = call.attemptMs ?? this.#options.firstAttemptMs ?? FIRST_ATTEMPT_MS;
    /** Origin -> time for its next attempt, once one ran out of time there. Others that are asked in between change nothing of it. */
    const patience = new Map<string, number>();
    let mayHaveHappened = false;
    let last: unknown;
    let attempt = 0;
    try {
      for (; !whole.signal.aborted; attempt++) {
        try {
          const url = await raceAbort(this.#locator.next(whole.signal), whole.signal);
          const attemptMs = patience.get(url.origin) ?? firstAttemptMs;
          const outcome = await this.#attempt(url, call, attemptMs, whole.signal);
          if (outcome.kind === 'verdict') return outcome.value;
          this.#locator.failed(url, outcome.hint);
          last = whole.signal.aborted ? (last ?? outcome.cause) : outcome.cause; // what went wrong tells more than that time is up
          mayHaveHappened ||= outcome.mayHaveHappened;
          if (mayHaveHappened && call.effect === 'once') {
            attempt++;
            break; // N3
          }
          if (outcome.timedOut) patience.set(url.origin, Math.min(attemptMs * 2, LONGEST_ATTEMPT_MS));
        } catch (error) {
          if (error instanceof KvRefusedError) throw lostSession(error, mayHaveHappened) ?? error;
          last = whole.signal.aborted ? (last ?? error) : error; // the primary could not be found; nothing was sent
        }
        await this.#pause(attempt, whole.signal);
      }
    } finally {
      whole.clear();
    }
    call.signal?.throwIfAborted();
    const waitedMs = whole.signal.aborted ? timeoutMs : Math.round(this.#clock.monotonicMs() - startedMs);
    throw new KvTimeoutError(waitedMs, attempt, mayHaveHappened, ensureError(last));
  }

  /** Waits before the next attempt; the end of the whole call ends the pause too. */
  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(backoffMs(RETRY, attempt, this.#random), signal);
    } catch (error) {
      if (!signal.aborted) throw error; // else the loop of call sees the signal and reports
    }
  }

  /** One attempt. @throws KvRefusedError on a final refusal */
  async #attempt<T>(
    url: URL,
    { ask, effect }: Call<T>,
    attemptMs: number,
    signal: AbortSignal,
  ): Promise<Outcome<T>> {
    const mutation = effect !== 'none';
    const limit = deadline(this.#clock, attemptMs, 'the attempt', signal);
    try {
      const told = await ask(url, limit.signal);
      if (told.kind === 'ok') return { kind: 'verdict', value: told.value };
      const { refusal, primary } = told;
      if (!RETRYABLE.has(refusal.status) || (mutation && refusal.code === 'BUSY')) throw refusal; // N4
      const mayHaveHappened = mutation && !SURELY_NOT_DONE.has(refusal.code);
      return { kind: 'none', cause: refusal, hint: primary, mayHaveHappened, timedOut: false };
    } catch (error) {
      if (error instanceof KvRefusedError) throw error;
      const mayHaveHappened = mutation && !NEVER_SENT.has(errorCode(error) ?? '');
      return { kind: 'none', cause: error, hint: undefined, mayHaveHappened, timedOut: limit.signal.aborted };
    } finally {
      limit.clear();
    }
  }
}

/** A session that is not known any more says nothing of an earlier attempt. */
function lostSession(refusal: KvRefusedError, mayHaveHappened: boolean): KvSessionLostError | undefined {
  return mayHaveHappened && refusal.code === 'SESSION_UNKNOWN' ? new KvSessionLostError(refusal) : undefined;
}
