/**
 * Reading a journal from its beginning, then following its tail (s3log.md §6.5).
 *
 * D1  Slots are delivered strictly in order, to one caller at a time; GETs run ahead in parallel while slots keep coming, the more of them the longer,
 *     and hold at most READ_AHEAD slots.
 * D2  A 404 is the tail only when a LIST above it is empty (hazard H9), or shows nothing but leap fences (leap-holes.ts): the hole is where the next
 *     session may begin. Any other slot above a hole is data loss, with the range.
 * D3  At the tail it polls from MIN_POLL_MS, growing to the pace's limit, and starts over with every slot or wake(); the LIST of D2 is repeated
 *     after RELIST_MS of silence, so that a journal that lost its head in mid-silence is noticed.
 * D4  An error that may pass is retried for as long as the caller waits; what is wrong meanwhile is in `problem`. Damage is thrown, and met again by
 *     the next call: the cursor never passes what was not delivered.
 * D5  The plan (plan.ts) says where content comes from: fragments up to the floor, slots from there. It is looked up at the start, and again when slots
 *     are gone because the floor has passed the reader: it goes on at the same byte from the fragments.
 * D6  A FENCE or FILLER is believed when DATA or a CHECKPOINT continues it, or when the floor is not above it: somebody whose knowledge was very old may
 *     have put it where a slot had been reclaimed (hazards H5, H6). Such an opener never comes to life, so that only others like it follow.
 */
import {
  assert,
  backoffMs,
  equalBytes,
  isAbortOf,
  raceAbort,
  silentLogger,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import { CompactedPart } from './compacted-part.ts';
import { advance, START, termOf, type JournalCursor, type Step } from './cursor.ts';
import { CorruptSlotError, DataLossError, FencedError, JournalVersionError } from './errors.ts';
import type { Fragment } from './fragment.ts';
import { journalMetrics, type JournalMetrics } from './metrics.ts';
import { isLeapHole } from './leap-holes.ts';
import { lowestSlot } from './listed-slots.ts';
import { checkJournal, type Journal } from './names.ts';
import { findPlan, floorCursor, planOf, type Plan } from './plan.ts';
import { readSlot } from './read-slot.ts';
import { isRetryable, RETRY } from './retry.ts';
import type { Session } from './session.ts';
import type { Registers, Slot } from './slot.ts';

export type JournalEvent =
  /**
   * Content bytes [begin, end), durable. A view that the receiver may keep; with `done` he tells that he holds no part of it any longer, and its memory
   * is used again. Where much is read, that is half of the work.
   */
  | {
      readonly kind: 'data';
      readonly begin: number;
      readonly end: number;
      readonly bytes: Uint8Array;
      readonly done?: (() => void) | undefined;
    }
  /** A session begins. Registers are not known of a fence that was compacted away, but for the last of those. */
  | {
      readonly kind: 'fence';
      readonly seq: number;
      readonly offset: number;
      readonly registers: Registers | undefined;
    }
  /** Content that was pruned on purpose, announced in the log. */
  | { readonly kind: 'hole'; readonly begin: number; readonly end: number }
  /** Everything that exists has been delivered: proven by a 404 at slot `seq` with nothing above it. Told once for each arrival at the tail. */
  | { readonly kind: 'tail'; readonly seq: number; readonly offset: number };

export interface ReaderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** First content byte that is delivered; what lies before is read for the state it leaves, not delivered. */
  readonly from?: number;
  /** hot: a standby that may have to take over; cold: a reader that may lag. */
  readonly pace?: 'hot' | 'cold';
  readonly log?: Logger;
  readonly metrics?: JournalMetrics;
}

/** GETs in flight while catching up (D1): with 64 of them a store of 5 ms a request gives 10,000 small slots in under a second. */
const READ_AHEAD = 64;
/** At least this many are, however large the slots. */
const READ_AHEAD_LEAST = 4;
/** Bytes that may wait in answers; slots are expected to be as large as those before them. */
const READ_AHEAD_BYTES: number = 64 * 1024 * 1024;
/** With each slot that was there, this many times as many GETs: two after one at the tail, where a busy writer is usually a slot further. */
const AHEAD_GROWTH = 2;
export const MIN_POLL_MS = 50;
export const POLL_GROWTH = 1.5;
export const MAX_POLL_MS = { hot: 500, cold: 2000 } as const;
export const RELIST_MS = 60_000;

export class JournalReader {
  readonly journal: Journal;
  readonly #options: ReaderOptions;
  readonly #log: Logger;
  readonly #metrics: JournalMetrics;
  readonly #ahead = new Map<number, Promise<Slot | undefined>>();
  /** What ends the GETs in `#ahead`: those of a caller who has gone must not fail the next one. */
  #aheadSignal: AbortSignal | undefined;
  #cursor: JournalCursor = START;
  /** Undefined until the first look (D5). */
  #plan: { readonly newest: Plan | undefined } | undefined;
  /** What is being read below the floor, if anything. */
  #compacted: CompactedPart | undefined;
  #problem: Error | undefined;
  #atTail = false;
  /** GETs to keep in flight. */
  #window = READ_AHEAD_LEAST;
  /** Bytes of the slots read of late: the larger of the last one and the fading memory of those before. */
  #slotBytes = 0;
  #reading = false;
  #pollMs = MIN_POLL_MS;
  #listedAtMs = Number.NEGATIVE_INFINITY;
  #believedSeq = -1;
  /** Ends the rest at the tail, while there is one. */
  #endRest: (() => void) | undefined;

  constructor(journal: Journal, options: ReaderOptions) {
    this.journal = checkJournal(journal);
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#metrics = options.metrics ?? journalMetrics();
  }

  /** State after the last slot that was delivered; while fragments are read it is that of the last slot before them, with the offset reached. */
  get cursor(): JournalCursor {
    return this.#cursor;
  }

  /** The newest CHECKPOINT met; undefined before the first read and when there is none. */
  get plan(): Plan | undefined {
    return this.#plan?.newest;
  }

  /** What keeps the reader from reading right now, if anything (D4). */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** For whoever has opened a session: its FENCE stands at the tail, and everything up to it is as it should be (open-session.ts F3; D6). */
  believe(fenceSeq: number): void {
    this.#believedSeq = fenceSeq;
  }

  /**
   * For whoever has opened a session and read on to its fence: whether what was read ends exactly there. It does not when a later session has
   * already compacted beyond the fence; then everything read is right, and the session is over. @throws FencedError
   */
  checkReached({ fenceSeq, fenceOffset }: Pick<Session, 'fenceSeq' | 'fenceOffset'>): void {
    if (this.#cursor.offset === fenceOffset) return;
    const plan = this.#plan?.newest;
    assert(plan !== undefined && plan.index.floor > fenceSeq, 'what was read ends at the fence', {
      read: this.#cursor.offset,
      fence: fenceOffset,
    });
    throw new FencedError(this.journal.name, `the session of slot ${plan.session}`, 'not-appended');
  }

  /** A hint that something was appended: poll now. */
  wake(): void {
    this.#pollMs = MIN_POLL_MS;
    this.#endRest?.();
  }

  /**
   * The next event, waiting at the tail. One call at a time (D1).
   * @throws DataLossError, CorruptSlotError, CorruptFragmentError, JournalDeletedError, StoreError that will not pass, the signal's reason.
   */
  async next(signal?: AbortSignal): Promise<JournalEvent> {
    assert(!this.#reading, 'D1: one call of next() at a time');
    this.#reading = true;
    try {
      return await this.#next(signal);
    } finally {
      this.#reading = false;
    }
  }

  async #next(signal: AbortSignal | undefined): Promise<JournalEvent> {
    for (let attempt = 0; ;) {
      signal?.throwIfAborted();
      try {
        const event = await this.#step(signal);
        this.#problem = undefined;
        attempt = 0;
        if (event) return event;
      } catch (error) {
        this.#ahead.clear();
        if (isAbortOf(signal, error) || !isRetryable(error)) throw error;
        this.#problem = error as Error;
        if (attempt === 0)
          this.#log.warn('journal cannot be read for now; trying again', {
            journal: this.journal.name,
            slot: this.#cursor.nextSeq,
            error,
          });
        await this.#options.clock.sleep(backoffMs(RETRY, attempt++, this.#options.random), signal);
      }
    }
  }

  /** Reads one slot, or finds the tail, or waits there; undefined when there is nothing to deliver yet. */
  async #step(signal: AbortSignal | undefined): Promise<JournalEvent | undefined> {
    if (!this.#plan) await this.#lookUp(signal);
    if (this.#compacted) return await this.#stepCompacted(this.#compacted, signal);
    const seq = this.#cursor.nextSeq;
    const slot = await this.#get(seq, signal);
    if (slot) return await this.#deliver(slot, signal);
    this.#window = 1;
    this.#ahead.clear(); // answers from beyond a 404 may be older than what is there by now
    const now = this.#options.clock.monotonicMs();
    if (!this.#atTail || now - this.#listedAtMs >= RELIST_MS) {
      if (!(await this.#proveTail(seq, signal))) return undefined;
      this.#listedAtMs = this.#options.clock.monotonicMs();
      if (!this.#atTail) {
        this.#atTail = true;
        this.#metrics.lagBytes(0);
        return { kind: 'tail', seq, offset: this.#cursor.offset };
      }
    }
    await this.#pause(signal);
    return undefined;
  }

  /** Slot `seq`, keeping further GETs in flight while there is reason to think that more is there (D1). */
  async #get(seq: number, signal: AbortSignal | undefined): Promise<Slot | undefined> {
    if (signal !== this.#aheadSignal) this.#ahead.clear();
    this.#aheadSignal = signal;
    for (let at = seq; at < seq + this.#window; at++) {
      if (this.#ahead.has(at)) continue;
      const read = readSlot(this.journal, at, signal);
      read.catch(() => undefined); // seen when its turn comes
      this.#ahead.set(at, read);
    }
    const slot = await raceAbort(this.#ahead.get(seq)!, signal);
    this.#ahead.delete(seq);
    return slot;
  }

  /** Looks for the newest plan, and enters what lies below its floor when this reader needs it (D5). Whether it does. */
  async #lookUp(signal: AbortSignal | undefined): Promise<boolean> {
    const plan = await findPlan(this.journal, signal);
    const known = this.#plan?.newest;
    if (!known || (plan && plan.seq > known.seq)) this.#plan = { newest: plan };
    if (!plan || plan.index.floor <= this.#cursor.nextSeq) return false;
    assert(termOf(plan.registers) >= termOf(this.#cursor.registers), 'U3: terms only grow', {
      seq: plan.seq,
    });
    const { nextSeq, offset } = this.#cursor;
    const from = Math.max(offset, this.#options.from ?? 0);
    this.#compacted = new CompactedPart(this.journal, plan, from, nextSeq);
    this.#cursor = { ...this.#cursor, offset: Math.min(from, plan.index.end) };
    return true;
  }

  async #stepCompacted(
    part: CompactedPart,
    signal: AbortSignal | undefined,
  ): Promise<JournalEvent | undefined> {
    const event = await part.next(signal);
    switch (event.kind) {
      case 'end':
        this.#cursor = floorCursor(part.plan);
        this.#compacted = undefined;
        return undefined;
      case 'moved':
        return await this.#replace(part, event.fragment, signal);
      case 'data':
        this.#metrics.fragmentRead(event.end - event.begin);
        this.#cursor = { ...this.#cursor, offset: event.end };
        return event;
      case 'hole':
        this.#cursor = { ...this.#cursor, offset: event.end };
        return event;
      case 'fence':
        return event;
    }
  }

  /** A fragment of the plan is gone: a newer plan says where its content is now, or it is lost. @throws DataLossError */
  async #replace(
    part: CompactedPart,
    { begin, end }: Fragment,
    signal: AbortSignal | undefined,
  ): Promise<undefined> {
    const plan = await findPlan(this.journal, signal);
    if (!plan || plan.seq <= part.plan.seq)
      throw new DataLossError(this.journal.name, begin, end, 'the fragment that holds it does not exist');
    this.#plan = { newest: plan };
    this.#compacted = new CompactedPart(this.journal, plan, part.offset, part.nextFence);
  }

  /** D6. False when reading goes on below the floor instead. */
  async #isGenuine(slot: Slot, signal: AbortSignal | undefined): Promise<boolean> {
    if (slot.seq <= this.#believedSeq) return true;
    let last = slot;
    let next = await this.#peek(slot.seq + 1, signal);
    for (
      ;
      next && (next.kind === 'filler' || next.kind === 'fence');
      next = await this.#peek(last.seq + 1, signal)
    )
      last = next;
    const continued = next !== undefined && last === slot && equalBytes(next.previousPutId, slot.putId);
    if (!continued && (await this.#lookUp(signal))) return false;
    this.#believedSeq = last.seq; // all of them were there before the floor was looked up
    return true;
  }

  /** Slot `seq` ahead of its turn; undefined when it is not there, or damaged, which is said when its turn comes. */
  async #peek(seq: number, signal: AbortSignal | undefined): Promise<Slot | undefined> {
    const read = this.#ahead.get(seq) ?? readSlot(this.journal, seq, signal);
    const slot = await read.catch(() => undefined);
    if (slot) this.#ahead.set(seq, read);
    return slot;
  }

  /** One more slot; undefined when it does not fit because reading has to go on below the floor. @throws CorruptSlotError when it just does not fit. */
  async #advance(slot: Slot, signal: AbortSignal | undefined): Promise<Step | undefined> {
    try {
      return advance(this.#cursor, slot);
    } catch (error) {
      if (error instanceof CorruptSlotError && (await this.#lookUp(signal))) return undefined;
      throw error;
    }
  }

  async #deliver(slot: Slot, signal: AbortSignal | undefined): Promise<JournalEvent | undefined> {
    if ((slot.kind === 'fence' || slot.kind === 'filler') && !(await this.#isGenuine(slot, signal)))
      return undefined;
    const step = await this.#advance(slot, signal);
    if (!step) return undefined;
    const { cursor, live } = step;
    if (live && slot.kind !== 'data' && slot.codec !== 'raw')
      throw new JournalVersionError(this.journal.name, slot.seq, `${slot.kind} with codec ${slot.codec}`);
    if (live && slot.kind === 'checkpoint') this.#plan = { newest: await planOf(this.journal, slot, signal) };
    this.#cursor = cursor;
    this.#slotBytes = Math.max(slot.payload.length, this.#slotBytes / 2);
    const room = Math.max(READ_AHEAD_LEAST, Math.floor(READ_AHEAD_BYTES / Math.max(1, this.#slotBytes)));
    this.#window = Math.min(READ_AHEAD, room, this.#window * AHEAD_GROWTH);
    this.#atTail = false;
    this.#pollMs = MIN_POLL_MS;
    if (!live || slot.kind === 'filler' || slot.kind === 'checkpoint') return undefined;
    if (slot.kind === 'fence')
      return { kind: 'fence', seq: slot.seq, offset: cursor.offset, registers: cursor.registers };
    this.#metrics.slotRead(slot.end - slot.begin);
    const from = Math.max(slot.begin, this.#options.from ?? 0);
    if (from >= slot.end) return undefined;
    return {
      kind: 'data',
      begin: from,
      end: slot.end,
      bytes: slot.payload.subarray(from - slot.begin),
    };
  }

  /** D2. True when slot `seq` is the tail; false when it should be read again. @throws DataLossError */
  async #proveTail(seq: number, signal: AbortSignal | undefined): Promise<boolean> {
    const above = await lowestSlot(this.journal, seq, signal);
    if (above === undefined) return true;
    if (above === seq) return false; // it came into being between the GET and the LIST
    if (await isLeapHole(this.journal, seq, above, signal)) return true;
    if (await readSlot(this.journal, seq, signal)) return false;
    if (await this.#lookUp(signal)) return false; // the floor has passed this reader
    const next = await readSlot(this.journal, above, signal);
    throw new DataLossError(
      this.journal.name,
      this.#cursor.offset,
      next?.begin,
      `slot ${seq} is missing although slot ${above} exists`,
    );
  }

  async #pause(signal: AbortSignal | undefined): Promise<void> {
    const { clock, random, pace = 'hot' } = this.#options;
    const delayMs = this.#pollMs * (0.75 + random.unit() / 4);
    this.#pollMs = Math.min(this.#pollMs * POLL_GROWTH, MAX_POLL_MS[pace]);
    signal?.throwIfAborted();
    const rest = new AbortController();
    const onAbort = (): void => rest.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const woken = new Error('woken');
    this.#endRest = () => rest.abort(woken);
    try {
      await clock.sleep(delayMs, rest.signal);
    } catch (error) {
      if (error !== woken) throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#endRest = undefined;
    }
  }
}
