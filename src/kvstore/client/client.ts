/**
 * A client of the key-value service that rides through a handoff.
 *
 * N1  Every mutation has one identity for all its attempts, its place in the client's session or a request id that the caller gives, so that it is applied once however
 *     often it is sent.
 * N2  An attempt without a verdict is made again elsewhere; giving up says whether the mutation may have happened (attempts.ts).
 */
import {
  deadline,
  DeadlineError,
  systemClock,
  systemRandom,
  utf8,
  type Clock,
  type Random,
} from '../../base/index.ts';
import type { Pair } from '../command.ts';
import type { BackupReport } from '../engine/types.ts';
import { operationToBytes, type BulkExpiry, type BulkOperation } from '../http/bulk-bytes.ts';
import { identityHeaders, sessionNumber, type IdempotencyKey } from '../http/identity.ts';
import { fromJsonBytes, toJsonBytes } from '../http/json-bytes.ts';
import { pairFromJson } from '../http/json-commands.ts';
import { percentEncode } from '../http/percent.ts';
import type { Consistency } from '../service.ts';
import { Attempts, type AttemptOptions, type Call } from './attempts.ts';
import { Bulks, type Outcome } from './bulks.ts';
import { KvAnswerError, KvRefusedError, KvSessionLostError, KvTimeoutError } from './errors.ts';
import { Locator, type Resolve } from './locator.ts';
import { ClientSession, type Ticket } from './session.ts';
import { jsonOf, toldBy, Transport, type Incoming, type Outgoing } from './transport.ts';

/** Longest that close waits for the end of its session, ms: the service forgets an unused session by itself. */
const END_SESSION_MS = 1_000;

/** Time for a backup or a restore, ms: gigabytes on a slow line. */
const ADMINISTER_TIMEOUT_MS = 3_600_000;

/** A key or value; text stands for its UTF-8 bytes. */
export type BytesLike = string | Uint8Array;

export interface KvClientOptions extends AttemptOptions {
  /** Finds the current primary (or a standby, for stale reads). Asked again before every attempt; may wait. */
  readonly resolve?: Resolve;
  /** Instead of `resolve`: the URLs of all replicas; the client finds out which is the primary. */
  readonly endpoints?: readonly (string | URL)[];
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface CallOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
export interface WriteOptions extends CallOptions {
  /** The same id as an earlier call makes this call a repetition of it, also from another process. By default the client's session tells its calls apart. */
  readonly requestId?: string | undefined;
}
export interface ReadOptions extends CallOptions {
  readonly consistency?: Consistency | undefined;
}

/** When a pair ends to exist: at a moment (milliseconds since 1970), or a time after the service has taken it. Neither: never. */
export interface Expiry {
  readonly expiresAt?: number | undefined;
  readonly ttlMs?: number | undefined;
}

export interface NewPair extends Expiry {
  readonly key: BytesLike;
  readonly value: BytesLike;
}

export interface ReadReply {
  readonly value: Uint8Array | undefined;
  /** When the pair ends to exist, milliseconds since 1970; undefined: never, or there is none. */
  readonly expiresAt: number | undefined;
  readonly appliedIndex: number | undefined;
  /** Undefined when the replica does not know. */
  readonly lagBytes: number | undefined;
}

export interface ListQuery {
  readonly prefix?: BytesLike;
  readonly start?: BytesLike | undefined;
  /** Pairs of one page. */
  readonly limit?: number;
}

export interface ListReply {
  readonly items: readonly Pair[];
  /** Give it as `start` to go on; undefined at the end. Every page is a point in time of its own. */
  readonly next: Uint8Array | undefined;
}

export class KvClient {
  readonly #transport: Transport = new Transport();
  readonly #bulks: Bulks = new Bulks(this.#transport);
  readonly #attempts: Attempts;
  readonly #session: ClientSession;
  readonly #clock: Clock;

  constructor(options: KvClientOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#attempts = new Attempts(
      {
        locator: new Locator(options),
        clock: this.#clock,
        random: options.random ?? systemRandom,
      },
      options,
    );
    this.#session = new ClientSession(async () => {
      const reply = await this.#exchange({ method: 'POST', target: '/v1/sessions' }, { effect: 'none' });
      return sessionNumber(jsonOf(reply)['session']);
    });
  }

  /** Sets all pairs or none. @throws KvRefusedError, KvTimeoutError, KvSessionLostError, or the signal's reason; so do all mutations */
  async put(pairs: readonly NewPair[], options: WriteOptions = {}): Promise<void> {
    const [only] = pairs;
    if (pairs.length === 1 && only) {
      const pair = { key: bytes(only.key), value: bytes(only.value), expiry: expiryOf(only) };
      await this.#mutate((identity) => this.#inBulk({ kind: 'put', ...pair, identity }), options);
      return;
    }
    const items = pairs.map(({ key, value, ...expiry }) => ({
      ...toJsonBytes('key', bytes(key)),
      ...toJsonBytes('value', bytes(value)),
      ...expiry,
    }));
    const outgoing: Outgoing = {
      method: 'POST',
      target: '/v1/batch',
      body: JSON.stringify({ pairs: items }),
    };
    await this.#mutate((identity) => this.#asRequest(outgoing, identityHeaders(identity)), options);
  }

  /** @returns whether the key was there */
  async delete(key: BytesLike, options: WriteOptions = {}): Promise<boolean> {
    const of = { kind: 'delete', key: bytes(key) } as const;
    return isDone(await this.#mutate((identity) => this.#inBulk({ ...of, identity }), options));
  }

  /** Sets `value` if the key holds `expected` (undefined: if there is no such key). @returns whether it was set */
  async compareAndSet(
    key: BytesLike,
    expected: BytesLike | undefined,
    value: BytesLike,
    options: WriteOptions & Expiry = {},
  ): Promise<boolean> {
    const of = {
      kind: 'cas',
      key: bytes(key),
      expected: expected === undefined ? undefined : bytes(expected),
      value: bytes(value),
      expiry: expiryOf(options),
    } as const;
    return isDone(await this.#mutate((identity) => this.#inBulk({ ...of, identity }), options));
  }

  /** The value, undefined when there is none. */
  async get(key: BytesLike, options: ReadOptions = {}): Promise<Uint8Array | undefined> {
    return (await this.read(key, options)).value;
  }

  /** The value with the position it was read at. */
  async read(key: BytesLike, options: ReadOptions = {}): Promise<ReadReply> {
    const { consistency = 'linearizable', timeoutMs, signal } = options;
    const ask = this.#inBulk({ kind: 'get', key: bytes(key), consistency });
    const outcome = await this.#attempts.call({ ask, effect: 'none', timeoutMs, signal });
    if (outcome.kind === 'done') throw new KvAnswerError('a read has the outcome of a write');
    const { appliedIndex, lagBytes } = outcome;
    const found = outcome.kind === 'value' ? outcome : { value: undefined, expiresAt: undefined };
    return { value: found.value, expiresAt: found.expiresAt, appliedIndex, lagBytes };
  }

  /** One page of the pairs whose keys begin with `prefix`, in ascending order. */
  async list(page: ListQuery, options: ReadOptions = {}): Promise<ListReply> {
    const query = queryOf({ ...page, prefix: page.prefix ?? '', consistency: options.consistency });
    const json = jsonOf(await this.#get(`/v1/kv${query}`, options));
    const pairs = Array.isArray(json['pairs']) ? json['pairs'] : [];
    return { items: pairs.map((pair) => pairFromJson(pair, 0)), next: fromJsonBytes(json, 'next') };
  }

  /** All pairs whose keys begin with `prefix`, from `start` on, in ascending order; page by page, each a point in time of its own. */
  async *iterate(query: ListQuery = {}, options: ReadOptions = {}): AsyncGenerator<Pair, void, undefined> {
    let start = query.start;
    do {
      const page: ListReply = await this.list({ ...query, start }, options);
      yield* page.items;
      start = page.next;
    } while (start !== undefined);
  }

  /** What the replica holds and has applied. */
  async stats(options: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return jsonOf(await this.#get('/v1/stats', options));
  }

  /** Has the primary write everything, at one point in time, to `url`, a place of an object store. @throws as put; BACKUP_FAILED among the refusals */
  async backup(url: string, options: CallOptions = {}): Promise<BackupReport> {
    return await this.#administer('/v1/backup', url, options);
  }

  /** Has the primary replace everything by the backup at `url`; never twice, not even when nobody knows whether it did. @throws as backup */
  async restore(url: string, options: CallOptions = {}): Promise<BackupReport> {
    return await this.#administer('/v1/restore', url, options);
  }

  /** Ends the session, if the service can be reached, and every connection. */
  async close(): Promise<void> {
    const { clientId } = this.#session;
    try {
      if (clientId !== undefined)
        await this.#exchange(
          { method: 'DELETE', target: `/v1/sessions/${clientId}` },
          { effect: 'none', timeoutMs: END_SESSION_MS },
        );
    } catch {
      // A session that is not ended is forgotten by the service when its place is needed.
    } finally {
      await this.#transport.close();
    }
  }

  async #administer(target: string, url: string, { timeoutMs, signal }: CallOptions): Promise<BackupReport> {
    const patience = timeoutMs ?? ADMINISTER_TIMEOUT_MS;
    const outgoing: Outgoing = { method: 'POST', target, body: JSON.stringify({ url }) };
    const reply = await this.#exchange(outgoing, {
      effect: 'once',
      timeoutMs: patience,
      attemptMs: patience,
      signal,
    });
    return jsonOf(reply) as unknown as BackupReport;
  }

  #get(target: string, { timeoutMs, signal }: CallOptions): Promise<Incoming> {
    return this.#exchange({ method: 'GET', target }, { effect: 'none', timeoutMs, signal });
  }

  #exchange(outgoing: Outgoing, call: Omit<Call<Incoming>, 'ask'>): Promise<Incoming> {
    return this.#attempts.call({ ...call, ask: this.#asRequest(outgoing) });
  }

  #asRequest(outgoing: Outgoing, headers: Readonly<Record<string, string>> = {}): Call<Incoming>['ask'] {
    return async (url, signal) => toldBy(await this.#transport.send(url, outgoing, headers, signal));
  }

  #inBulk(operation: BulkOperation): Call<Outcome>['ask'] {
    const kind = operation.kind === 'get' ? 'read' : 'write';
    const encoded = operationToBytes(operation); // now: what cannot be sent is told to nobody else, and what changes later is not sent
    return (url, signal) => this.#bulks.ask(url, kind, encoded, signal);
  }

  /** N1. */
  async #mutate<T>(
    askAs: (identity: IdempotencyKey) => Call<T>['ask'],
    { requestId, signal, ...options }: WriteOptions,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.#attempts.timeoutMs;
    const effect = 'repeatable';
    if (requestId !== undefined)
      return await this.#attempts.call({
        ask: askAs({ kind: 'request', requestId }),
        effect,
        timeoutMs,
        signal,
      });
    const endsMs = this.#clock.monotonicMs() + timeoutMs;
    for (;;) {
      const ticket = this.#session.ticketAtOnce() ?? (await this.#ticket(endsMs, timeoutMs, signal));
      const left = Math.max(0, endsMs - this.#clock.monotonicMs());
      try {
        return await this.#attempts.call({ ask: askAs(ticket.identity), effect, timeoutMs: left, signal });
      } catch (error) {
        const unknown = error instanceof KvRefusedError && error.code === 'SESSION_UNKNOWN';
        if (unknown || error instanceof KvSessionLostError) this.#session.lost(ticket.identity.clientId);
        if (!unknown) throw error; // else nothing was applied: again, in a new session
      } finally {
        ticket.done();
      }
    }
  }

  /** A place in the session. @throws KvTimeoutError when none was to be had in time: nothing was sent */
  async #ticket(endsMs: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<Ticket> {
    const limit = deadline(
      this.#clock,
      endsMs - this.#clock.monotonicMs(),
      'the beginning of a session',
      signal,
    );
    try {
      return await this.#session.ticket(limit.signal);
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw new KvTimeoutError(timeoutMs, 0, false, error);
    } finally {
      limit.clear();
    }
  }
}

function bytes(value: BytesLike): Uint8Array {
  return typeof value === 'string' ? utf8(value) : value;
}

function expiryOf({ expiresAt, ttlMs }: Expiry): BulkExpiry {
  if (expiresAt !== undefined && ttlMs !== undefined)
    throw new KvRefusedError(400, 'INVALID_BODY', 'Give expiresAt or ttlMs, not both.');
  if (ttlMs !== undefined) return { kind: 'after', ttlMs: moment('ttlMs', ttlMs) };
  return expiresAt === undefined
    ? { kind: 'never' }
    : { kind: 'at', expiresAt: moment('expiresAt', expiresAt) };
}

function moment(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new KvRefusedError(400, 'INVALID_BODY', `${name} is not a whole number from 0 to 2^53-1.`);
}

function isDone(outcome: Outcome): boolean {
  return outcome.kind === 'done' && outcome.result === 1;
}

/** `?name=value&…` of those that are given. */
function queryOf(parameters: Readonly<Record<string, BytesLike | number | undefined>>): string {
  const parts = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${typeof value === 'number' ? value : percentEncode(bytes(value))}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
