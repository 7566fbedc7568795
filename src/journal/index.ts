/**
 * journal: an append-only byte stream on an object store, with one writer at a time that cannot be two.
 *
 * Read first: slot.ts (the format), cursor.ts (what the slots mean), put-slot.ts (how one is decided), session.ts (the writer),
 * open-session.ts (the fence), leap-fence.ts (the fence against a busy writer), read-index.ts (reads without a lease), reader.ts (following).
 */
export type { Appended } from './append-buffer.ts';
export { authorOf, START, termOf, type JournalCursor } from './cursor.ts';
export {
  AppendUnknownError,
  CorruptSlotError,
  DataLossError,
  FencedError,
  JournalNameError,
  JournalVersionError,
  NotAppendedError,
  SessionEndedError,
  StaleTermError,
  type AppendOutcome,
} from './errors.ts';
export { estimateHead } from './head.ts';
export { journalMetrics, type JournalMetrics } from './metrics.ts';
export { checkJournal, isJournalName, slotKey, slotPrefix, slotSeq, type Journal } from './names.ts';
export { openSession, type OpenSession } from './open-session.ts';
export { DEFAULT_SESSION_OPTIONS, SessionOptionsError, type SessionOptions } from './options.ts';
export { JournalReader, type JournalEvent, type ReaderOptions, type ReadPlan } from './reader.ts';
export type { Session, SessionEnd } from './session.ts';
export type { Registers, SlotKind } from './slot.ts';
