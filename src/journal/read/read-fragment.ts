/**
 * Reading one fragment whole: ranges in parallel, digested in their order as they come. Nothing is handed on before the digest is right (fragment.ts
 * G2).
 *
 * E1  What is held of a fragment is what the room has given: of a raw one its ranges, of a compressed one object and content from its first range on.
 *     After a failure nothing is held, after success the content alone, which the receiver releases.
 * E2  When this settles, no request of it is under way.
 */
import {
  areShared,
  digestThreadIsUp,
  EMPTY_BYTES,
  ensureError,
  errorCode,
  Sha1,
  ThreadSha1,
} from '../../base/index.ts';
import { decompress } from '../format/codec.ts';
import type { BodyPart, ObjectStore, StoredObject } from '../../store/index.ts';
import { CorruptFragmentError } from '../errors.ts';
import { fragmentKey, MAX_FRAGMENT_BYTES, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { ReadRoom, type RoomLimits } from './read-room.ts';

/**
 * Bytes of one GET: large enough that the latency of a request does not matter (s3log.md §1.7), small enough that digesting one (5 ms) holds nothing
 * up.
 */
const RANGE_BYTES: number = 8 * 1024 * 1024;
/** GETs in flight: with eight a local server and one thread are busy, and a distant store gives its 90 MB/s a connection eight times. */
const REQUESTS = 8;
/**
 * Bytes held: a whole fragment, since none of it may be delivered before all of it is there, and the next one, so that the line is busy while the first
 * one is digested and delivered. What was delivered and is not yet collected comes on top.
 */
const HELD_BYTES: number = 2 * MAX_FRAGMENT_BYTES;

export interface ReadLimits extends RoomLimits {
  /** Bytes of one GET. */
  readonly rangeBytes: number;
}

export const READ_LIMITS: ReadLimits = { requests: REQUESTS, bytes: HELD_BYTES, rangeBytes: RANGE_BYTES };
/** Of a store that streams: a fragment a GET, the next one while the first is delivered. */
export const STREAM_LIMITS: ReadLimits = {
  requests: 2,
  bytes: HELD_BYTES,
  rangeBytes: MAX_FRAGMENT_BYTES,
};

/** What suits a store. */
export function limitsOf({ streams }: ObjectStore): ReadLimits {
  return streams ? STREAM_LIMITS : READ_LIMITS;
}

/** A damaged answer is asked for again, on new connections, this often: a proxy may have cut it, the object may be whole. */
export const CORRUPT_ATTEMPTS = 3;

/** A part of a fragment's content. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** As StoredObject.release. */
  readonly release?: StoredObject['release'];
}

/** Content of a fragment from its beginning to its end, in pieces of any length. */
export type Content = readonly Piece[];

/** Reads one fragment by itself. Undefined when the store says that it does not exist. @throws StoreError, CorruptFragmentError, the signal's reason. */
export async function readFragment(
  journal: Journal,
  fragment: Fragment,
  signal?: AbortSignal,
): Promise<Content | undefined> {
  const limits = limitsOf(journal.store);
  const { rangeBytes } = limits;
  return await fetchFragment(journal, fragment, new ReadRoom(limits), { turn: 0, rangeBytes, signal });
}

export interface FetchOptions {
  /** Its turn in the room. */
  readonly turn: number;
  readonly rangeBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Told when all has been asked for: whoever comes next may begin. */
  readonly onAsked?: () => void;
}

/** Reads one fragment as there is room. Undefined when the store says that it does not exist. @throws as readFragment. */
export async function fetchFragment(
  journal: Journal,
  fragment: Fragment,
  room: ReadRoom,
  options: FetchOptions,
): Promise<Content | undefined> {
  const key = fragmentKey(journal, fragment);
  for (let attempt = 1; ; attempt++) {
    const outcome = await new Attempt(journal, fragment, room, options, attempt > 1).run();
    if (outcome === 'absent') return undefined;
    if (typeof outcome !== 'string') return outcome;
    if (attempt === CORRUPT_ATTEMPTS)
      throw new CorruptFragmentError(key, fragment.begin, fragment.end, outcome);
  }
}

const NOT_WANTED = new Error('the other ranges of this fragment are of no use');

/** One attempt: the content, 'absent', or in words what is wrong with it. */
class Attempt {
  readonly #journal: Journal;
  readonly #fragment: Fragment;
  readonly #room: ReadRoom;
  readonly #options: FetchOptions;
  readonly #fresh: boolean;
  readonly #stop = new AbortController();
  readonly #gathering: Gathering;
  #held = 0;
  /** What the first failure was. */
  #failed: { readonly outcome: string } | { readonly error: unknown } | undefined;

  constructor(journal: Journal, fragment: Fragment, room: ReadRoom, options: FetchOptions, fresh: boolean) {
    this.#journal = journal;
    this.#fragment = fragment;
    this.#room = room;
    this.#options = options;
    this.#fresh = fresh;
    this.#gathering = fragment.codec === 'raw' ? new RawContent(fragment) : new CompressedContent(fragment);
  }

  async run(): Promise<Content | string> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#fail({ error: signal?.reason });
    if (signal?.aborted) throw signal.reason;
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#fetch();
      if (this.#failed) this.#gathering.abandon();
      const outcome = this.#failed ?? { outcome: await this.#gathering.finish() };
      if ('error' in outcome) throw outcome.error;
      if (typeof outcome.outcome === 'string') this.#release(this.#held);
      else this.#release(this.#held - (this.#fragment.end - this.#fragment.begin)); // E1
      return outcome.outcome;
    } catch (error) {
      this.#release(this.#held);
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Fetches all ranges, or fails; never rejects (E2). */
  async #fetch(): Promise<void> {
    const { storedBytes } = this.#fragment;
    const { turn, rangeBytes, onAsked } = this.#options;
    const gets: Promise<void>[] = [];
    const { signal } = this.#stop;
    try {
      for (let start = 0; start < storedBytes; start += rangeBytes) {
        const end = Math.min(storedBytes, start + rangeBytes);
        const cost = this.#gathering.cost(start, end);
        await this.#room.enter(turn, cost, signal);
        this.#held += cost;
        gets.push(this.#get(start, end));
      }
      onAsked?.();
    } catch (error) {
      this.#fail({ error });
    }
    await Promise.all(gets);
  }

  /** One range; never rejects. */
  async #get(start: number, end: number): Promise<void> {
    const { signal } = this.#stop;
    const key = fragmentKey(this.#journal, this.#fragment);
    try {
      signal.throwIfAborted();
      const range = { start, end };
      let at = start;
      const take = (bytes: Uint8Array, release: StoredObject['release']): void => {
        const from = at;
        at += bytes.length; // what is put may be let go of
        if (this.#failed) release?.();
        else if (at > from) this.#gathering.put(from, { bytes, release });
      };
      const onPart = ({ bytes, release }: BodyPart): void => take(bytes, release);
      const found = await this.#journal.store.get(key, {
        range,
        signal,
        freshConnection: this.#fresh,
        onPart,
      });
      if (!found) return this.#fail({ outcome: 'absent' });
      take(found.body, found.release);
      if (found.size !== this.#fragment.storedBytes || at !== end)
        this.#fail({ outcome: 'the object has another length than its index says' });
    } catch (error) {
      this.#fail({ error });
    } finally {
      this.#room.ended();
    }
  }

  #fail(why: { readonly outcome: string } | { readonly error: unknown }): void {
    if (this.#failed) return;
    this.#failed = why;
    this.#stop.abort(NOT_WANTED);
  }

  #release(bytes: number): void {
    this.#held -= bytes;
    if (bytes > 0) this.#room.release(bytes);
  }
}

/** What a codec makes of the ranges of an object. */
interface Gathering {
  /** Bytes that are held from this range on. */
  cost(start: number, end: number): number;
  /** A range, in any order. */
  put(start: number, piece: Piece): void;
  /** After all ranges: the content, or what is wrong with it. */
  finish(): Promise<Content | string>;
  /** Instead: nobody wants it. */
  abandon(): void;
}

function compare(found: string, { sha1 }: Fragment): string | undefined {
  return found === sha1 ? undefined : `its SHA-1 is ${found}`;
}

/**
 * Ranges as they are, digested in their order while others are under way: on a thread beside where threads share their memory, because receiving alone
 * keeps this one busy.
 */
class RawContent implements Gathering {
  readonly #fragment: Fragment;
  readonly #pieces: Piece[] = [];
  /** What came before its turn, by where it begins. */
  readonly #waiting = new Map<number, Piece>();
  #sha1: Sha1 | ThreadSha1 | undefined;
  /** How far it was digested, bytes. */
  #digested = 0;

  constructor(fragment: Fragment) {
    this.#fragment = fragment;
  }

  cost(start: number, end: number): number {
    return end - start;
  }

  put(start: number, piece: Piece): void {
    this.#waiting.set(start, piece);
    for (let next = this.#waiting.get(this.#digested); next; next = this.#waiting.get(this.#digested)) {
      this.#waiting.delete(this.#digested);
      this.#pieces.push(next);
      this.#digested += next.bytes.length;
      this.#digest(next.bytes);
    }
  }

  async finish(): Promise<Content | string> {
    const { begin, end, storedBytes } = this.#fragment;
    const found = await (this.#sha1 ?? new Sha1()).hex();
    if (storedBytes !== end - begin) return `it holds ${storedBytes} bytes`;
    return compare(found, this.#fragment) ?? this.#pieces;
  }

  #digest(bytes: Uint8Array): void {
    this.#sha1 ??= areShared(bytes) && digestThreadIsUp() ? new ThreadSha1() : new Sha1();
    this.#sha1.update(bytes);
  }

  abandon(): void {
    if (this.#sha1 instanceof ThreadSha1) this.#sha1.abandon();
  }
}

/** The object in one piece, decoded and digested on the way when it is whole. */
class CompressedContent implements Gathering {
  readonly #fragment: Fragment;
  #stored: Uint8Array | undefined; // not before there is room for it

  constructor(fragment: Fragment) {
    this.#fragment = fragment;
  }

  cost(start: number): number {
    const { begin, end, storedBytes } = this.#fragment;
    return start === 0 ? storedBytes + end - begin : 0;
  }

  put(start: number, { bytes, release }: Piece): void {
    this.#stored ??= new Uint8Array(this.#fragment.storedBytes);
    this.#stored.set(bytes, start);
    release?.();
  }

  abandon(): void {
    this.#stored = undefined;
  }

  async finish(): Promise<Content | string> {
    const { codec, begin, end } = this.#fragment;
    const sha1 = new Sha1();
    try {
      const content = await decompress(codec, this.#stored ?? EMPTY_BYTES, end - begin, (piece) =>
        sha1.update(piece),
      );
      return compare(sha1.hex(), this.#fragment) ?? [{ bytes: content }];
    } catch (error) {
      return `${errorCode(error) ?? 'error'}: ${ensureError(error).message}`;
    }
  }
}
