/**
 * The exclusive session: the right to append to a journal, from its FENCE to the next one (s3log.md §6.3, §6.4c).
 *
 * A1  One PUT in flight. What arrives meanwhile gathers into the next slot (group commit); depth above one loses acknowledged appends
 *     (s3log.md §6.4b F1).
 * A2  A slot's bytes are frozen before its first PUT and never change until it is decided (put-slot.ts).
 * A3  Appends are acknowledged strictly in order, each only when its last byte is confirmed.
 * A4  A session that ended is dead for good; every caller learns whether its bytes are known not to be in the log.
 * A5  Reads are served only on proof (read-index.ts), and never once a foreign slot was seen.
 */
import {
  deadline,
  ensureError,
  equalBytes,
  raceAbort,
  type Clock,
  type HoldfastError,
  type Logger,
  type Random,
  type Timer,
} from '../base/index.ts';
import { AppendBuffer, type Appended, type Batch } from './append-buffer.ts';
import { authorOf, previousPutId, termOf, type JournalCursor } from './cursor.ts';
import { AppendUnknownError, FencedError, NotAppendedError, SessionEndedError } from './errors.ts';
import type { JournalMetrics } from './metrics.ts';
import { slotKey, type Journal } from './names.ts';
import { HARD_BUFFER_FACTOR, IDLE_FLUSH_MS, type SessionOptions } from './options.ts';
import { putSlot, type SlotDecision } from './put-slot.ts';
import { ReadIndex, type Probe } from './read-index.ts';
import {
  decodeSlotHead,
  encodeSlot,
  PUT_ID_BYTES,
  SLOT_HEAD_BYTES,
  type Registers,
  type SlotHeader,
} from './slot.ts';

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
    this.#buffer = new AppendBuffer(cursor.offset);
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
    if (this.#buffer.bytes === 0) this.#firstByteMs = this.#ports.clock.monotonicMs();
    const appended = this.#buffer.append(parts);
    if (appended.end <= this.#cursor.offset) this.#buffer.confirm(this.#cursor.offset); // nothing of it is pending
    if (options.barrier) this.#barrierEnd = appended.end;
    this.#wake();
    return appended;
  }

  /** Resolves with the head once everything appended so far is durable. No slot of its own when nothing is pending. */
  async barrier(): Promise<number> {
    const { end, committed } = this.append([], { barrier: true });
    await committed;
    return end;
  }

  /** Back-pressure: resolves when there is room for more. */
  async whenWritable(signal?: AbortSignal): Promise<void> {
    while (this.#state.kind !== 'ended' && this.#buffer.bytes >= this.#options.bufferLimitBytes) {
      await raceAbort(this.#changed.promise, signal);
    }
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
      if (this.#foreign) return this.#endFenced(this.#foreign, false);
      if (this.#stop.signal.aborted) return this.#endFailed(this.#stop.signal.reason as HoldfastError, false);
      if (!flush)
        return this.#end({ kind: 'closed', error: new SessionEndedError(this.journal.name) }, false);
      const batch = this.#buffer.take(this.#options.maxBatchBytes);
      const decision = await this.#put(batch);
      if (!this.#settle(batch, decision)) return;
    }
  }

  /** Waits until a batch is due; false when the session closes with nothing left. */
  async #untilFlush(): Promise<boolean> {
    const { clock } = this.#ports;
    for (;;) {
      if (this.#foreign || this.#stop.signal.aborted) return false;
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
    const { flushIntervalMs, maxBatchBytes, barrierIntervalMs } = this.#options;
    if (this.#state.kind === 'closing' || this.#buffer.bytes >= maxBatchBytes)
      return Number.NEGATIVE_INFINITY;
    const wasIdle = this.#firstByteMs - this.#lastCommitMs > flushIntervalMs;
    const byInterval =
      this.#firstByteMs + (wasIdle ? Math.min(flushIntervalMs, IDLE_FLUSH_MS) : flushIntervalMs);
    const pendingBegin = this.#buffer.end - this.#buffer.bytes;
    if (this.#barrierEnd <= pendingBegin) return byInterval;
    return Math.min(byInterval, this.#lastFlushMs + barrierIntervalMs);
  }

  async #put(batch: Batch): Promise<SlotDecision> {
    const { clock, random, metrics } = this.#ports;
    const seq = this.#cursor.nextSeq;
    const putId = random.bytes(PUT_ID_BYTES);
    const payload = batch.parts.length === 1 ? batch.parts[0]! : Buffer.concat(batch.parts);
    const bytes = encodeSlot({
      kind: 'data',
      codec: 'raw',
      leap: false,
      seq,
      begin: batch.begin,
      end: batch.end,
      session: this.fenceSeq,
      author: this.author,
      putId,
      previousPutId: previousPutId(this.#cursor),
      checkpoint: this.#cursor.checkpointSeq,
      registers: {},
      payload,
    });
    this.#firstByteMs = this.#lastFlushMs = clock.monotonicMs();
    this.#sentSeq = seq;
    this.#sentEnd = batch.end;
    this.#sentPutId = putId;
    this.#reads.slotSent(seq);
    this.#wake(); // room in the buffer
    const decision = await putSlot(this.journal, seq, bytes, putId, {
      ...this.#options,
      clock,
      random,
      metrics,
      signal: this.#stop.signal,
    });
    if (decision.kind !== 'committed') return decision;
    this.#lastCommitMs = clock.monotonicMs();
    metrics.committed(batch.end - batch.begin, (this.#lastCommitMs - this.#lastFlushMs) / 1000);
    this.#cursor = { ...this.#cursor, nextSeq: seq + 1, offset: batch.end, lastPutId: putId };
    return decision;
  }

  /** Draws the consequence of a decided (or given-up) slot; false when the session is over. */
  #settle(batch: Batch, decision: SlotDecision): boolean {
    const { name } = this.journal;
    if (this.#foreign && (decision.kind === 'undecided' || decision.kind === 'refused')) {
      this.#endFenced(this.#foreign, decision.kind === 'undecided' || decision.maybe); // what a read proved is why it is over
      return false;
    }
    switch (decision.kind) {
      case 'committed':
        this.#buffer.confirm(batch.end); // A3
        this.#reads.slotConfirmed(this.#sentSeq);
        return true;
      case 'foreign':
        this.#endFenced(decision.header, false);
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
