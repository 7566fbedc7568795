/**
 * holdfast journal compact: what the owner of a journal does by itself, for a journal that has none now (a suspended shard).
 *
 * 1. It takes the journal over: whoever has it is fenced and stops. So it does nothing without --fence.
 * 2. What it makes superfluous is left for the next owner, or deleted here after the grace (--wait).
 */
import { EXIT } from '../../api/index.ts';
import { HoldfastError } from '../../base/index.ts';
import {
  compactJournal,
  type CompactReport,
  type CompactStep,
  type Journal,
  type PruneEvidence,
} from '../../journal/index.ts';
import { formatBytes, formatDuration } from '../format.ts';
import { Progress } from '../progress.ts';
import { runOnJournal, type CommonOptions, type Context } from '../run.ts';

export interface CompactFlags extends CommonOptions {
  /** 1 */
  readonly fence?: boolean;
  readonly term?: number;
  /** 2 */
  readonly wait?: boolean;
}

/** The journal would have been taken from its owner, and nobody said that this is meant. */
export class FenceNotConfirmedError extends HoldfastError {
  constructor(journal: string) {
    super(
      'FENCE_NOT_CONFIRMED',
      `This takes journal ${journal} over: its primary, if there is one, is fenced and stops. Suspend the shard (spec.suspend), then repeat with --fence. A running primary compacts and prunes by itself.`,
      { fields: { journal } },
    );
  }
}

/** @returns the exit code */
export async function compact(options: CompactFlags): Promise<number> {
  return await runOnJournal(options, async (journal, context) => {
    const report = await compactAndTell(journal, context, options, undefined);
    await tellReport(journal, context, options, report);
    return EXIT.ok;
  });
}

/** Compacts, and prunes with evidence; the steps go to standard error. @throws FenceNotConfirmedError (1), and as compactJournal */
export async function compactAndTell(
  journal: Journal,
  { clock, random, log, signal }: Context,
  { fence, term, wait = false }: CompactFlags,
  needed: PruneEvidence | undefined,
): Promise<CompactReport> {
  if (!fence) throw new FenceNotConfirmedError(journal.name);
  const progress = new Progress(process.stderr, clock, 'compacted');
  const onStep = (step: CompactStep): void => {
    if (step.kind === 'compacting' && step.bytes > 0) return progress.update(step.bytes, step.totalBytes);
    progress.clear();
    process.stderr.write(`${stepLine(journal, step)}\n`);
  };
  try {
    return await compactJournal(journal, { term, needed, reclaim: wait, onStep, clock, random, log, signal });
  } finally {
    progress.clear();
  }
}

function stepLine(journal: Journal, step: CompactStep): string {
  switch (step.kind) {
    case 'fencing':
      return `taking ${journal.name} over with term ${step.term}`;
    case 'compacting':
      return `compacting ${formatBytes(step.totalBytes)}`;
    case 'waiting':
      return `waiting ${formatDuration(step.graceMs)}, so that late readers can finish`;
    case 'deleting':
      return `deleting ${step.objects} objects`;
  }
}

/** The result, for people or as JSON. */
export async function tellReport(
  { name, generation }: Journal,
  { out }: Context,
  { json, wait }: CompactFlags,
  report: CompactReport,
  more: object = {},
): Promise<void> {
  if (json) return await out.json({ ok: true, journal: name, generation, ...report, ...more });
  const {
    compactedBytes,
    fragments,
    end,
    checkpoint,
    floor,
    prunedBytes,
    prunedFragments,
    superfluous,
    deleted,
  } = report;
  const pruned =
    prunedFragments > 0 ? `; pruned ${formatBytes(prunedBytes)} in ${prunedFragments} fragments` : '';
  await out.line(
    `compacted ${formatBytes(compactedBytes)}: content up to byte ${end} in ${fragments} fragments; floor slot ${floor}, CHECKPOINT ${checkpoint ?? 'none'}${pruned}`,
  );
  if (wait) await out.line(`deleted ${deleted} objects`);
  else if (superfluous > 0)
    await out.line(
      `${superfluous} objects are superfluous: the next owner deletes them, or this command with --wait`,
    );
}
