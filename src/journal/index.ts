/**
 * journal: an append-only byte stream on an object store, with one writer at a time that cannot be two.
 *
 * format/      bytes: slots, codecs, fragment names, the index of what is compacted
 * session/     the writer: batches, the next slot, how one is decided (put-slot.ts), reads without a lease (read-index.ts)
 * open/        the fence, also against a busy writer (leap-fence.ts)
 * read/        what slots mean (cursor.ts), where content is (plan.ts), following the tail (reader.ts)
 * compaction/  fragments instead of slots, pruning, deletion
 * inspect/     looking into a journal from outside
 * model/       the protocol, searched state by state
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
export type { Appended } from './session/append-buffer.ts';
export { authorOf, START, termOf, type JournalCursor } from './read/cursor.ts';
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
} from './compaction/compact-journal.ts';
export { Compactor, type CompactorPorts } from './compaction/compactor.ts';
export {
  COMPACTOR_OPTION_RANGES,
  compactorOptions,
  DEFAULT_COMPACTOR_OPTIONS,
  type CompactorOptions,
} from './compaction/compactor-options.ts';
export type { CompactionIndex, Range } from './format/compaction-index.ts';
export { fragmentKey, type Fragment } from './format/fragment.ts';
export {
  gazetteContent,
  parseGazetteName,
  storeKey,
  type GazetteCodec,
  type GazetteFragment,
} from './format/gazette-fragment.ts';
export { labelSet } from './format/gazette-labels.ts';
export {
  deleteJournal,
  type DeleteJournal,
  type DeleteReport,
  type DeleteStep,
} from './compaction/delete-journal.ts';
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
export { plainJournal, plainStore, type PlainContent } from './inspect/plain-store.ts';
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
export {
  checkJournal,
  hintsKey,
  hintsPrefix,
  hintsTerm,
  isJournalName,
  slotKey,
  slotPrefix,
  slotSeq,
  type Journal,
} from './names.ts';
export { openSession, type OpenSession } from './open/open-session.ts';
export {
  COMPRESSIONS,
  DEFAULT_SESSION_OPTIONS,
  SESSION_OPTION_RANGES,
  SessionOptionsError,
  sessionOptions,
  type SessionOptions,
} from './session/options.ts';
export { estimateHead } from './read/head.ts';
export { findPlan, surveyJournal, type Plan } from './read/plan.ts';
export { OPEN_END, prunable, type PruneEvidence } from './compaction/prune.ts';
export { JournalReader, type JournalEvent, type ReaderOptions } from './read/reader.ts';
export type { Session, SessionEnd } from './session/session.ts';
export type { Registers, SlotHeader, SlotKind } from './format/slot.ts';
