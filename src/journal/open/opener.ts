/**
 * One opener at work: who it is, the slots it may put, and its requests with their retries.
 *
 * F2  Whoever has read a higher term, or its own term by another author, never sends a fence. Terms in the log only grow.
 */
import type { Clock, Logger, Random } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { allowsFence, previousPutId, termOf, type JournalCursor } from '../read/cursor.ts';
import { AppendUnknownError, FencedError, StaleTermError } from '../errors.ts';
import { firstGap, lowestSlot } from '../read/listed-slots.ts';
import type { JournalMetrics } from '../metrics.ts';
import type { Journal } from '../names.ts';
import type { SessionOptions } from '../session/options.ts';
import { pass, type Passed } from './passed.ts';
import { putSlot, type SlotDecision } from '../session/put-slot.ts';
import { readSlotHead } from '../read/read-slot.ts';
import { retrying } from '../retry.ts';
import {
  encodeSlot,
  PUT_ID_BYTES,
  ZERO_PUT_ID,
  type Registers,
  type Slot,
  type SlotHeader,
} from '../format/slot.ts';

export interface OpenerPorts {
  readonly author: number;
  readonly term: number;
  readonly registers?: Registers;
  readonly options: SessionOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: JournalMetrics;
  readonly signal?: AbortSignal | undefined;
}

/** Where a slot goes whose content is decided here, and what it is. */
export interface Planned {
  readonly kind: 'fence' | 'filler';
  readonly leap: boolean;
  readonly seq: number;
}

export class Opener {
  readonly journal: Journal;
  readonly ports: OpenerPorts;
  /** What its fence sets: the registers of the log stay otherwise. */
  readonly sets: Registers;

  constructor(journal: Journal, ports: OpenerPorts) {
    this.journal = journal;
    this.ports = ports;
    this.sets = { ...ports.registers, author: ports.author.toString(32), term: String(ports.term) };
  }

  /** F2. @throws StaleTermError; the signal's reason, since nothing is under way that could be unknown. */
  checkTurn(cursor: JournalCursor): void {
    this.ports.signal?.throwIfAborted();
    const { author, term } = this.ports;
    if (allowsFence(cursor.registers, term, author.toString(32))) return;
    const { registers } = cursor;
    throw new StaleTermError(this.journal.name, term, termOf(registers), registers['author'] ?? '0');
  }

  /** An empty slot that follows `cursor`, or stands as a leap above it. */
  slot(cursor: JournalCursor, { kind, leap, seq }: Planned): Slot {
    return {
      kind,
      codec: 'raw',
      leap,
      seq,
      begin: cursor.offset,
      end: cursor.offset,
      session: kind === 'fence' ? seq : cursor.session!, // a FILLER has a FENCE below it: races are lost to slots only
      author: this.ports.author,
      putId: this.ports.random.bytes(PUT_ID_BYTES),
      previousPutId: leap ? ZERO_PUT_ID : previousPutId(cursor),
      checkpoint: cursor.checkpointSeq,
      registers: kind === 'filler' ? {} : leap ? this.sets : { ...cursor.registers, ...this.sets },
      payload: new Uint8Array(0),
    };
  }

  /**
   * Puts the slot. Resolves with what stands there now: the very slot that was given, or the head of somebody else's.
   * @throws FencedError, AppendUnknownError, StoreError when it is not decided.
   */
  async put(slot: Slot): Promise<SlotHeader> {
    const { options, ...ports } = this.ports;
    const decision = await putSlot(this.journal, slot.seq, encodeSlot(slot), slot.putId, {
      ...options,
      ...ports,
    });
    if (decision.kind === 'committed') return slot;
    if (decision.kind === 'foreign') return decision.header;
    throw this.#error(slot, decision);
  }

  /** The head of slot `seq`, which has been there: if it is gone, it was reclaimed behind our back. @throws FencedError, StoreError, CorruptSlotError */
  async read(seq: number): Promise<SlotHeader> {
    const slot = await this.ask((signal) => readSlotHead(this.journal, seq, signal));
    if (!slot) throw this.fencedBy(`a later session, which has already removed slot ${seq}`);
    return slot;
  }

  /** One more slot folded in. @throws FencedError when that shows the opener's state to be stale (L6), CorruptSlotError */
  pass(passed: Passed, slot: SlotHeader): Passed {
    const passage = pass(passed, slot);
    if (passage.kind === 'passed') return passage.passed;
    throw this.fencedBy(`a session that has already removed slot ${passage.firstFiller}`, passage.cause);
  }

  /** The lowest slot from `from` on that a LIST shows. */
  lowest(from: number): Promise<number | undefined> {
    return this.ask((signal) => lowestSlot(this.journal, from, signal));
  }

  /** Where the log ends by a LIST: a hint of where to race or to leap, which may lag. Every slot before it has been there. */
  tailAfter(cursor: JournalCursor): Promise<number> {
    return this.ask((signal) => firstGap(this.journal, cursor.nextSeq, signal));
  }

  /** A question to the store, asked until it is answered. @throws StoreError, CorruptSlotError, the signal's reason. */
  ask<T>(question: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const { clock, random, signal, options } = this.ports;
    return retrying(() => question(signal), { clock, random, signal, giveUpMs: options.giveUpMs });
  }

  /** The end of an opener that came too late: nothing that it put counts. */
  fencedBy(whom: string, cause?: unknown): FencedError {
    return new FencedError(this.journal.name, whom, 'not-appended', cause);
  }

  #error(slot: Slot, decision: Exclude<SlotDecision, { kind: 'committed' | 'foreign' }>): Error {
    const { name } = this.journal;
    switch (decision.kind) {
      case 'reclaimed':
        return new FencedError(
          name,
          `a later session, which has already removed slot ${slot.seq}`,
          'unknown',
        );
      case 'refused':
        return decision.cause;
      case 'undecided':
        return decision.cause instanceof StoreError && !decision.cause.retryable
          ? decision.cause
          : new AppendUnknownError(
              name,
              `the ${slot.kind} at slot ${slot.seq} stayed undecided`,
              decision.cause,
            );
    }
  }
}
