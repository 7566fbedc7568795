/**
 * journal: an append-only byte stream on an object store, with one writer at a time that cannot be two.
 *
 * Read first: slot.ts (the format), cursor.ts (what the slots mean), put-slot.ts (how one is decided), session.ts (the writer),
 * open-session.ts (the fence), leap-fence.ts (the fence against a busy writer), read-index.ts (reads without a lease), reader.ts (following),
 * compactor.ts (fragments instead of slots), inspect/ (looking into one from outside).
 */
export {
  createLogger,
  createMetrics,
  silentLogger,
  systemClock,
  systemRandom,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../base/index.ts';
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
  compactJournal,
  type CompactJournal,
  type CompactReport,
  type CompactStep,
} from './compact-journal.ts';
export { Compactor, type CompactorPorts } from './compactor.ts';
export {
  COMPACTOR_OPTION_RANGES,
  compactorOptions,
  DEFAULT_COMPACTOR_OPTIONS,
  type CompactorOptions,
} from './compactor-options.ts';
export type { CompactionIndex, Range } from './compaction-index.ts';
export { fragmentKey, type Fragment } from './fragment.ts';
export { deleteJournal, type DeleteJournal, type DeleteReport, type DeleteStep } from './delete-journal.ts';
export { estimateHead } from './head.ts';
export {
  commitsPerSecond,
  costOf,
  SECONDS_PER_MONTH,
  usageOf,
  type Cost,
  type CostLine,
  type Usage,
  type Workload,
} from './inspect/cost.ts';
export {
  describeSlot,
  describeSlots,
  type DescribeOptions,
  type SlotDescription,
} from './inspect/describe.ts';
export { findJournal, GenerationError, JournalNotFoundError } from './inspect/find-journal.ts';
export {
  findingLine,
  type ContentRange,
  type Finding,
  type FindingKind,
  type Severity,
} from './inspect/finding.ts';
export {
  listJournals,
  listSlots,
  type FoundJournal,
  type ListedObject,
  type ListOptions,
} from './inspect/list-slots.ts';
export { PRICES, PRICES_SOURCE, type Prices } from './inspect/prices.ts';
export {
  MetricsTextError,
  readStoreCounters,
  usageOfCounters,
  type StoreCounters,
} from './inspect/store-counters.ts';
export { EMPTY_SUMMARY, summarize, type JournalSummary } from './inspect/summary.ts';
export { unnamedFragments, type UnnamedFragment } from './inspect/unnamed.ts';
export {
  verifyJournal,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyReport,
} from './inspect/verify.ts';
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
export { findPlan, type Plan } from './plan.ts';
export { OPEN_END, prunable, type PruneEvidence } from './prune.ts';
export { JournalReader, type JournalEvent, type ReaderOptions } from './reader.ts';
export type { Session, SessionEnd } from './session.ts';
export type { Registers, SlotHeader, SlotKind } from './slot.ts';
