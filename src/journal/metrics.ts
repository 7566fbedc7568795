/**
 * The journal's metrics: what a figure on a dashboard needs, created at zero. docs/metrics.md lists them with those of the store.
 *
 * 1. Every label has few values, all known beforehand, and every series exists from the start: a rate begins at zero, not at the first event.
 * 2. What a journal holds is told by whoever owns its session, what a reader lags behind by the reader: one of each in a process.
 */
import { createMetrics, DURATION_BUCKETS_SECONDS, type Metrics } from '../base/index.ts';

export interface JournalMetrics {
  /** A slot: its content, what is stored of it, and how long its PUT took. */
  committed(contentBytes: number, storedBytes: number, seconds: number): void;
  retried(cause: string): void;
  /** A PUT whose answer was lost turned out to be ours. */
  ambiguityResolved(): void;
  fence(outcome: 'won' | 'lost'): void;
  /** A leap FENCE is in the log. */
  leaped(): void;
  /** A FILLER is in the log. */
  filled(): void;
  fenced(): void;
  readProof(by: 'get' | 'put'): void;
  slotRead(contentBytes: number): void;
  fragmentRead(contentBytes: number): void;
  compacted(contentBytes: number, seconds: number): void;
  compactionFailed(cause: string): void;
  pruned(contentBytes: number): void;
  reclaimed(slots: number, fragments: number): void;
  /** Known end of the content minus position of the reader. */
  lagBytes(bytes: number): void;
  /** What the journal holds and where, bytes of content. */
  content(where: ContentPlaces): void;
}

/** Content of a journal: live is what is in slots and in fragments. */
export interface ContentPlaces {
  /** Not compacted yet. */
  readonly slots: number;
  readonly fragments: number;
  /** Given up: only its place is left. */
  readonly pruned: number;
}

/** Why a PUT of a slot is repeated: what a store may answer and mean nothing by, an attempt that took too long, and an answer that could not be read back. */
const RETRY_CAUSES = [
  'STORE_UNREACHABLE',
  'STORE_TIMEOUT',
  'STORE_ABORTED',
  'STORE_THROTTLED',
  'STORE_SERVER_ERROR',
  'STORE_CONFLICT',
  'STORE_BAD_RESPONSE',
  'DEADLINE',
  'READ_BACK',
];

const BATCH_BUCKETS_BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 8_388_608];

/** Metrics in `metrics`, or in a registry that nobody reads. */
export function journalMetrics(metrics: Metrics = createMetrics()): JournalMetrics {
  const retries = metrics.counter({
    name: 'holdfast_journal_retries_total',
    help: 'Attempts repeated, by cause.',
    labels: ['cause'],
  });
  const resolved = metrics.counter({
    name: 'holdfast_journal_ambiguity_resolved_total',
    help: 'Lost answers found to be own commits.',
  });
  const proofs = metrics.counter({
    name: 'holdfast_journal_read_proofs_total',
    help: 'Proofs for linearizable reads, by kind.',
    labels: ['by'],
  });
  for (const cause of RETRY_CAUSES) retries.add(0, { cause });
  for (const by of ['get', 'put']) proofs.add(0, { by });
  return {
    committed: commitMetrics(metrics),
    retried: (cause) => retries.add(1, { cause }),
    ambiguityResolved: () => resolved.add(1),
    ...fenceMetrics(metrics),
    readProof: (by) => proofs.add(1, { by }),
    ...readerMetrics(metrics),
    ...compactionMetrics(metrics),
  };
}

/** What compaction, pruning and reclaiming did. */
function compactionMetrics(
  metrics: Metrics,
): Pick<JournalMetrics, 'compacted' | 'compactionFailed' | 'pruned' | 'reclaimed' | 'content'> {
  const content = metrics.gauge({
    name: 'holdfast_journal_content_bytes',
    help: 'Content of the journal by where it is: slots and fragments together are live, pruned is given up. Told by the primary.',
    labels: ['place'],
  });
  const compactions = metrics.histogram({
    name: 'holdfast_journal_compaction_seconds',
    help: 'Compactions, from the first read to the CHECKPOINT.',
    buckets: DURATION_BUCKETS_SECONDS,
  });
  const compacted = metrics.counter({
    name: 'holdfast_journal_compacted_bytes_total',
    help: 'Content bytes moved from slots to fragments.',
  });
  const failures = metrics.counter({
    name: 'holdfast_journal_compaction_failures_total',
    help: 'Compactions that failed, by cause.',
    labels: ['cause'],
  });
  const pruned = metrics.counter({
    name: 'holdfast_journal_pruned_bytes_total',
    help: 'Content bytes given up because nobody needs them.',
  });
  const reclaimed = metrics.counter({
    name: 'holdfast_journal_reclaimed_objects_total',
    help: 'Objects deleted after their grace, by kind.',
    labels: ['kind'],
  });
  for (const kind of ['slot', 'fragment']) reclaimed.add(0, { kind });
  for (const place of ['slots', 'fragments', 'pruned']) content.set(0, { place });
  return {
    compacted: (contentBytes, seconds) => {
      compacted.add(contentBytes);
      compactions.observe(seconds);
    },
    compactionFailed: (cause) => failures.add(1, { cause }),
    pruned: (contentBytes) => pruned.add(contentBytes),
    content: (where) => {
      for (const [place, bytes] of Object.entries<number>({ ...where })) content.set(bytes, { place });
    },
    reclaimed: (slotCount, fragmentCount) => {
      reclaimed.add(slotCount, { kind: 'slot' });
      reclaimed.add(fragmentCount, { kind: 'fragment' });
    },
  };
}

/** What readers do. */
function readerMetrics(metrics: Metrics): Pick<JournalMetrics, 'slotRead' | 'fragmentRead' | 'lagBytes'> {
  const read = metrics.counter({ name: 'holdfast_journal_read_bytes_total', help: 'Content bytes read.' });
  const slots = metrics.counter({ name: 'holdfast_journal_slots_read_total', help: 'Slots read.' });
  const lag = metrics.gauge({
    name: 'holdfast_journal_lag_bytes',
    help: 'Known head minus position of the reader.',
  });
  return {
    slotRead: (contentBytes) => {
      slots.add(1);
      read.add(contentBytes);
    },
    fragmentRead: (contentBytes) => read.add(contentBytes),
    lagBytes: (value) => lag.set(value),
  };
}

function commitMetrics(metrics: Metrics): JournalMetrics['committed'] {
  const commits = metrics.counter({
    name: 'holdfast_journal_commits_total',
    help: 'Slots committed with content.',
  });
  const bytes = metrics.counter({
    name: 'holdfast_journal_committed_bytes_total',
    help: 'Content bytes committed.',
  });
  const stored = metrics.counter({
    name: 'holdfast_journal_stored_bytes_total',
    help: 'Payload bytes committed, as stored; committed_bytes divided by it is the compression ratio.',
  });
  const batch = metrics.histogram({
    name: 'holdfast_journal_batch_bytes',
    help: 'Content bytes of one slot.',
    buckets: BATCH_BUCKETS_BYTES,
  });
  const latency = metrics.histogram({
    name: 'holdfast_journal_commit_seconds',
    help: 'First PUT of a slot to its confirmation.',
    buckets: DURATION_BUCKETS_SECONDS,
  });
  return (contentBytes, storedBytes, seconds) => {
    commits.add(1);
    bytes.add(contentBytes);
    stored.add(storedBytes);
    batch.observe(contentBytes);
    latency.observe(seconds);
  };
}

/** Openers against each other and against a busy writer. */
function fenceMetrics(metrics: Metrics): Pick<JournalMetrics, 'fence' | 'leaped' | 'filled' | 'fenced'> {
  const fences = metrics.counter({
    name: 'holdfast_journal_fences_total',
    help: 'FENCE slots tried, by outcome.',
    labels: ['outcome'],
  });
  const leaps = metrics.counter({
    name: 'holdfast_journal_leap_fences_total',
    help: 'FENCE slots put ahead of the tail of a busy journal.',
  });
  const fillers = metrics.counter({
    name: 'holdfast_journal_fillers_total',
    help: 'Slots filled below a leap fence.',
  });
  const fenced = metrics.counter({
    name: 'holdfast_journal_fenced_total',
    help: 'Sessions that were fenced.',
  });
  fences.add(0, { outcome: 'won' });
  fences.add(0, { outcome: 'lost' });
  return {
    fence: (outcome) => fences.add(1, { outcome }),
    leaped: () => leaps.add(1),
    filled: () => fillers.add(1),
    fenced: () => fenced.add(1),
  };
}
