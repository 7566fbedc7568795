/**
 * sessions: what is remembered of clients that number their commands, so that each is applied once (seeds.md F4.19-F4.22).
 *
 * U1  Replicated state: a function of the history alone, command by command. A step of a session is therefore never applied together with other commands (F4.4).
 * U2  Bounded by number of sessions and by bytes of results. The session least recently used is forgotten first, whole: its client is told then that
 *     it has none, and never that a command of it is new.
 * U3  The bounds are part of the state: sessions saved with other bounds are refused (F5.6).
 * U4  Order of use is saved with them, and equal sessions have equal bytes.
 */
import { EnvelopeError, type Refusal } from './errors.ts';
import { REMEMBERED_SESSIONS, SESSION_RESULT_BYTES, SESSION_RESULT_OVERHEAD_BYTES } from './limits.ts';
import { Lru } from './lru.ts';
import type { Result } from './types.ts';
import type { ByteReader, ByteWriter } from './varint.ts';

/** Largest number of a client; 0 is none. */
export const MAX_CLIENT_ID: bigint = 2n ** 64n - 1n;
/** Largest number of a command; the two above stand for register and unregister where dragonboat numbers those (F4.19). */
export const MAX_SERIES: bigint = 2n ** 64n - 3n;

/** A step of a session. */
export type SessionCall =
  | {
      readonly kind: 'update';
      readonly clientId: bigint;
      /** Number of the command: 1, 2, 3 … each used for one command only. */
      readonly series: bigint;
      /** The client has the answers of all commands up to this one; they are forgotten. */
      readonly respondedTo: bigint;
    }
  | { readonly kind: 'register' | 'unregister'; readonly clientId: bigint };

/** What a numbered command is: refused, answered before, or to be applied now. */
export type SeriesState =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'known'; readonly result: Result }
  | { readonly kind: 'new' };

export interface SessionBounds {
  readonly sessions: number;
  readonly resultBytes: number;
}

const DEFAULT_BOUNDS: SessionBounds = { sessions: REMEMBERED_SESSIONS, resultBytes: SESSION_RESULT_BYTES };

interface Session {
  /** Index of the last step. */
  used: number;
  respondedTo: bigint;
  /** Results the client may not have yet. */
  readonly history: Map<bigint, Result>;
}

/** Told of every session and result that came, changed or went. */
export type SessionWatch = (clientId: bigint, series?: bigint) => void;

export class SessionTable {
  readonly #bounds: SessionBounds;
  readonly #changed: SessionWatch;
  readonly #sessions = new Lru<bigint, Session>();
  #resultBytes = 0;

  constructor(bounds: SessionBounds = DEFAULT_BOUNDS, changed: SessionWatch = () => undefined) {
    this.#bounds = bounds;
    this.#changed = changed;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get bounds(): SessionBounds {
    return this.#bounds;
  }

  /** The result of a numbered command, without counting as a use: only the log may change the table (U1). */
  peek(clientId: bigint, series: bigint): Result | undefined {
    return this.#sessions.peek(clientId)?.history.get(series);
  }

  /** Begins a session at index `at`, and forgets another one if there are too many. @returns why not, if not */
  register(clientId: bigint, at: number): Refusal | undefined {
    if (this.#sessions.has(clientId)) return 'session-exists';
    this.#sessions.set(clientId, { used: at, respondedTo: 0n, history: new Map() });
    this.#changed(clientId);
    if (this.#sessions.size > this.#bounds.sessions) this.#forgetOldest();
    return undefined;
  }

  /** Ends a session. @returns why not, if not */
  unregister(clientId: bigint): Refusal | undefined {
    const session = this.#sessions.peek(clientId);
    if (!session) return 'session-unknown';
    this.#forget(clientId, session);
    return undefined;
  }

  /** Meets the command `series` of a session at index `at`, and forgets what the client has the answers of (F4.20). */
  meet(clientId: bigint, series: bigint, respondedTo: bigint, at: number): SeriesState {
    const session = this.#sessions.use(clientId);
    if (!session) return { kind: 'refused', refusal: 'session-unknown' };
    session.used = at;
    this.#changed(clientId);
    if (respondedTo > session.respondedTo) {
      session.respondedTo = respondedTo;
      for (const [each, result] of session.history)
        if (each <= respondedTo) this.#drop(clientId, session, each, result);
    }
    if (series <= session.respondedTo) return { kind: 'refused', refusal: 'series-answered' };
    const result = session.history.get(series);
    return result ? { kind: 'known', result } : { kind: 'new' };
  }

  /** Remembers the result of a new command; then forgets sessions until results fit (U2), in the worst case this one. */
  settle(clientId: bigint, series: bigint, result: Result): void {
    const session = this.#sessions.peek(clientId);
    if (!session) return; // unregistered by nobody: only meet and settle happen between two commands
    session.history.set(series, result);
    this.#resultBytes += costOf(result);
    this.#changed(clientId, series);
    while (this.#resultBytes > this.#bounds.resultBytes) this.#forgetOldest();
  }

  save(out: ByteWriter): void {
    out.number(this.#bounds.sessions).number(this.#bounds.resultBytes).number(this.#sessions.size);
    for (const [clientId, { used, respondedTo, history }] of this.#sessions) {
      out.u64(clientId).number(used).u64(respondedTo).number(history.size);
      for (const [series, { value, data }] of bySeries(history)) out.u64(series).number(value).sized(data);
    }
  }

  /** @throws EnvelopeError when the bytes are damaged or were saved with other bounds (U3) */
  load(input: ByteReader): void {
    this.checkBounds({ sessions: input.number(), resultBytes: input.number() });
    const count = input.number();
    for (let n = 0; n < count; n++) {
      const clientId = input.u64();
      this.put(clientId, input.number(), input.u64());
      const results = input.number();
      for (let m = 0; m < results; m++)
        this.putResult(clientId, input.u64(), { value: input.number(), data: input.sized() });
    }
  }

  /** @throws EnvelopeError (U3) */
  checkBounds(saved: SessionBounds): void {
    const { sessions, resultBytes } = this.#bounds;
    if (saved.sessions !== sessions || saved.resultBytes !== resultBytes)
      throw new EnvelopeError(
        `it remembers ${saved.sessions} sessions and ${saved.resultBytes} bytes of their results`,
      );
  }

  /** Puts a saved session behind those that are there. */
  put(clientId: bigint, used: number, respondedTo: bigint): void {
    this.#sessions.set(clientId, { used, respondedTo, history: new Map() });
    this.#changed(clientId);
  }

  /** Puts a saved result behind those of its session. @throws EnvelopeError without that session */
  putResult(clientId: bigint, series: bigint, result: Result): void {
    const session = this.#sessions.peek(clientId);
    if (!session) throw new EnvelopeError(`a result of client ${clientId}, who has no session`);
    session.history.set(series, result);
    this.#resultBytes += costOf(result);
    this.#changed(clientId, series);
  }

  /** When a session was used last and what it has answers of; undefined when there is no such session. */
  get(clientId: bigint): Readonly<Pick<Session, 'used' | 'respondedTo'>> | undefined {
    return this.#sessions.peek(clientId);
  }

  #forgetOldest(): void {
    const oldest = this.#sessions.oldest();
    if (oldest) this.#forget(...oldest);
  }

  #forget(clientId: bigint, session: Session): void {
    for (const [series, result] of session.history) this.#drop(clientId, session, series, result);
    this.#sessions.delete(clientId);
    this.#changed(clientId);
  }

  #drop(clientId: bigint, session: Session, series: bigint, result: Result): void {
    session.history.delete(series);
    this.#resultBytes -= costOf(result);
    this.#changed(clientId, series);
  }
}

/** In one order, whatever the order in which they came. */
function bySeries(history: ReadonlyMap<bigint, Result>): [bigint, Result][] {
  return [...history].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function costOf(result: Result): number {
  return result.data.length + SESSION_RESULT_OVERHEAD_BYTES;
}
