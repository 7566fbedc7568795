/**
 * journal: an append-only byte stream on an object store, with one writer at a time that cannot be two.
 *
 * Read first: slot.ts (the format), cursor.ts (what the slots mean), put-slot.ts (how one is decided), session.ts (the writer),
 * open-session.ts (the fence), read-index.ts (reads without a lease), reader.ts (following), compactor.ts (fragments instead of slots).
 */
export type { Appended } from './append-buffer.ts';
export { authorOf, START, termOf, type JournalCursor } from './cursor.ts';
export {
  AppendUnknownError,
  CompactionError,
  CorruptFragmentError,
  CorruptSlotError,
  DataLossError,
  FencedError,
  JournalDeletedError,
  JournalNameError,
  JournalVersionError,
  NotAppendedError,
  SessionEndedError,
  StaleTermError,
  type AppendOutcome,
} from './errors.ts';
export {
  Compactor,
  DEFAULT_COMPACTOR_OPTIONS,
  type CompactorOptions,
  type CompactorPorts,
} from './compactor.ts';
export type { CompactionIndex, Range } from './compaction-index.ts';
export { estimateHead } from './head.ts';
export { journalMetrics, type JournalMetrics } from './metrics.ts';
export { checkJournal, isJournalName, slotKey, slotPrefix, slotSeq, type Journal } from './names.ts';
export { openSession, type OpenSession } from './open-session.ts';
export {
  COMPRESSIONS,
  DEFAULT_SESSION_OPTIONS,
  SESSION_OPTION_RANGES,
  SessionOptionsError,
  sessionOptions,
  type SessionOptions,
} from './options.ts';
export { findEnd, type JournalEnd, type Plan } from './plan.ts';
export type { PruneEvidence } from './prune.ts';
export { JournalReader, type JournalEvent, type ReaderOptions } from './reader.ts';
export type { Session, SessionEnd } from './session.ts';
export type { Registers, SlotKind } from './slot.ts';
