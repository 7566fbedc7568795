/**
 * GETs of slots ahead of their turn, and what they may hold in memory.
 *
 * R1  At most READ_AHEAD of them are in flight, of the AHEAD_SLOTS after the slot in turn: whichever answer comes first makes room for the next. The more of
 *     them the longer slots are there when they are asked for: grow() after each that was, rest() when none is expected to be. Nothing is asked for behind
 *     a slot that is not there. These are a reader's limits; a compactor has its own.
 * R2  What is asked for is reserved: reservations ahead of the turn are READ_AHEAD_BYTES at most. Ahead of its turn a slot is asked for as
 *     many bytes as are likely to be all of it, at least FIRST_BYTES: twice as many as the largest of late had. A larger one's rest is asked for when its
 *     turn comes. So small slots cost one GET, large ones one or two, and no run of small slots makes room for a flood of large ones.
 * R3  Content is decompressed when the turn comes, DECODED_AHEAD early: a slot of a few KiB may hold MAX_PAYLOAD_BYTES.
 * R4  A damaged answer is asked for again, whole (read-slot.ts).
 */
import { concatBytes, letGo, raceAbort, type Clock } from '../../base/index.ts';
import type { StoredObject } from '../../store/index.ts';
import { CorruptSlotError } from '../errors.ts';
import { slotKey, type Journal } from '../names.ts';
import { readSlot, slotOf } from './read-slot.ts';
import { MAX_PAYLOAD_BYTES, SLOT_HEAD_BYTES, type Slot } from '../format/slot.ts';

/** GETs in flight: with 128 of them a store of 5 ms a request gives 10,000 small slots in half a second. */
export const READ_AHEAD = 128;
/** Slots that may be asked for or wait for their turn: an answer that is late does not hold up those behind it. */
const AHEAD_SLOTS: number = 4 * READ_AHEAD;
/** As many at once when reading begins. */
const READ_AHEAD_FIRST = 4;
/** Bytes that may be in flight or wait in answers for their turn. */
export const READ_AHEAD_BYTES: number = 64 * 1024 * 1024;
/** Asked for ahead of its turn at least: all of most slots. READ_AHEAD of them are 8 MiB. */
const FIRST_BYTES: number = 64 * 1024;
/** With each slot that was there, this many times as many GETs. */
const AHEAD_GROWTH = 2;
/** How much larger than those before it a slot is expected to be at most. */
const ROOM_TO_GROW = 2;
/** Slots after the one in turn that are made ready: enough to keep the thread pool busy while the caller is. */
export const DECODED_AHEAD = 2;
/** Bytes of the largest slot. */
const MAX_SLOT_BYTES: number = SLOT_HEAD_BYTES + MAX_PAYLOAD_BYTES;

export interface AheadLimits {
  /** GETs in flight. */
  readonly requests: number;
  /** Slots that may be asked for or wait for their turn. */
  readonly slots: number;
  /** Bytes that may be in flight or wait for their turn. */
  readonly bytes: number;
  /** Nobody wants this slot and those behind it. */
  readonly end: number;
}

const READER_LIMITS: AheadLimits = {
  requests: READ_AHEAD,
  slots: AHEAD_SLOTS,
  bytes: READ_AHEAD_BYTES,
  end: Number.POSITIVE_INFINITY,
};

/** The answer to a GET that was sent at `askedMs`, monotonic. */
export interface Asked {
  readonly slot: Slot | undefined;
  readonly askedMs: number;
  /** For whoever holds no part of its content any longer, so that its memory is used again. It need not be called. */
  readonly done: () => void;
}

/** A slot made ready, and what lets go of its content. */
type Ready = Pick<Asked, 'slot' | 'done'>;

const ABSENT: Ready = { slot: undefined, done: () => undefined };

interface Request {
  readonly seq: number;
  readonly askedMs: number;
  /** Before the answer what was asked for, then what came. */
  reservedBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly answer: Promise<StoredObject | undefined>;
  /** Once it is made ready (R3). */
  slot: Promise<Ready> | undefined;
}

export class SlotsAhead {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #decodeWith: typeof slotOf;
  readonly #limits: AheadLimits;
  readonly #requests = new Map<number, Request>();
  /** What ends the GETs under way: those of a caller who has gone must not fail the next one. */
  #signal: AbortSignal | undefined;
  #window = READ_AHEAD_FIRST;
  /** The slot in turn, and the first one behind it that was not asked for yet. */
  #turn = 0;
  #next = 0;
  /** The lowest slot that is known not to be there. */
  #absent = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  #reservedBytes = 0;
  /** Bytes of the slots read of late, as stored: the larger of the last one and the fading memory of those before. */
  #slotBytes = 0;

  constructor(
    journal: Journal,
    clock: Clock,
    decode: typeof slotOf = slotOf,
    limits: AheadLimits = READER_LIMITS,
  ) {
    this.#limits = limits;
    this.#journal = journal;
    this.#clock = clock;
    this.#decodeWith = decode;
  }

  /** Slot `seq`, whose turn it is, with more GETs in flight behind it (R1). @throws as readSlot */
  async take(seq: number, signal: AbortSignal | undefined): Promise<Asked> {
    if (signal !== this.#signal) this.clear();
    this.#signal = signal;
    const request = this.#request(seq, true);
    this.#turn = seq;
    this.#next = Math.max(this.#next, seq + 1);
    this.#askAhead();
    const slot = this.#ready(request);
    for (let at = seq + 1; at <= seq + DECODED_AHEAD; at++) {
      const next = this.#requests.get(at);
      if (next) void this.#ready(next); // seen when its turn comes
    }
    try {
      return { ...(await raceAbort(slot, signal)), askedMs: request.askedMs };
    } finally {
      this.#forget(request);
    }
  }

  /** Slot `seq` ahead of its turn; undefined when it is not there, or damaged, which is said when its turn comes. */
  async peek(seq: number, signal: AbortSignal | undefined): Promise<Slot | undefined> {
    return (await this.#ready(this.#request(seq, true, signal)).catch(() => ABSENT)).slot;
  }

  /** Whether slot `seq` was asked for already. */
  has(seq: number): boolean {
    return this.#requests.has(seq);
  }

  /** One more slot was there. */
  grow(): void {
    this.#window = Math.min(this.#limits.slots, this.#window * AHEAD_GROWTH);
  }

  /** The next slot is not expected to be there: it alone is asked for. */
  rest(): void {
    this.#window = 1;
  }

  /** Forgets what is under way: answers from beyond a missing slot may be older than what is there by now. */
  clear(): void {
    this.#requests.clear();
    this.#reservedBytes = 0;
    this.#next = 0;
    this.#absent = Number.POSITIVE_INFINITY;
  }

  /** Asks for as many slots behind the one in turn as there is room for (R1, R2). */
  #askAhead(): void {
    const { requests, bytes } = this.#limits;
    const end = Math.min(this.#turn + this.#window, this.#absent, this.#limits.end);
    for (; this.#next < end && this.#inFlight < requests; this.#next++) {
      if (this.#reservedBytes + this.#likelyBytes() > bytes) return;
      this.#request(this.#next, false);
    }
  }

  #request(seq: number, whole: boolean, signal: AbortSignal | undefined = this.#signal): Request {
    const known = this.#requests.get(seq);
    if (known) return known;
    const reservedBytes = whole ? MAX_SLOT_BYTES : this.#likelyBytes();
    const range = whole ? undefined : { start: 0, end: reservedBytes };
    const answer = this.#journal.store.get(slotKey(this.#journal, seq), { range, signal });
    const askedMs = this.#clock.monotonicMs();
    const request: Request = { seq, askedMs, reservedBytes: 0, signal, answer, slot: undefined };
    this.#requests.set(seq, request);
    this.#reserve(request, reservedBytes);
    this.#inFlight++;
    answer.then(
      (found) => this.#answered(request, found),
      () => this.#inFlight--, // why is seen when its turn comes
    );
    return request;
  }

  #answered(request: Request, found: StoredObject | undefined): void {
    this.#inFlight--;
    if (this.#requests.get(request.seq) !== request) return; // forgotten since
    this.#reserve(request, found?.body.length ?? 0);
    if (found) this.#slotBytes = Math.max(found.size, Math.floor(this.#slotBytes / ROOM_TO_GROW));
    else this.#absent = Math.min(this.#absent, request.seq);
    this.#askAhead();
  }

  #reserve(request: Request, bytes: number): void {
    this.#reservedBytes += bytes - request.reservedBytes;
    request.reservedBytes = bytes;
  }

  #forget(request: Request): void {
    if (this.#requests.get(request.seq) !== request) return; // cleared since
    this.#reserve(request, 0);
    this.#requests.delete(request.seq);
  }

  #likelyBytes(): number {
    return Math.min(MAX_SLOT_BYTES, Math.max(FIRST_BYTES, ROOM_TO_GROW * this.#slotBytes));
  }

  #ready(request: Request): Promise<Ready> {
    if (!request.slot) {
      request.slot = this.#decode(request);
      request.slot.catch(() => undefined); // seen when its turn comes
    }
    return request.slot;
  }

  async #decode({ seq, answer, signal }: Request): Promise<Ready> {
    const first = await answer;
    if (!first) return ABSENT;
    try {
      const found = first.body.length < first.size ? await this.#rest(seq, first, signal) : first;
      return found ? ready(await this.#decodeWith(this.#journal, seq, found.body), found) : ABSENT;
    } catch (error) {
      if (!(error instanceof CorruptSlotError)) throw error;
      return { ...ABSENT, slot: await readSlot(this.#journal, seq, signal, 1) }; // R4
    }
  }

  /** All of a slot of which the beginning was read; undefined when it has been removed meanwhile. */
  async #rest(
    seq: number,
    first: StoredObject,
    signal: AbortSignal | undefined,
  ): Promise<Pick<StoredObject, 'body' | 'release'> | undefined> {
    const range = { start: first.body.length, end: first.size };
    const rest = await this.#journal.store.get(slotKey(this.#journal, seq), { range, signal });
    if (!rest) return undefined;
    const body = concatBytes([first.body, rest.body]);
    first.release?.();
    rest.release?.();
    return { body, release: () => letGo(body) };
  }
}

/** What was decompressed has memory of its own: that of the stored bytes is free already. */
function ready(slot: Slot, { body, release }: Pick<StoredObject, 'body' | 'release'>): Ready {
  if (slot.payload.buffer === body.buffer) return { slot, done: () => release?.() };
  release?.();
  return { slot, done: () => letGo(slot.payload) };
}
