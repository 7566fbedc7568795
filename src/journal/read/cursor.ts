/**
 * What reading the slots in order tells: a pure fold.
 *
 * U1  A DATA or CHECKPOINT slot is live only when it names the nearest FENCE at or below it as its session; a dead one adds nothing
 *     (hazard H11).
 * U2  Liveness alone is not believed: a live slot must begin where the log ended and name the put-id of the slot before it (s3log.md §6.4b F3). Only
 *     a FENCE may name none: its writer need not have read that slot.
 * U3  Registers change only at a FENCE; its term never falls below one already read.
 * U4  A leap FENCE was written before what lies below it was known. It counts only when its owner would still have been allowed to send it (U3,
 *     open-session.ts F2): behind a higher term, or its own term by another author, it is void and adds nothing. What it sets is laid over the
 *     registers below it.
 */
import { equalBytes } from '../../base/index.ts';
import { CorruptSlotError } from '../errors.ts';
import { ZERO_PUT_ID, type Registers, type Slot, type SlotHeader } from '../format/slot.ts';

/** The state after some prefix of the slots; a plain immutable value. */
export interface JournalCursor {
  /** Number of the slot to read or to write next. */
  readonly nextSeq: number;
  /** End of the content so far. */
  readonly offset: number;
  /** Slot of the latest FENCE; undefined before any. */
  readonly session: number | undefined;
  readonly registers: Registers;
  /** Put-id of slot nextSeq-1; undefined when that slot was not read (the first one read). */
  readonly lastPutId: Uint8Array | undefined;
  readonly checkpointSeq: number | undefined;
}

export const START: JournalCursor = {
  nextSeq: 0,
  offset: 0,
  session: undefined,
  registers: {},
  lastPutId: undefined,
  checkpointSeq: undefined,
};

/** The term in a set of registers; 0 when there is none. */
export function termOf(registers: Registers): number {
  const term = Number(registers['term'] ?? '0');
  return Number.isSafeInteger(term) && term >= 0 ? term : 0;
}

/** The author in a set of registers, as a number; 0 when there is none. */
export function authorOf(registers: Registers): number {
  const author = Number.parseInt(registers['author'] ?? '0', 32);
  return Number.isSafeInteger(author) ? author : 0;
}

/** Whether a log with these registers lets an author of this term fence it: never below its term, nor at its term as somebody else. */
export function allowsFence(registers: Registers, term: number, author: string): boolean {
  const logTerm = termOf(registers);
  return logTerm < term || (logTerm === term && (registers['author'] ?? '0') === author);
}

export interface Step {
  readonly cursor: JournalCursor;
  /** False for a slot of a session that was already over (U1), and for a leap FENCE that is void (U4). */
  readonly live: boolean;
}

/** The state after one more slot. @throws CorruptSlotError when the slot does not continue the chain (U2, U3). */
export function advance(cursor: JournalCursor, slot: SlotHeader | Slot): Step {
  const bad = (problem: string): CorruptSlotError => new CorruptSlotError(String(slot.seq), problem);
  if (slot.seq !== cursor.nextSeq) throw bad(`read where slot ${cursor.nextSeq} was expected`);
  const passed = { ...cursor, nextSeq: slot.seq + 1, lastPutId: slot.putId };
  if (slot.kind === 'filler') return { cursor: passed, live: true };
  if (slot.kind === 'fence') {
    const counts =
      !slot.leap || allowsFence(cursor.registers, termOf(slot.registers), slot.registers['author'] ?? '0');
    return { cursor: counts ? fence(cursor, slot, passed, bad) : passed, live: counts }; // U4
  }
  if (slot.session !== cursor.session) return { cursor: passed, live: false }; // U1
  if (slot.begin !== cursor.offset)
    throw bad(`begins at byte ${slot.begin}, the log ends at ${cursor.offset}`);
  if (cursor.lastPutId && !equalBytes(slot.previousPutId, cursor.lastPutId))
    throw bad('does not follow the slot before it');
  if (slot.kind === 'checkpoint') return { cursor: { ...passed, checkpointSeq: slot.seq }, live: true };
  return { cursor: { ...passed, offset: slot.end }, live: true };
}

function fence(
  cursor: JournalCursor,
  slot: SlotHeader,
  passed: JournalCursor,
  bad: (problem: string) => CorruptSlotError,
): JournalCursor {
  if (slot.session !== slot.seq) throw bad('is a FENCE of another session');
  if (!slot.leap && slot.begin !== cursor.offset)
    throw bad(`fences at byte ${slot.begin}, the log ends at ${cursor.offset}`);
  const { lastPutId } = cursor;
  const unknown = slot.leap || !lastPutId || equalBytes(slot.previousPutId, ZERO_PUT_ID);
  if (!unknown && !equalBytes(slot.previousPutId, lastPutId))
    throw bad('fences behind another slot than the one before it');
  if (termOf(slot.registers) < termOf(cursor.registers)) {
    throw bad(`term ${termOf(slot.registers)} after term ${termOf(cursor.registers)}`);
  }
  const registers = slot.leap ? { ...cursor.registers, ...slot.registers } : slot.registers; // U4
  return { ...passed, session: slot.seq, registers };
}

/** The put-id that a slot written next must name as the one before it. */
export function previousPutId(cursor: JournalCursor): Uint8Array {
  return cursor.lastPutId ?? ZERO_PUT_ID;
}
