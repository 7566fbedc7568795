/**
 * Compacting a journal that has no owner now, by hand: open a session, compact, prune on request, give the session up (s3log.md §6.8: suspended shards).
 *
 * J1  Opening the session fences whoever has the journal: the caller has made sure that nobody does, or accepts that he loses it.
 * J2  What becomes superfluous is deleted after the grace if the caller waits for it; otherwise by the next owner, whose compactor finds it. Deleting goes on
 *     after the session is over: what a CHECKPOINT retired is never named again, whoever owns the journal by then.
 */
import type { Clock, Logger, Random } from '../../base/index.ts';
import { basePlan, compact, publish, type CompactOptions } from './compact.ts';
import { compactorOptions, type CompactorOptions } from './compactor-options.ts';
import { termOf } from '../read/cursor.ts';
import type { Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { openSession } from '../open/open-session.ts';
import type { Plan } from '../read/plan.ts';
import { prunedIndex, type PruneEvidence } from './prune.ts';
import { JournalReader } from '../read/reader.ts';
import { reclaim, sweep } from './reclaim.ts';
import type { Session } from '../session/session.ts';

export interface CompactJournal {
  /** Of the session. By default one above the log's. */
  readonly term?: number | undefined;
  /** What must stay; nothing is pruned without it. */
  readonly needed?: PruneEvidence | undefined;
  readonly options?: Partial<CompactorOptions>;
  /** Stay for the grace, and delete what is superfluous. */
  readonly reclaim?: boolean | undefined;
  readonly onStep?: (step: CompactStep) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly signal?: AbortSignal | undefined;
}

/** What it does next; the bytes are of content. */
export type CompactStep =
  | { readonly kind: 'fencing'; readonly term: number }
  | { readonly kind: 'compacting'; readonly bytes: number; readonly totalBytes: number }
  | { readonly kind: 'waiting'; readonly graceMs: number }
  | { readonly kind: 'deleting'; readonly objects: number };

export interface CompactReport {
  readonly term: number;
  /** Slot of the own FENCE, and of the newest CHECKPOINT. */
  readonly fenceSeq: number;
  readonly checkpoint: number | undefined;
  readonly floor: number;
  /** End of the compacted content, and how much of it is new. */
  readonly end: number;
  readonly compactedBytes: number;
  readonly fragments: number;
  readonly prunedBytes: number;
  readonly prunedFragments: number;
  /** Objects that became superfluous, and how many of them were deleted. */
  readonly superfluous: number;
  readonly deleted: number;
}

/** How a session is opened. */
interface TakeJournal extends Pick<CompactJournal, 'term' | 'clock' | 'random' | 'log' | 'signal'> {
  readonly onStep?: (step: Extract<CompactStep, { kind: 'fencing' }>) => void;
}

/** Most that a cursor can say: a reader that begins here delivers no content. */
const NO_CONTENT = Number.MAX_SAFE_INTEGER;

/** The journal as it is, opened by a session of ours (J1). @throws the errors of openSession and of a reader */
export async function takeJournal(
  journal: Journal,
  { term, clock, random, log, signal, onStep }: TakeJournal,
): Promise<{ readonly session: Session; readonly term: number }> {
  const reader = new JournalReader(journal, { clock, random, from: NO_CONTENT, ...(log ? { log } : {}) });
  while ((await reader.next(signal)).kind !== 'tail');
  const { cursor } = reader;
  const own = term ?? termOf(cursor.registers) + 1;
  onStep?.({ kind: 'fencing', term: own });
  const author = 1 + random.below(2 ** 32 - 1);
  const open = { cursor, author, term: own, clock, random, signal, ...(log ? { log } : {}) };
  return { session: await openSession(journal, open), term: own };
}

/**
 * Compacts everything, prunes what `needed` permits, and gives the journal up.
 * @throws StaleTermError, FencedError, JournalDeletedError, DataLossError, CorruptSlotError, CorruptFragmentError, CompactionError, StoreError,
 *   SessionOptionsError, the signal's reason. Whatever was published by then stays, and is right.
 */
export async function compactJournal(journal: Journal, how: CompactJournal): Promise<CompactReport> {
  const { clock, random, needed, signal, onStep } = how;
  const options = compactorOptions(how.options);
  const { session, term } = await takeJournal(journal, how);
  const call: CompactOptions = {
    codec: options.compression,
    fragmentBytes: options.fragmentBytes,
    giveUpMs: options.giveUpMs,
    clock,
    random,
    signal,
  };
  let done: { readonly base: Plan | undefined; readonly plan: Plan | undefined; readonly pruned: number };
  try {
    const base = await basePlan(session, signal);
    const begin = base?.index.end ?? 0;
    const totalBytes = session.head - begin;
    const at = (bytes: number): void => onStep?.({ kind: 'compacting', bytes, totalBytes });
    at(0);
    const onFragment = ({ end }: Fragment): void => at(end - begin);
    const compacted = await compact(session, base, false, { ...call, onFragment });
    const plan = compacted?.plan ?? base;
    const next = plan && needed && prunedIndex(plan.index, needed);
    const pruned = next ? plan.index.fragments.length - next.fragments.length : 0;
    done = { base, plan: next ? await publish(session, next, call) : plan, pruned };
  } catch (error) {
    session.abandon('compacting has failed');
    throw error;
  }
  await session.close();
  const { base, plan, pruned } = done;
  const superfluous = {
    ...(plan ? await sweep(journal, plan.index, signal) : { slots: [], indexes: [] }),
    fragments: plan?.index.retired ?? [],
  };
  const objects = superfluous.slots.length + superfluous.fragments.length + superfluous.indexes.length;
  if (how.reclaim && objects > 0) {
    onStep?.({ kind: 'waiting', graceMs: options.graceMs });
    await clock.sleep(options.graceMs, signal);
    onStep?.({ kind: 'deleting', objects });
    await reclaim(journal, superfluous, signal);
  }
  const holes = (of: Plan | undefined): number =>
    (of?.index.pruned ?? []).reduce((sum, { begin, end }) => sum + end - begin, 0);
  return {
    term,
    fenceSeq: session.fenceSeq,
    checkpoint: plan?.seq,
    floor: plan?.index.floor ?? 0,
    end: plan?.index.end ?? 0,
    compactedBytes: (plan?.index.end ?? 0) - (base?.index.end ?? 0),
    fragments: plan?.index.fragments.length ?? 0,
    prunedBytes: holes(plan) - holes(base),
    prunedFragments: pruned,
    superfluous: objects,
    deleted: how.reclaim ? objects : 0,
  };
}
