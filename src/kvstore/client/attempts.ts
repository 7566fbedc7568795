/**
 * One call: attempts until there is a verdict.
 *
 * N2  An attempt that ends without a verdict (no connection, no answer in time, not the primary, outcome unknown, overloaded) is made again at
 *     whatever the locator then names, until the deadline. A verdict (400, 404, 413, 422 …) is final.
 * N3  Giving up says whether the mutation may have happened.
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
import { PRIMARY_HEADER } from '../http/headers.ts';
import { identityHeaders, type IdempotencyKey } from '../http/identity.ts';
import { KvRefusedError, KvSessionLostError, KvTimeoutError } from './errors.ts';
import { type Locator } from './locator.ts';
import { jsonOf, type Incoming, type Outgoing, type Transport } from './transport.ts';

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

export interface AttemptOptions {
  readonly timeoutMs?: number | undefined;
  readonly firstAttemptMs?: number | undefined;
}

export interface Call {
  readonly outgoing: Outgoing;
  /** Of a mutation: the same for all its attempts. */
  readonly identity?: IdempotencyKey;
  readonly timeoutMs?: number | undefined;
  /** Of a call that takes its time: how long its first attempt may take. */
  readonly attemptMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Outcome =
  | { readonly kind: 'verdict'; readonly reply: Incoming }
  | {
      readonly kind: 'none';
      readonly cause: unknown;
      readonly hint: string | undefined;
      readonly mayHaveHappened: boolean;
      readonly timedOut: boolean;
    };

export class Attempts {
  readonly #transport: Transport;
  readonly #locator: Locator;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: AttemptOptions;

  constructor(
    parts: {
      readonly transport: Transport;
      readonly locator: Locator;
      readonly clock: Clock;
      readonly random: Random;
    },
    options: AttemptOptions,
  ) {
    this.#transport = parts.transport;
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
  async call(call: Call): Promise<Incoming> {
    const timeoutMs = call.timeoutMs ?? this.timeoutMs;
    const whole = deadline(this.#clock, timeoutMs, 'the call', call.signal);
    const firstAttemptMs = call.attemptMs ?? this.#options.firstAttemptMs ?? FIRST_ATTEMPT_MS;
    let asked: URL | undefined;
    let attemptMs = firstAttemptMs;
    let mayHaveHappened = false;
    let last: unknown;
    let attempt = 0;
    try {
      for (; !whole.signal.aborted; attempt++) {
        try {
          const url = await raceAbort(this.#locator.next(whole.signal), whole.signal);
          if (url.origin !== asked?.origin) attemptMs = firstAttemptMs;
          asked = url;
          const outcome = await this.#attempt(url, call, attemptMs, whole.signal);
          if (outcome.kind === 'verdict') return outcome.reply;
          this.#locator.failed(url, outcome.hint);
          last = whole.signal.aborted ? (last ?? outcome.cause) : outcome.cause; // what went wrong tells more than that time is up
          mayHaveHappened ||= outcome.mayHaveHappened;
          if (outcome.timedOut) attemptMs = Math.min(attemptMs * 2, LONGEST_ATTEMPT_MS);
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
    throw new KvTimeoutError(timeoutMs, attempt, mayHaveHappened, ensureError(last));
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
  async #attempt(
    url: URL,
    { outgoing, identity }: Call,
    attemptMs: number,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const mutation = identity !== undefined;
    const limit = deadline(this.#clock, attemptMs, 'the attempt', signal);
    try {
      const headers = identity ? identityHeaders(identity) : {};
      const reply = await this.#transport.send(url, outgoing, headers, limit.signal);
      if (reply.status < 300) return { kind: 'verdict', reply };
      const refusal = refusalOf(reply);
      if (!mutation && refusal.code === 'KEY_NOT_FOUND') return { kind: 'verdict', reply };
      if (!RETRYABLE.has(reply.status) || (outgoing.method !== 'GET' && refusal.code === 'BUSY'))
        throw refusal; // N4
      const hint = reply.headers[PRIMARY_HEADER];
      return {
        kind: 'none',
        cause: refusal,
        hint: typeof hint === 'string' ? hint : undefined,
        mayHaveHappened: mutation && !SURELY_NOT_DONE.has(refusal.code),
        timedOut: false,
      };
    } catch (error) {
      if (error instanceof KvRefusedError) throw error;
      const mayHaveHappened = mutation && errorCode(error) !== 'ECONNREFUSED';
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

/** The service's refusal in a reply. */
export function refusalOf(reply: Incoming): KvRefusedError {
  const { code, message, ...details } = jsonOf(reply);
  return new KvRefusedError(
    reply.status,
    typeof code === 'string' ? code : `HTTP_${reply.status}`,
    typeof message === 'string' ? message : `The server answered ${reply.status}.`,
    details,
  );
}
