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
 *
 * The plan says where content comes from. Without compaction it is always the slots from zero; fragments and a floor come from CHECKPOINT slots.
 */
import {
  assert,
  backoffMs,
  isAbortOf,
  raceAbort,
  silentLogger,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import { advance, START, type JournalCursor } from './cursor.ts';
import { DataLossError, JournalVersionError } from './errors.ts';
import { journalMetrics, type JournalMetrics } from './metrics.ts';
import { isLeapHole } from './leap-holes.ts';
import { lowestSlot } from './lowest-slot.ts';
import { checkJournal, type Journal } from './names.ts';
import { readSlot } from './read-slot.ts';
import { isRetryable, RETRY } from './retry.ts';
import type { Registers, Slot } from './slot.ts';

export type JournalEvent =
  /** Content bytes [begin, end), durable. A view that the receiver may keep. */
  | {
      readonly kind: 'data';
      readonly seq: number;
      readonly begin: number;
      readonly end: number;
      readonly bytes: Uint8Array;
      readonly session: number;
    }
  | { readonly kind: 'fence'; readonly seq: number; readonly offset: number; readonly registers: Registers }
  /** Content that was pruned on purpose, announced in the log. */
  | { readonly kind: 'hole'; readonly begin: number; readonly end: number }
  /** Everything that exists has been delivered: proven by a 404 at slot `seq` with nothing above it. Told once for each arrival at the tail. */
  | { readonly kind: 'tail'; readonly seq: number; readonly offset: number };

/** Where content comes from: fragments up to the floor, slots from there. */
export interface ReadPlan {
  readonly fragments: readonly never[];
  /** First slot that counts. */
  readonly floor: number;
}

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

/** GETs in flight while catching up; at most this many slots of 8 MiB in memory (D1). */
const READ_AHEAD = 8;
/** With each slot that was there, this many times as many GETs: two after one at the tail, where a busy writer is usually a slot further. */
const AHEAD_GROWTH = 2;
const MIN_POLL_MS = 50;
const POLL_GROWTH = 1.5;
const MAX_POLL_MS = { hot: 500, cold: 2000 } as const;
const RELIST_MS = 60_000;

export class JournalReader {
  readonly journal: Journal;
  readonly plan: ReadPlan = { fragments: [], floor: 0 };
  readonly #options: ReaderOptions;
  readonly #log: Logger;
  readonly #metrics: JournalMetrics;
  readonly #ahead = new Map<number, Promise<Slot | undefined>>();
  /** What ends the GETs in `#ahead`: those of a caller who has gone must not fail the next one. */
  #aheadSignal: AbortSignal | undefined;
  #cursor: JournalCursor = START;
  #problem: Error | undefined;
  #atTail = false;
  /** GETs to keep in flight. */
  #window = READ_AHEAD;
  #reading = false;
  #pollMs = MIN_POLL_MS;
  #listedAtMs = Number.NEGATIVE_INFINITY;
  /** Ends the rest at the tail, while there is one. */
  #endRest: (() => void) | undefined;

  constructor(journal: Journal, options: ReaderOptions) {
    this.journal = checkJournal(journal);
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#metrics = options.metrics ?? journalMetrics();
  }

  /** State after the last slot that was delivered. */
  get cursor(): JournalCursor {
    return this.#cursor;
  }

  /** What keeps the reader from reading right now, if anything (D4). */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** A hint that something was appended: poll now. */
  wake(): void {
    this.#pollMs = MIN_POLL_MS;
    this.#endRest?.();
  }

  /**
   * The next event, waiting at the tail. One call at a time (D1).
   * @throws DataLossError, CorruptSlotError, JournalVersionError, StoreError that will not pass, the signal's reason.
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
    const seq = this.#cursor.nextSeq;
    const slot = await this.#get(seq, signal);
    if (slot) return this.#deliver(slot);
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

  #deliver(slot: Slot): JournalEvent | undefined {
    const before = this.#cursor;
    const { cursor, live } = advance(before, slot);
    if (live && (slot.kind === 'checkpoint' || slot.codec !== 'raw'))
      throw new JournalVersionError(this.journal.name, slot.seq, `${slot.kind} with codec ${slot.codec}`);
    this.#cursor = cursor;
    this.#window = Math.min(READ_AHEAD, this.#window * AHEAD_GROWTH);
    this.#atTail = false;
    this.#pollMs = MIN_POLL_MS;
    if (!live || slot.kind === 'filler') return undefined;
    if (slot.kind === 'fence')
      return { kind: 'fence', seq: slot.seq, offset: cursor.offset, registers: cursor.registers };
    this.#metrics.slotRead(slot.end - slot.begin);
    const from = Math.max(slot.begin, this.#options.from ?? 0);
    if (from >= slot.end) return undefined;
    return {
      kind: 'data',
      seq: slot.seq,
      begin: from,
      end: slot.end,
      bytes: slot.payload.subarray(from - slot.begin),
      session: slot.session,
    };
  }

  /** D2. True when slot `seq` is the tail; false when it should be read again. @throws DataLossError */
  async #proveTail(seq: number, signal: AbortSignal | undefined): Promise<boolean> {
    const above = await lowestSlot(this.journal, seq, signal);
    if (above === undefined) return true;
    if (above === seq) return false; // it came into being between the GET and the LIST
    if (await isLeapHole(this.journal, seq, above, signal)) return true;
    if (await readSlot(this.journal, seq, signal)) return false;
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
