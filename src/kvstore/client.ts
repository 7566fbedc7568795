/**
 * A client of the key-value service that rides through a handoff.
 *
 * N1  Every mutation has one request id for all its attempts, so that it is applied once however often it is sent.
 * N2  An attempt that ends without a verdict (no connection, no answer in time, not the primary, outcome unknown, overloaded) is made again at
 *     whatever `resolve` then calls the primary, until the deadline. A verdict (400, 404, 413, 422 …) is final.
 * N3  Giving up says whether the mutation may have happened.
 */
import { Agent } from 'undici';
import {
  backoffMs,
  deadline,
  ensureError,
  errorCode,
  HoldfastError,
  raceAbort,
  systemClock,
  systemRandom,
  toHex,
  utf8,
  type BackoffPolicy,
  type Clock,
  type Random,
} from '../base/index.ts';
import { fromJsonBytes, pairFromJson, toJsonBytes } from './http/json-bytes.ts';
import { APPLIED_INDEX_HEADER, LAG_BYTES_HEADER, REQUEST_ID_HEADER } from './http/routes.ts';
import { KEY_PATH, percentEncode } from './http/target.ts';
import { type Pair } from './command.ts';
import { type Consistency } from './service.ts';

/** Time for a whole call, ms: longer than any failover promised (15 s with the operator gone too). */
const CALL_TIMEOUT_MS = 30_000;
/** Time for the first attempt, ms. A frozen primary keeps its sockets open, so this bounds what it can cost; each attempt that runs out of
 *  time doubles it for the next, so that a merely slow store is not asked over and over. */
const FIRST_ATTEMPT_MS = 1_000;
const LONGEST_ATTEMPT_MS = 8_000;
/** Pauses between attempts: short, since a new primary may serve at any moment. */
const RETRY: BackoffPolicy = { firstMs: 10, factor: 2, capMs: 100, jitter: 0.5 };
/** Bytes of randomness in a request id. */
const REQUEST_ID_BYTES = 16;
/** Statuses without a verdict (N2); 502 and 504 come from proxies on the way. */
const RETRYABLE = new Set([421, 429, 502, 503, 504]);
/** Refusals that say the mutation was not tried, or is known not to be in the log (K1). */
const SURELY_NOT_DONE = new Set(['NOT_PRIMARY', 'OVERLOADED', 'NOT_APPENDED']);

/** A key or value; text stands for its UTF-8 bytes. */
export type BytesLike = string | Uint8Array;

export interface KvClientOptions {
  /** Finds the current primary (or a standby, for stale reads). Asked again before every attempt; may wait. */
  readonly resolve: (signal: AbortSignal) => Promise<URL>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly timeoutMs?: number;
  readonly firstAttemptMs?: number;
}

export interface CallOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
export interface WriteOptions extends CallOptions {
  /** The same id as an earlier call makes this call a repetition of it. A new one by default. */
  readonly requestId?: string | undefined;
}
export interface ReadOptions extends CallOptions {
  readonly consistency?: Consistency | undefined;
}

export interface ReadReply {
  readonly value: Uint8Array | undefined;
  readonly appliedIndex: number | undefined;
  /** Undefined when the replica does not know. */
  readonly lagBytes: number | undefined;
}

export interface ListReply {
  readonly items: readonly Pair[];
  /** Give it as `start` to go on; undefined at the end. Every page is a point in time of its own. */
  readonly next: Uint8Array | undefined;
}

/** The service's final refusal of a call (N2). `code` is the service's. */
export class KvRefusedError extends HoldfastError {
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(code, message, { fields: { status } });
    this.status = status;
  }
}

/** No verdict within the deadline (N3). */
export class KvTimeoutError extends HoldfastError {
  /** True when a mutation may have been applied by one of the attempts. */
  readonly mayHaveHappened: boolean;

  constructor(timeoutMs: number, attempts: number, mayHaveHappened: boolean, cause: unknown) {
    super(
      'KV_TIMEOUT',
      `No answer from a primary within ${timeoutMs} ms and ${attempts} attempts.${mayHaveHappened ? ' The mutation may have happened; repeat it with the same request id.' : ''}`,
      { fields: { timeoutMs, attempts, mayHaveHappened }, cause },
    );
    this.mayHaveHappened = mayHaveHappened;
  }
}

interface Outgoing {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly target: string;
  readonly body?: Uint8Array | string;
  readonly requestId?: string;
}

interface Incoming {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

type AttemptOutcome =
  | { readonly kind: 'verdict'; readonly reply: Incoming }
  | {
      readonly kind: 'none';
      readonly cause: unknown;
      readonly mayHaveHappened: boolean;
      readonly timedOut: boolean;
    };

export class KvClient {
  readonly #options: KvClientOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  /** HTTP/1.1: Node's HTTP/2 sessions spin without end when requests are given up while their server is away. */
  readonly #agent: Agent = new Agent({ pipelining: 1, allowH2: false });

  constructor(options: KvClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
  }

  /** Sets all pairs or none. */
  async put(
    pairs: readonly { readonly key: BytesLike; readonly value: BytesLike }[],
    options: WriteOptions = {},
  ): Promise<void> {
    const [only] = pairs;
    if (pairs.length === 1 && only) {
      await this.#mutate({ method: 'PUT', target: keyTarget(only.key), body: bytes(only.value) }, options);
      return;
    }
    const items = pairs.map(({ key, value }) => ({
      ...toJsonBytes('key', bytes(key)),
      ...toJsonBytes('value', bytes(value)),
    }));
    await this.#mutate(
      { method: 'POST', target: '/v1/batch', body: JSON.stringify({ pairs: items }) },
      options,
    );
  }

  /** @returns whether the key was there */
  async delete(key: BytesLike, options: WriteOptions = {}): Promise<boolean> {
    const reply = await this.#mutate({ method: 'DELETE', target: keyTarget(key) }, options);
    return jsonOf(reply)['deleted'] === true;
  }

  /** Sets `value` if the key holds `expected` (undefined: if there is no such key). @returns whether it was set */
  async compareAndSet(
    key: BytesLike,
    expected: BytesLike | undefined,
    value: BytesLike,
    options: WriteOptions = {},
  ): Promise<boolean> {
    const body = JSON.stringify({
      ...toJsonBytes('key', bytes(key)),
      ...(expected === undefined ? {} : toJsonBytes('expected', bytes(expected))),
      ...toJsonBytes('value', bytes(value)),
    });
    const reply = await this.#mutate({ method: 'POST', target: '/v1/cas', body }, options);
    return jsonOf(reply)['swapped'] === true;
  }

  /** The value, undefined when there is none. */
  async get(key: BytesLike, options: ReadOptions = {}): Promise<Uint8Array | undefined> {
    return (await this.read(key, options)).value;
  }

  /** The value with the position it was read at. */
  async read(key: BytesLike, options: ReadOptions = {}): Promise<ReadReply> {
    const query = options.consistency ? `?consistency=${options.consistency}` : '';
    const reply = await this.#call({ method: 'GET', target: keyTarget(key) + query }, options);
    return {
      value: reply.status === 404 ? undefined : reply.body,
      appliedIndex: numberIn(reply, APPLIED_INDEX_HEADER),
      lagBytes: numberIn(reply, LAG_BYTES_HEADER),
    };
  }

  /** One page of the pairs whose keys begin with `prefix`, in ascending order. */
  async list(
    page: { readonly prefix?: BytesLike; readonly start?: BytesLike | undefined; readonly limit?: number },
    options: ReadOptions = {},
  ): Promise<ListReply> {
    const query = [`prefix=${percentEncode(bytes(page.prefix ?? ''))}`];
    if (page.start !== undefined) query.push(`start=${percentEncode(bytes(page.start))}`);
    if (page.limit !== undefined) query.push(`limit=${page.limit}`);
    if (options.consistency) query.push(`consistency=${options.consistency}`);
    const reply = await this.#call({ method: 'GET', target: `/v1/kv?${query.join('&')}` }, options);
    const json = jsonOf(reply);
    const pairs = Array.isArray(json['pairs']) ? json['pairs'] : [];
    return { items: pairs.map(pairFromJson), next: fromJsonBytes(json, 'next') };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #mutate(outgoing: Outgoing, options: WriteOptions): Promise<Incoming> {
    const requestId = options.requestId ?? toHex(this.#random.bytes(REQUEST_ID_BYTES));
    return this.#call({ ...outgoing, requestId }, options); // N1
  }

  /** Attempts until there is a verdict (N2). */
  async #call(outgoing: Outgoing, options: CallOptions): Promise<Incoming> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? CALL_TIMEOUT_MS;
    const whole = deadline(this.#clock, timeoutMs, 'the call', options.signal);
    const firstAttemptMs = this.#options.firstAttemptMs ?? FIRST_ATTEMPT_MS;
    let asked: URL | undefined;
    let attemptMs = firstAttemptMs;
    let mayHaveHappened = false;
    let last: unknown;
    let attempt = 0;
    try {
      for (; !whole.signal.aborted; attempt++) {
        try {
          const url = await raceAbort(this.#options.resolve(whole.signal), whole.signal);
          if (url.origin !== asked?.origin) attemptMs = firstAttemptMs;
          asked = url;
          const outcome = await this.#attempt(url, outgoing, attemptMs, whole.signal);
          if (outcome.kind === 'verdict') return outcome.reply;
          last = whole.signal.aborted ? (last ?? outcome.cause) : outcome.cause; // what went wrong tells more than that time is up
          mayHaveHappened ||= outcome.mayHaveHappened;
          if (outcome.timedOut) attemptMs = Math.min(attemptMs * 2, LONGEST_ATTEMPT_MS);
        } catch (error) {
          if (error instanceof KvRefusedError) throw error;
          last = whole.signal.aborted ? (last ?? error) : error; // the primary could not be found; nothing was sent
        }
        await this.#pause(attempt, whole.signal);
      }
    } finally {
      whole.clear();
    }
    options.signal?.throwIfAborted();
    throw new KvTimeoutError(timeoutMs, attempt, mayHaveHappened, ensureError(last));
  }

  /** Waits before the next attempt; the end of the whole call ends the pause too. */
  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(backoffMs(RETRY, attempt, this.#random), signal);
    } catch (error) {
      if (!signal.aborted) throw error; // else the loop of #call sees the signal and reports
    }
  }

  /** One attempt. @throws KvRefusedError on a final refusal */
  async #attempt(
    url: URL,
    outgoing: Outgoing,
    attemptMs: number,
    signal: AbortSignal,
  ): Promise<AttemptOutcome> {
    const mutation = outgoing.requestId !== undefined;
    const limit = deadline(this.#clock, attemptMs, 'the attempt', signal);
    try {
      const reply = await this.#send(url, outgoing, limit.signal);
      if (reply.status < 300) return { kind: 'verdict', reply };
      const refusal = refusalOf(reply);
      if (!mutation && refusal.code === 'KEY_NOT_FOUND') return { kind: 'verdict', reply };
      if (!RETRYABLE.has(reply.status)) throw refusal;
      const mayHaveHappened = mutation && !SURELY_NOT_DONE.has(refusal.code);
      return { kind: 'none', cause: refusal, mayHaveHappened, timedOut: false };
    } catch (error) {
      if (error instanceof KvRefusedError) throw error;
      const mayHaveHappened = mutation && errorCode(error) !== 'ECONNREFUSED';
      return { kind: 'none', cause: error, mayHaveHappened, timedOut: limit.signal.aborted };
    } finally {
      limit.clear();
    }
  }

  async #send(url: URL, outgoing: Outgoing, signal: AbortSignal): Promise<Incoming> {
    const headers: Record<string, string> = {};
    if (outgoing.requestId !== undefined) headers[REQUEST_ID_HEADER] = outgoing.requestId;
    if (outgoing.body !== undefined)
      headers['content-type'] =
        typeof outgoing.body === 'string' ? 'application/json' : 'application/octet-stream';
    const reply = await this.#agent.request({
      origin: url.origin,
      path: outgoing.target, // as it is: a URL would fold the keys "." and ".." away
      method: outgoing.method,
      headers,
      body: outgoing.body ?? null,
      signal,
    });
    return {
      status: reply.statusCode,
      headers: reply.headers,
      body: new Uint8Array(await reply.body.arrayBuffer()),
    };
  }
}

function bytes(value: BytesLike): Uint8Array {
  return typeof value === 'string' ? utf8(value) : value;
}

function keyTarget(key: BytesLike): string {
  return KEY_PATH + percentEncode(bytes(key));
}

function refusalOf(reply: Incoming): KvRefusedError {
  const { code, message } = jsonOf(reply);
  return new KvRefusedError(
    reply.status,
    typeof code === 'string' ? code : `HTTP_${reply.status}`,
    typeof message === 'string' ? message : `The server answered ${reply.status}.`,
  );
}

/** The JSON object in a reply; empty for anything else, such as a proxy's page. */
function jsonOf(reply: Incoming): Readonly<Record<string, unknown>> {
  if (!String(reply.headers['content-type'] ?? '').startsWith('application/json')) return {};
  const json: unknown = JSON.parse(Buffer.from(reply.body).toString('utf8'));
  return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : {};
}

function numberIn(reply: Incoming, header: string): number | undefined {
  const text = reply.headers[header];
  return typeof text === 'string' && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}
