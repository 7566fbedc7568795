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
import { APPLIED_INDEX_HEADER, EXPIRES_AT_HEADER, KEY_PATH, LAG_BYTES_HEADER } from '../http/headers.ts';
import { sessionNumber } from '../http/identity.ts';
import { fromJsonBytes, toJsonBytes } from '../http/json-bytes.ts';
import { pairFromJson } from '../http/json-commands.ts';
import { percentEncode } from '../http/percent.ts';
import type { Consistency } from '../service.ts';
import { Attempts, type AttemptOptions } from './attempts.ts';
import { KvRefusedError, KvSessionLostError, KvTimeoutError } from './errors.ts';
import { Locator, type Resolve } from './locator.ts';
import { ClientSession, type Ticket } from './session.ts';
import { jsonOf, numberIn, Transport, type Incoming, type Outgoing } from './transport.ts';

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
  readonly #attempts: Attempts;
  readonly #session: ClientSession;
  readonly #clock: Clock;

  constructor(options: KvClientOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#attempts = new Attempts(
      {
        transport: this.#transport,
        locator: new Locator(options),
        clock: this.#clock,
        random: options.random ?? systemRandom,
      },
      options,
    );
    this.#session = new ClientSession(async () => {
      const reply = await this.#attempts.call({ outgoing: { method: 'POST', target: '/v1/sessions' } });
      return sessionNumber(jsonOf(reply)['session']);
    });
  }

  /** Sets all pairs or none. @throws KvRefusedError, KvTimeoutError, KvSessionLostError, or the signal's reason; so do all mutations */
  async put(pairs: readonly NewPair[], options: WriteOptions = {}): Promise<void> {
    const [only] = pairs;
    if (pairs.length === 1 && only) {
      const query = queryOf({ expiresAt: only.expiresAt, ttlMs: only.ttlMs });
      await this.#mutate(
        { method: 'PUT', target: keyTarget(only.key) + query, body: bytes(only.value) },
        options,
      );
      return;
    }
    const items = pairs.map(({ key, value, ...expiry }) => ({
      ...toJsonBytes('key', bytes(key)),
      ...toJsonBytes('value', bytes(value)),
      ...expiry,
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
    options: WriteOptions & Expiry = {},
  ): Promise<boolean> {
    const body = JSON.stringify({
      ...toJsonBytes('key', bytes(key)),
      ...(expected === undefined ? {} : toJsonBytes('expected', bytes(expected))),
      ...toJsonBytes('value', bytes(value)),
      expiresAt: options.expiresAt,
      ttlMs: options.ttlMs,
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
    const reply = await this.#get(keyTarget(key) + queryOf({ consistency: options.consistency }), options);
    return {
      value: reply.status === 404 ? undefined : reply.body,
      expiresAt: numberIn(reply.headers, EXPIRES_AT_HEADER),
      appliedIndex: numberIn(reply.headers, APPLIED_INDEX_HEADER),
      lagBytes: numberIn(reply.headers, LAG_BYTES_HEADER),
    };
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

  /** Has the primary replace everything by the backup at `url`. @throws as backup */
  async restore(url: string, options: CallOptions = {}): Promise<BackupReport> {
    return await this.#administer('/v1/restore', url, options);
  }

  /** Ends the session, if the service can be reached, and every connection. */
  async close(): Promise<void> {
    const { clientId } = this.#session;
    try {
      if (clientId !== undefined)
        await this.#attempts.call({
          outgoing: { method: 'DELETE', target: `/v1/sessions/${clientId}` },
          timeoutMs: END_SESSION_MS,
        });
    } catch {
      // A session that is not ended is forgotten by the service when its place is needed.
    } finally {
      await this.#transport.close();
    }
  }

  async #administer(target: string, url: string, { timeoutMs, signal }: CallOptions): Promise<BackupReport> {
    const patience = timeoutMs ?? ADMINISTER_TIMEOUT_MS;
    const outgoing: Outgoing = { method: 'POST', target, body: JSON.stringify({ url }) };
    const reply = await this.#attempts.call({ outgoing, timeoutMs: patience, attemptMs: patience, signal });
    return jsonOf(reply) as unknown as BackupReport;
  }

  #get(target: string, { timeoutMs, signal }: CallOptions): Promise<Incoming> {
    return this.#attempts.call({ outgoing: { method: 'GET', target }, timeoutMs, signal });
  }

  /** N1. */
  async #mutate(outgoing: Outgoing, options: WriteOptions): Promise<Incoming> {
    const { requestId, signal } = options;
    const timeoutMs = options.timeoutMs ?? this.#attempts.timeoutMs;
    if (requestId !== undefined)
      return await this.#attempts.call({
        outgoing,
        identity: { kind: 'request', requestId },
        timeoutMs,
        signal,
      });
    const endsMs = this.#clock.monotonicMs() + timeoutMs;
    for (;;) {
      const ticket = this.#session.ticketAtOnce() ?? (await this.#ticket(endsMs, timeoutMs, signal));
      const left = Math.max(0, endsMs - this.#clock.monotonicMs());
      try {
        return await this.#attempts.call({ outgoing, identity: ticket.identity, timeoutMs: left, signal });
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

function keyTarget(key: BytesLike): string {
  return KEY_PATH + percentEncode(bytes(key));
}

/** `?name=value&…` of those that are given. */
function queryOf(parameters: Readonly<Record<string, BytesLike | number | undefined>>): string {
  const parts = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${typeof value === 'number' ? value : percentEncode(bytes(value))}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
