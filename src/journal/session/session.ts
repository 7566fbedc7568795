/**
 * The exclusive session: the right to append to a journal, from its FENCE to the next one (s3log.md §6.3, §6.4c).
 *
 * A1  One PUT in flight. What arrives meanwhile gathers into the next slot (group commit); depth above one loses acknowledged appends
 *     (s3log.md §6.4b F1).
 * A2  A slot's bytes are frozen before its first PUT and never change until it is decided (put-slot.ts). A batch may be prepared before that
 *     (preparer.ts): until the PUT is handed over nothing of it counts as sent, and what ends the session meanwhile ends it there.
 * A3  Appends are acknowledged strictly in order, each only when its last byte is confirmed.
 * A4  A session that ended is dead for good; every caller learns whether its bytes are known not to be in the log.
 * A5  Reads are served only on proof (read-index.ts), and never once a foreign slot was seen.
 * A6  A CHECKPOINT is a slot like any other: in its turn, and only of a session that nobody has fenced (hazard H12).
 */
import {
  assert,
  deadline,
  ensureError,
  equalBytes,
  raceAbort,
  type Clock,
  type HoldfastError,
  type Logger,
  type Random,
  type Timer,
} from '../../base/index.ts';
import { AppendBuffer, type Appended } from './append-buffer.ts';
import type { compress } from '../format/codec.ts';
import { authorOf, previousPutId, termOf, type JournalCursor } from '../read/cursor.ts';
import { AppendUnknownError, FencedError, NotAppendedError, SessionEndedError } from '../errors.ts';
import type { JournalMetrics } from '../metrics.ts';
import { slotKey, type Journal } from '../names.ts';
import { HARD_BUFFER_FACTOR, type SessionOptions } from './options.ts';
import { slotBytes, type CheckpointWaiter, type Outgoing } from './outgoing.ts';
import { payloadOf } from './pack.ts';
import { Preparer } from './preparer.ts';
import { putSlot, type SlotDecision } from './put-slot.ts';
import { ReadIndex, type Probe } from './read-index.ts';
import {
  decodeSlotHead,
  PUT_ID_BYTES,
  SLOT_HEAD_BYTES,
  type Registers,
  type SlotHeader,
} from '../format/slot.ts';
import { Turnstile } from './turnstile.ts';

export type SessionEnd =
  | { readonly kind: 'closed'; readonly error: SessionEndedError }
  | {
      readonly kind: 'fenced';
      readonly by: { readonly seq: number; readonly registers: Registers } | undefined;
      readonly error: FencedError;
    }
  | { readonly kind: 'failed'; readonly error: HoldfastError };

export interface SessionPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: JournalMetrics;
  /** How content is compressed; a simulation gives a way that takes virtual time. */
  readonly compress?: typeof compress | undefined;
}

type State =
  | { readonly kind: 'open' }
  /** close() was called: what is buffered is still committed, nothing new is taken. */
  | { readonly kind: 'closing' }
  | { readonly kind: 'ended'; readonly end: SessionEnd };

/** Pause after a read probe that proved nothing, ms: a store in trouble is not asked in a tight loop. */
const PROBE_PAUSE_MS = 50;

export class Session {
  readonly journal: Journal;
  readonly author: number;
  readonly term: number;
  readonly registers: Registers;
  /** Slot of this session's FENCE. */
  readonly fenceSeq: number;
  /** End of the log below the FENCE, all holes filled: everything below it is older than this session. */
  readonly fenceOffset: number;
  /** Settles when the session is over; never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #ports: SessionPorts;
  readonly #options: SessionOptions;
  readonly #buffer: AppendBuffer;
  readonly #preparer: Preparer;
  readonly #writers: Turnstile;
  readonly #reads: ReadIndex;
  readonly #stop = new AbortController();
  readonly #resolveEnded: (end: SessionEnd) => void;
  #state: State = { kind: 'open' };
  /** State after the last confirmed slot. */
  #cursor: JournalCursor;
  #sentSeq: number;
  #sentEnd: number;
  #sentPutId: Uint8Array;
  #foreign: SlotHeader | undefined;
  #firstByteMs = 0;
  #lastCommitMs: number;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #barrierEnd = -1;
  /** A CHECKPOINT that waits for its turn or is under way (A6). */
  #checkpoint: CheckpointWaiter | undefined;
  /** Resolves when something changed that may make a batch due sooner, or end the session. */
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  /** `cursor`: the state after this session's own FENCE (open-session.ts makes it). */
  constructor(journal: Journal, cursor: JournalCursor, options: SessionOptions, ports: SessionPorts) {
    this.journal = journal;
    this.registers = cursor.registers;
    this.author = authorOf(cursor.registers);
    this.term = termOf(cursor.registers);
    this.fenceSeq = cursor.session!;
    this.fenceOffset = cursor.offset;
    this.#cursor = cursor;
    this.#options = options;
    this.#ports = ports;
    this.#sentSeq = cursor.nextSeq - 1;
    this.#sentEnd = cursor.offset;
    this.#sentPutId = previousPutId(cursor);
    this.#lastCommitMs = Number.NEGATIVE_INFINITY;
    this.#buffer = new AppendBuffer(cursor.offset, options.maxBatchBytes);
    this.#preparer = new Preparer(journal.name, options, { ...ports, signal: this.#stop.signal });
    this.#writers = new Turnstile(ports.clock, () => this.#buffer.bytes < options.bufferLimitBytes);
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#reads = new ReadIndex(
      {
        lastSent: () => this.#sentSeq,
        probe: (seq) => this.#probe(seq),
        pause: () => ports.clock.sleep(PROBE_PAUSE_MS),
        foreign: (header) => this.#sawForeign(header),
        proved: (by) => ports.metrics.readProof(by),
      },
      this.#sentSeq,
    );
    void this.#run(); // never rejects
  }

  /** End of the confirmed content. */
  get head(): number {
    return this.#cursor.offset;
  }

  /** The log up to the last confirmed slot. */
  get confirmed(): JournalCursor {
    return this.#cursor;
  }

  /** Appends up to this size lie in one slot, bytes. */
  get maxBatchBytes(): number {
    return this.#options.maxBatchBytes;
  }

  /** End of the content appended so far, confirmed or not. */
  get appendedHead(): number {
    return this.#buffer.end;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /**
   * Appends bytes; the offsets are final at once, durability comes with `committed`. Ownership of the bytes passes to the session: they
   * must not change until then. Bytes of one call are contiguous, and in one slot up to maxBatchBytes.
   * @throws FencedError, NotAppendedError when the session is over or far too much is buffered; PositionError beyond 2^53-1.
   */
  append(bytes: Uint8Array | readonly Uint8Array[], options: { readonly barrier?: boolean } = {}): Appended {
    if (this.#state.kind === 'ended') throw this.#errorFor(this.#state.end, false);
    if (this.#state.kind === 'closing')
      throw new NotAppendedError(this.journal.name, 'the session is closing');
    const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
    const isFull = this.#buffer.bytes > this.#options.bufferLimitBytes * HARD_BUFFER_FACTOR;
    if (isFull && parts.some((part) => part.length > 0)) {
      throw new NotAppendedError(
        this.journal.name,
        `${this.#buffer.bytes} bytes are waiting already; await whenWritable before appending`,
      );
    }
    const before = this.#buffer.bytes;
    if (before === 0) this.#firstByteMs = this.#ports.clock.monotonicMs();
    const appended = this.#buffer.append(parts);
    if (appended.end <= this.#cursor.offset) this.#buffer.confirm(this.#cursor.offset); // nothing of it is pending
    if (options.barrier) this.#barrierEnd = appended.end;
    // The committer is woken when a batch may be due sooner; ten thousand appends that join one are no news to it.
    const { maxBatchBytes } = this.#options;
    const fillsBatch = before < maxBatchBytes && this.#buffer.bytes >= maxBatchBytes;
    if (options.barrier || before === 0 || fillsBatch) this.#wake();
    if (this.#isSending()) this.#prepareNext();
    this.#writers.next();
    return appended;
  }

  /** Resolves with the head once everything appended so far is durable. No slot of its own when nothing is pending. */
  async barrier(): Promise<number> {
    const { end, committed } = this.append([], { barrier: true });
    await committed;
    return end;
  }

  /**
   * Commits a CHECKPOINT slot with this payload (compaction-index.ts), after the slot that is under way; resolves with its number. One at a time.
   * @throws FencedError, AppendUnknownError, NotAppendedError, SessionEndedError
   */
  checkpoint(payload: Uint8Array): Promise<number> {
    assert(this.#checkpoint === undefined, 'A6: one CHECKPOINT at a time');
    if (this.#state.kind === 'ended') return Promise.reject(this.#errorFor(this.#state.end, false));
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#checkpoint = { payload, resolve, reject };
    this.#wake();
    return promise;
  }

  /**
   * Back-pressure: resolves when there is room for more, for one caller after the other in the order they came (turnstile.ts); the caller appends
   * right then. Also resolves when the session is over, which the append then tells. @throws the signal's reason, if that comes first.
   */
  async whenWritable(signal?: AbortSignal): Promise<void> {
    await this.#writers.pass(signal);
  }

  /** Resolves when a read that arrived before this call may be answered from all confirmed content (A5). @throws FencedError, SessionEndedError */
  readIndex(): Promise<void> {
    return this.#reads.wait();
  }

  /** Commits what is buffered, then gives the session up. Idempotent; resolves when it is over, however it ended. */
  async close(): Promise<void> {
    if (this.#state.kind === 'open') {
      this.#state = { kind: 'closing' };
      this.#wake();
    }
    await this.ended;
  }

  /** Gives up at once: what is under way stays undecided. For a process that must stop. */
  abandon(reason: string): void {
    this.#stop.abort(new NotAppendedError(this.journal.name, reason));
    this.#wake();
  }

  /** Never rejects: whatever goes wrong ends the session, so that nobody waits for ever, and what was under way is unknown. */
  async #run(): Promise<void> {
    try {
      await this.#commitLoop();
    } catch (error) {
      const why = 'committing failed in a way that it must not';
      this.#endFailed(new AppendUnknownError(this.journal.name, why, ensureError(error)), true);
    }
  }

  async #commitLoop(): Promise<void> {
    for (;;) {
      const flush = await this.#untilFlush();
      if (this.#isOver()) return;
      if (!flush)
        return this.#end({ kind: 'closed', error: new SessionEndedError(this.journal.name) }, false);
      const outgoing = await this.#outgoing();
      if (this.#isOver()) return; // while preparing: nothing of the batch was sent
      const decision = await this.#put(outgoing);
      if (!this.#settle(outgoing, decision)) return;
    }
  }

  async #outgoing(): Promise<Outgoing> {
    const waiter = this.#checkpoint;
    if (waiter) return { kind: 'checkpoint', end: this.#cursor.offset, waiter };
    const batch = this.#buffer.take();
    this.#firstByteMs = this.#lastFlushMs = this.#ports.clock.monotonicMs();
    this.#writers.next(); // room in the buffer
    return { kind: 'data', end: batch.end, prepared: await this.#preparer.prepare(batch) };
  }

  /** Ends the session if a foreign slot was seen or it was told to stop; to be asked only while nothing is in flight. */
  #isOver(): boolean {
    if (this.#foreign) this.#endFenced(this.#foreign, false);
    else if (this.#stop.signal.aborted) this.#endFailed(this.#stop.signal.reason as HoldfastError, false);
    return this.#state.kind === 'ended';
  }

  /** Whether a PUT is on its way. */
  #isSending(): boolean {
    return this.#sentSeq >= this.#cursor.nextSeq;
  }

  /** Makes what comes after the slot on its way ready, if nothing can join it any more. It stays in the buffer, and counts as such. */
  #prepareNext(): void {
    const next = this.#buffer.closed;
    if (next) this.#preparer.ahead(next);
  }

  /** Waits until a batch or a CHECKPOINT is due; false when the session closes with nothing left. */
  async #untilFlush(): Promise<boolean> {
    const { clock } = this.#ports;
    for (;;) {
      if (this.#foreign || this.#stop.signal.aborted) return false;
      if (this.#checkpoint) return true;
      if (this.#buffer.bytes === 0) {
        if (this.#state.kind === 'closing') return false;
        await this.#changed.promise;
        continue;
      }
      const waitMs = this.#dueMs() - clock.monotonicMs();
      if (waitMs <= 0) return true;
      const changed = this.#changed.promise;
      const elapsed = Promise.withResolvers<void>();
      const timer: Timer = clock.timer(waitMs, elapsed.resolve);
      await Promise.race([changed, elapsed.promise]);
      timer.cancel();
    }
  }

  /** When the gathered bytes are due, by the rules of options.ts. */
  #dueMs(): number {
    const { flushIntervalMs, idleFlushMs, maxBatchBytes, barrierIntervalMs } = this.#options;
    if (this.#state.kind === 'closing' || this.#buffer.bytes >= maxBatchBytes)
      return Number.NEGATIVE_INFINITY;
    const wasIdle = this.#firstByteMs - this.#lastCommitMs > flushIntervalMs;
    const byInterval =
      this.#firstByteMs + (wasIdle ? Math.min(flushIntervalMs, idleFlushMs) : flushIntervalMs);
    const pendingBegin = this.#buffer.end - this.#buffer.bytes;
    if (this.#barrierEnd <= pendingBegin) return byInterval;
    return Math.min(byInterval, this.#lastFlushMs + barrierIntervalMs);
  }

  async #put(outgoing: Outgoing): Promise<SlotDecision> {
    const { clock, random, metrics } = this.#ports;
    const { kind, end } = outgoing;
    const begin = this.#cursor.offset;
    const seq = this.#cursor.nextSeq;
    const putId = random.bytes(PUT_ID_BYTES);
    const bytes = slotBytes(outgoing, {
      kind,
      codec: kind === 'data' ? outgoing.prepared.codec : 'raw',
      leap: false,
      seq,
      begin,
      end,
      session: this.fenceSeq,
      author: this.author,
      putId,
      previousPutId: previousPutId(this.#cursor),
      checkpoint: this.#cursor.checkpointSeq,
      registers: kind === 'checkpoint' ? this.#cursor.registers : {},
    });
    const sentMs = clock.monotonicMs();
    this.#sentSeq = seq;
    this.#sentEnd = end;
    this.#sentPutId = putId;
    this.#reads.slotSent(seq);
    const deciding = putSlot(this.journal, seq, bytes, putId, {
      ...this.#options,
      clock,
      random,
      metrics,
      signal: this.#stop.signal,
    });
    this.#prepareNext();
    const decision = await deciding;
    if (decision.kind !== 'committed') return decision;
    this.#lastCommitMs = clock.monotonicMs();
    const checkpointSeq = kind === 'checkpoint' ? seq : this.#cursor.checkpointSeq;
    if (kind === 'data') {
      const storedBytes = payloadOf(outgoing.prepared).length;
      metrics.committed(end - begin, storedBytes, (this.#lastCommitMs - sentMs) / 1000);
      if (decision.bytesRead) this.#preparer.release(outgoing.prepared);
    }
    this.#cursor = { ...this.#cursor, nextSeq: seq + 1, offset: end, lastPutId: putId, checkpointSeq };
    return decision;
  }

  /** Draws the consequence of a decided (or given-up) slot; false when the session is over. */
  #settle(outgoing: Outgoing, decision: SlotDecision): boolean {
    const { name } = this.journal;
    if (this.#foreign && (decision.kind === 'undecided' || decision.kind === 'refused')) {
      this.#endFenced(this.#foreign, decision.kind === 'undecided' || decision.maybe); // what a read proved is why it is over
      return false;
    }
    switch (decision.kind) {
      case 'committed':
        this.#buffer.confirm(outgoing.end); // A3
        if (outgoing.kind === 'checkpoint') {
          this.#checkpoint = undefined;
          outgoing.waiter.resolve(this.#sentSeq);
        }
        this.#reads.slotConfirmed(this.#sentSeq);
        return true;
      case 'foreign':
        this.#endFenced(decision.header, decision.maybe);
        return false;
      case 'reclaimed': // ours and durable at depth one, but confirmed to nobody (s3log.md §6.4b F4)
        this.#endFenced(undefined, true);
        return false;
      case 'refused': {
        const why = `the store refused slot ${this.#sentSeq}: ${decision.cause.message}`;
        const error = decision.maybe
          ? new AppendUnknownError(name, why, decision.cause)
          : new NotAppendedError(name, why, decision.cause);
        this.#endFailed(error, decision.maybe);
        return false;
      }
      case 'undecided':
        this.#endFailed(
          new AppendUnknownError(name, `slot ${this.#sentSeq} stayed undecided`, decision.cause),
          true,
        );
        return false;
    }
  }

  #sawForeign(header: SlotHeader): void {
    this.#foreign ??= header;
    this.#reads.end(this.#fencedError(header, 'not-appended')); // A5; the committer decides what is in flight, then ends
    this.#wake();
  }

  #endFenced(by: SlotHeader | undefined, inFlightUnknown: boolean): void {
    this.#ports.metrics.fenced();
    const error = this.#fencedError(by, 'not-appended');
    this.#end({ kind: 'fenced', by: by && { seq: by.seq, registers: by.registers }, error }, inFlightUnknown);
  }

  #endFailed(error: HoldfastError, inFlightUnknown: boolean): void {
    this.#end({ kind: 'failed', error }, inFlightUnknown);
  }

  #end(end: SessionEnd, inFlightUnknown: boolean): void {
    this.#state = { kind: 'ended', end };
    this.#reads.end(end.error);
    this.#buffer.fail(this.#sentEnd, (sent) => this.#errorFor(end, sent && inFlightUnknown));
    this.#checkpoint?.reject(this.#errorFor(end, inFlightUnknown));
    this.#checkpoint = undefined;
    this.#writers.open();
    this.#wake();
    this.#ports.log.info('journal session ended', {
      journal: this.journal.name,
      end: end.kind,
      head: this.head,
      error: end.error,
    });
    this.#resolveEnded(end);
  }

  /** What a caller is told: an outcome of its own, since what was never sent is known not to be in the log (A4). */
  #errorFor(end: SessionEnd, unknown: boolean): HoldfastError {
    if (end.kind === 'fenced') return this.#fencedError(end.by, unknown ? 'unknown' : 'not-appended');
    if (unknown || !(end.error instanceof AppendUnknownError)) return end.error;
    return new NotAppendedError(this.journal.name, 'the session ended before it was sent', end.error);
  }

  #fencedError(
    by: { readonly seq: number; readonly registers: Registers } | undefined,
    outcome: 'not-appended' | 'unknown',
  ): FencedError {
    const who = by
      ? `slot ${by.seq} (author ${by.registers['author'] ?? 'unknown'}, term ${by.registers['term'] ?? 'unknown'})`
      : 'a later session';
    return new FencedError(this.journal.name, who, outcome);
  }

  async #probe(seq: number): Promise<Probe> {
    const limit = deadline(
      this.#ports.clock,
      this.#options.firstAttemptMs,
      `GET of slot ${seq}`,
      this.#stop.signal,
    );
    try {
      const range = { start: 0, end: SLOT_HEAD_BYTES };
      const call = { range, signal: limit.signal };
      const found = await raceAbort(this.journal.store.get(slotKey(this.journal, seq), call), limit.signal);
      if (!found) return { kind: 'absent' };
      const header = decodeSlotHead(found.body, `${this.journal.name} #${seq}`);
      return this.#isOwn(seq, header) ? { kind: 'nothing' } : { kind: 'foreign', header };
    } catch (error) {
      if (this.#ports.log.isDebugEnabled()) this.#ports.log.debug('read probe failed', { seq, error });
      return { kind: 'nothing' }; // R4: proves nothing, and a new GET is begun
    } finally {
      limit.clear();
    }
  }

  /** Whether the slot found at `seq` was put by this very process: a copy of it has the session's number too, but not the put-id (H24). */
  #isOwn(seq: number, header: SlotHeader): boolean {
    return seq < this.#sentSeq || (seq === this.#sentSeq && equalBytes(header.putId, this.#sentPutId));
  }

  #wake(): void {
    const waiting = this.#changed;
    this.#changed = Promise.withResolvers();
    waiting.resolve();
  }
}
