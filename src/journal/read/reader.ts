/**
 * Reading a journal from its beginning, then following its tail (s3log.md §6.5).
 *
 * D1  Slots are delivered strictly in order, to one caller at a time; GETs run ahead in parallel while slots keep coming (slots-ahead.ts).
 * D2  A 404 is proven to be the tail when a LIST above it is empty (hazard H9), or shows nothing but leap fences (leap-holes.ts): the hole is where the
 *     next session may begin. Any other slot above a hole is data loss, with the range. Only a proven tail is told.
 * D3  At the tail the next slot is asked for when it is likely to be there (tail-pace.ts), and at once after wake(). A 404 there is no news: only when for
 *     RELIST_MS nothing has shown where the log ends, after an error, and for a slot that is known to have existed, is the LIST of D2 repeated. What shows it is
 *     that LIST, and a live slot found where a GET had missed it: it came into being after that GET, behind everything else. So a floor that passed
 *     the reader, or a lost slot, is noticed within RELIST_MS, at one LIST in that time at most, however busy the writer.
 * D4  An error that may pass is retried for as long as the caller waits; what is wrong meanwhile is in `problem`. Damage is thrown, and met again by
 *     the next call: the cursor never passes what was not delivered.
 * D5  The plan (plan.ts) says where content comes from: fragments up to the floor, slots from there. It is looked up at the start, and again when slots
 *     are gone because the floor has passed the reader: it goes on at the same byte from the fragments.
 * D6  A FENCE or FILLER is believed when DATA or a CHECKPOINT continues it, or when the floor is not above it: somebody whose knowledge was very old may
 *     have put it where a slot had been reclaimed (hazards H5, H6). Such an opener never comes to life, so that only others like it follow.
 * D7  Only wanted content is delivered: below the floor nothing else is fetched either (compacted-part.ts M4), above it slots are read for the state that they
 *     leave. Where bytes are left out the next data begins behind the end of those before, at the beginning of a wanted range.
 */
import {
  assert,
  backoffMs,
  equalBytes,
  isAbortOf,
  silentLogger,
  type Clock,
  type Logger,
  type Random,
} from '../../base/index.ts';
import { CompactedPart } from './compacted-part.ts';
import { advance, START, termOf, type JournalCursor, type Step } from './cursor.ts';
import {
  CorruptSlotError,
  DataLossError,
  FencedError,
  IndexGoneError,
  JournalVersionError,
} from '../errors.ts';
import type { Range } from '../format/compaction-index.ts';
import type { Fragment } from '../format/fragment.ts';
import { journalMetrics, type JournalMetrics } from '../metrics.ts';
import { isLeapHole } from '../open/leap-holes.ts';
import { lowestSlot } from './listed-slots.ts';
import { checkJournal, type Journal } from '../names.ts';
import { findPlan, floorCursor, planOf, type Plan } from './plan.ts';
import { SlotsAhead } from './slots-ahead.ts';
import { readSlot } from './read-slot.ts';
import { isRetryable, RETRY } from '../retry.ts';
import type { Session } from '../session/session.ts';
import type { Registers, Slot } from '../format/slot.ts';
import { isBehind, nextAskMs, paceFound, paceFrom, paceMissed, type TailPace } from './tail-pace.ts';
import { everythingFrom, nextWanted, wantedWithin } from './wanted.ts';

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
  /**
   * Everything that existed a moment ago has been delivered: proven by a 404 at slot `seq` with nothing above it (D2). Told when a reader comes to the tail
   * for the first time, and later whenever that is proven anew and something was read since: after RELIST_MS of silence at the latest.
   */
  | { readonly kind: 'tail'; readonly seq: number; readonly offset: number };

export interface ReaderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** First content byte that is delivered; what lies before is read for the state it leaves, not delivered. */
  readonly from?: number;
  /** In place of `from`: the content that is delivered, ascending and apart from each other (D7). */
  readonly wanted?: readonly Range[];
  /** hot: a standby that may have to take over; cold: a reader that may lag. */
  readonly pace?: 'hot' | 'cold';
  readonly log?: Logger;
  readonly metrics?: JournalMetrics;
}

/** Longest delay between two GETs at the tail, ms: what a takeover may have to catch up with, or what a reader may lag. */
export const MAX_POLL_MS = { hot: 500, cold: 2000 } as const;
/** How long a reader takes a 404 for the tail without a proof, ms (D3). Slots are reclaimed a grace after their CHECKPOINT, which is no shorter. */
export const RELIST_MS = 60_000;

/** What a reader at the tail knows. */
interface AtTail {
  readonly pace: TailPace;
  /** When something last showed where the log ends (D3). */
  readonly shownMs: number;
  /** Whether it was told, and nothing was read since. */
  readonly told: boolean;
}

export class JournalReader {
  readonly journal: Journal;
  readonly #options: ReaderOptions;
  readonly #log: Logger;
  readonly #metrics: JournalMetrics;
  readonly #ahead: SlotsAhead;
  readonly #wanted: readonly Range[];
  #cursor: JournalCursor = START;
  /** Undefined until the first look (D5). */
  #plan: { readonly newest: Plan | undefined } | undefined;
  /** What the first look finds, when it is known before. */
  #given: { readonly plan: Plan | undefined } | undefined;
  /** End of content that is known to be there: what the lag is counted from. */
  #knownEnd = 0;
  /** What is being read below the floor, if anything. */
  #compacted: CompactedPart | undefined;
  #problem: Error | undefined;
  /** Undefined until the first arrival. */
  #tail: AtTail | undefined;
  /** More of the slot that was read last (D7). */
  readonly #more: JournalEvent[] = [];
  #reading = false;
  /** Slots up to this one are known to have existed. */
  #believedSeq = -1;
  /** Ends the rest at the tail, while there is one. */
  #endRest: (() => void) | undefined;
  /** wake() was called, and no GET was sent since. */
  #woken = false;

  constructor(journal: Journal, options: ReaderOptions) {
    this.journal = checkJournal(journal);
    this.#options = options;
    this.#ahead = new SlotsAhead(journal, options.clock);
    this.#wanted = options.wanted ?? everythingFrom(options.from ?? 0);
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

  /** A head that somebody has heard of, for the lag that is shown; of no other effect. */
  expectHead(offset: number): void {
    this.#knownEnd = Math.max(this.#knownEnd, offset);
  }

  /** A plan that was found a moment ago, undefined for a journal that was never compacted, saves the first look for one (plan.ts A1). Before the first `next`. */
  startFrom(plan: Plan | undefined): void {
    assert(this.#plan === undefined, 'a reader that has begun has its plan');
    this.#given = { plan };
  }

  #tellLag(): void {
    this.#metrics.lagBytes(Math.max(0, this.#knownEnd - this.#cursor.offset));
  }

  /** A hint that something was appended: poll now. */
  wake(): void {
    this.#woken = true;
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
        this.#doubt();
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

  /** Reads one slot, or finds the tail, after a rest if it is there already; undefined when there is nothing to deliver yet. */
  async #step(signal: AbortSignal | undefined): Promise<JournalEvent | undefined> {
    const more = this.#more.shift();
    if (more) return more;
    if (!this.#plan) await this.#lookUp(signal);
    if (this.#compacted) return await this.#stepCompacted(this.#compacted, signal);
    const seq = this.#cursor.nextSeq;
    if (this.#tail && seq > this.#believedSeq && !this.#ahead.has(seq))
      await this.#rest(this.#tail.pace, signal);
    this.#woken = false;
    const { slot, askedMs } = await this.#ahead.take(seq, signal);
    if (slot) return await this.#deliver(slot, askedMs, signal);
    this.#ahead.rest();
    this.#ahead.clear(); // answers from beyond a 404 may be older than what is there by now
    return await this.#missed(seq, askedMs, signal);
  }

  /** A GET sent at `askedMs` did not find slot `seq` (D3). */
  async #missed(
    seq: number,
    askedMs: number,
    signal: AbortSignal | undefined,
  ): Promise<JournalEvent | undefined> {
    const tail = this.#tail;
    const pace = tail ? paceMissed(tail.pace, askedMs) : paceFrom(askedMs);
    if (tail && seq > this.#believedSeq && askedMs - tail.shownMs < RELIST_MS) {
      this.#tail = { ...tail, pace };
      return undefined;
    }
    if (!(await this.#proveTail(seq, signal))) return undefined;
    this.#tail = { pace, shownMs: askedMs, told: true };
    if (tail?.told) return undefined;
    this.#metrics.lagBytes(0);
    return { kind: 'tail', seq, offset: this.#cursor.offset };
  }

  /** Looks for the newest plan, and enters what lies below its floor when this reader needs it (D5). Whether it does. */
  async #lookUp(signal: AbortSignal | undefined): Promise<boolean> {
    const { plan } = this.#given ?? { plan: await findPlan(this.journal, signal) };
    this.#given = undefined;
    const known = this.#plan?.newest;
    if (!known || (plan && plan.seq > known.seq)) this.#plan = { newest: plan };
    this.expectHead(plan?.index.end ?? 0);
    if (!plan || plan.index.floor <= this.#cursor.nextSeq) return false;
    assert(termOf(plan.registers) >= termOf(this.#cursor.registers), 'U3: terms only grow', {
      seq: plan.seq,
    });
    const { nextSeq, offset } = this.#cursor;
    const from = nextWanted(this.#wanted, offset);
    this.#compacted = new CompactedPart(this.journal, plan, this.#wanted, from, nextSeq);
    this.#tail = undefined; // far from it, and what was missed there tells nothing any more
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
        this.#tellLag();
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
    this.#compacted = new CompactedPart(this.journal, plan, this.#wanted, part.offset, part.nextFence);
  }

  /** D6. False when reading goes on below the floor instead. */
  async #isGenuine(slot: Slot, signal: AbortSignal | undefined): Promise<boolean> {
    if (slot.seq <= this.#believedSeq) return true;
    let last = slot;
    let next = await this.#ahead.peek(slot.seq + 1, signal);
    for (
      ;
      next && (next.kind === 'filler' || next.kind === 'fence');
      next = await this.#ahead.peek(last.seq + 1, signal)
    )
      last = next;
    const continued = next !== undefined && last === slot && equalBytes(next.previousPutId, slot.putId);
    if (!continued && (await this.#lookUp(signal))) return false;
    this.#believedSeq = last.seq; // all of them were there before the floor was looked up
    return true;
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

  /** The plan is that of this CHECKPOINT now; false when its index is gone because the floor has passed it. @throws CorruptSlotError */
  async #follow(slot: Slot, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      this.#plan = { newest: await planOf(this.journal, slot, signal) };
      return true;
    } catch (error) {
      if (error instanceof IndexGoneError && (await this.#lookUp(signal))) return false;
      throw error;
    }
  }

  async #deliver(
    slot: Slot,
    askedMs: number,
    signal: AbortSignal | undefined,
  ): Promise<JournalEvent | undefined> {
    if ((slot.kind === 'fence' || slot.kind === 'filler') && !(await this.#isGenuine(slot, signal)))
      return undefined;
    const step = await this.#advance(slot, signal);
    if (!step) return undefined;
    const { cursor, live } = step;
    if (live && slot.kind !== 'data' && slot.codec !== 'raw')
      throw new JournalVersionError(this.journal.name, slot.seq, `${slot.kind} with codec ${slot.codec}`);
    if (live && slot.kind === 'checkpoint' && !(await this.#follow(slot, signal))) return undefined;
    this.#cursor = cursor;
    this.#passed(askedMs, live && (slot.kind === 'data' || slot.kind === 'checkpoint'));
    if (!live || slot.kind === 'filler' || slot.kind === 'checkpoint') return undefined;
    if (slot.kind === 'fence')
      return { kind: 'fence', seq: slot.seq, offset: cursor.offset, registers: cursor.registers };
    this.#metrics.slotRead(slot.end - slot.begin);
    this.#tellLag();
    for (const { begin, end } of wantedWithin(this.#wanted, slot.begin, slot.end))
      this.#more.push({
        kind: 'data',
        begin,
        end,
        bytes: slot.payload.subarray(begin - slot.begin, end - slot.begin),
      });
    return this.#more.shift();
  }

  /** A slot was found by a GET sent at `askedMs`; `isProof`: if one before had missed it, the log ended there then (D3). */
  #passed(askedMs: number, isProof: boolean): void {
    this.#ahead.grow();
    if (!this.#tail) return;
    const { pace, shownMs } = this.#tail;
    this.#tail = {
      pace: paceFound(pace, askedMs),
      shownMs: isProof ? Math.max(shownMs, pace.missedMs ?? shownMs) : shownMs,
      told: false,
    };
  }

  /** D2. True when slot `seq` is the tail; false when it should be read again. @throws DataLossError */
  async #proveTail(seq: number, signal: AbortSignal | undefined): Promise<boolean> {
    const above = await lowestSlot(this.journal, seq, signal);
    if (above === undefined) return true;
    if (above === seq) return await this.#cameSince(seq, signal);
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

  /** Whether slot `seq` continues the log, so that it came into being after the GET that missed it: a busy writer leaves no time for a LIST (D3). */
  async #cameSince(seq: number, signal: AbortSignal | undefined): Promise<boolean> {
    const slot = await this.#ahead.peek(seq, signal);
    if (slot?.kind !== 'data' && slot?.kind !== 'checkpoint') return false;
    try {
      return advance(this.#cursor, slot).live;
    } catch (error) {
      if (error instanceof CorruptSlotError) return false; // said when its turn comes
      throw error;
    }
  }

  /** Who knows for how long the store was away, and what happened meanwhile (D3). */
  #doubt(): void {
    if (!this.#tail) return;
    const pace = { ...this.#tail.pace, missedMs: undefined };
    this.#tail = { ...this.#tail, pace, shownMs: Number.NEGATIVE_INFINITY };
  }

  /** Until the next GET is due. */
  async #rest(pace: TailPace, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random, pace: temper = 'hot' } = this.#options;
    const nowMs = clock.monotonicMs();
    const delayMs = nextAskMs(pace, nowMs, MAX_POLL_MS[temper], random.unit()) - nowMs;
    if (delayMs <= 0 || this.#woken) return;
    if (!isBehind(pace)) this.#ahead.rest();
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
