/**
 * holdfast journal prune: which content nobody needs any more, who says so, and on request giving it up.
 *
 * 1. What is needed comes from files: RecoveryLogs as `kubectl get recoverylog … -o json` prints them (all hints slots or nothing, no pins), or single
 *    hints values. Whoever names hints answers for having named all of them.
 * 2. --dry-run writes nothing. Without it this is a compaction that prunes, and takes the journal over (compact.ts 1).
 * 3. The minimum age of what a primary prunes does not count here: nobody restores from a shard that is suspended.
 */
import { readFile } from 'node:fs/promises';
import { hintsObjects, needsOfRecoveryLog, unionOf, type NamedEvidence } from '../../agent/index.ts';
import { EXIT } from '../../api/index.ts';
import { ensureError, fromUtf8, HoldfastError } from '../../base/index.ts';
import {
  findPlan,
  fragmentKey,
  prunable,
  type Fragment,
  type Journal,
  type Plan,
} from '../../journal/index.ts';
import { neededByHints } from '../../recoverylog/index.ts';
import { compactAndTell, FenceNotConfirmedError, tellReport, type CompactFlags } from './compact.ts';
import { formatBytes } from '../format.ts';
import { runOnJournal, type Context } from '../run.ts';

export interface PruneFlags extends CompactFlags {
  /** Files (1). */
  readonly hints?: readonly string[];
  readonly dryRun?: boolean;
}

/** What is needed cannot be told from the given files. */
export class HintsUnusableError extends HoldfastError {
  constructor(file: string, problem: string, cause?: unknown) {
    super(
      'HINTS_UNUSABLE',
      `${file} does not tell what is needed of the journal: ${problem}. Without that nothing may be pruned.`,
      { fields: { file, problem }, cause },
    );
  }
}

/** @returns the exit code */
export async function prune(options: PruneFlags): Promise<number> {
  return await runOnJournal(options, async (journal, context) => {
    const by = await evidenceOf(journal, context, options.hints ?? []);
    if (options.dryRun) return await tellDryRun(journal, context, options, by);
    if (!options.fence) throw new FenceNotConfirmedError(journal.name);
    const evidence = unionOf(by);
    const report = await compactAndTell(journal, context, options, evidence);
    await tellReport(journal, context, options, report, { evidence: evidence.proof });
    return EXIT.ok;
  });
}

/** What the files say, each for itself (1); hints that a RecoveryLog only points to are read from the store. @throws HintsUnusableError */
async function evidenceOf(
  journal: Journal,
  { clock, random, log: logger, signal }: Context,
  files: readonly string[],
): Promise<readonly NamedEvidence[]> {
  const log = journal.name;
  const objects = hintsObjects({ journal, clock, random, log: logger });
  if (files.length === 0)
    throw new HintsUnusableError(
      'The command line',
      'give the RecoveryLog (kubectl get recoverylog <name> -o json > file) or its hints with --hints, all of them',
    );
  const all: NamedEvidence[] = [];
  for (const file of files) {
    try {
      const value = await readFile(file);
      const object = asObject(value);
      if (object?.['kind'] === 'RecoveryLog') {
        const needs = await needsOfRecoveryLog(log, object, objects, signal);
        if (needs.kind === 'blocked') throw new HintsUnusableError(file, `${needs.block}: ${needs.why}`);
        all.push(...needs.by.map((each) => ({ ...each, source: `${file} ${each.source}` })));
      } else all.push({ source: file, ...neededByHints(log, value) });
    } catch (error) {
      if (error instanceof HintsUnusableError) throw error;
      throw new HintsUnusableError(file, ensureError(error).message, error);
    }
  }
  return all;
}

function asObject(value: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(fromUtf8(value));
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // not JSON: hints may be protobuf
  }
}

type Verdict = 'unneeded' | 'needed' | 'newest';

interface Judged {
  readonly fragment: Fragment;
  readonly verdict: Verdict;
  /** Who needs it. */
  readonly by: readonly string[];
}

/** Every fragment of the plan, and why it goes or stays; pure. */
function judge({ index }: Plan, by: readonly NamedEvidence[]): readonly Judged[] {
  const gone = new Set(prunable(index, unionOf(by).ranges));
  return index.fragments.map((fragment) => {
    if (gone.has(fragment)) return { fragment, verdict: 'unneeded', by: [] };
    const needing = by
      .filter(({ ranges }) => ranges.some(({ begin, end }) => begin < fragment.end && fragment.begin < end))
      .map(({ source }) => source);
    return { fragment, verdict: needing.length > 0 ? 'needed' : 'newest', by: needing };
  });
}

async function tellDryRun(
  journal: Journal,
  { out, signal }: Context,
  { json }: PruneFlags,
  by: readonly NamedEvidence[],
): Promise<number> {
  const plan = await findPlan(journal, signal);
  const judged = plan ? judge(plan, by) : [];
  const gone = judged.filter(({ verdict }) => verdict === 'unneeded').map(({ fragment }) => fragment);
  const bytes = gone.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const storedBytes = gone.reduce((sum, fragment) => sum + fragment.storedBytes, 0);
  if (json) {
    await out.json({
      ok: true,
      dryRun: true,
      journal: journal.name,
      generation: journal.generation,
      checkpoint: plan?.seq,
      compactedTo: plan?.index.end ?? 0,
      prunable: { fragments: gone.length, bytes, storedBytes },
      fragments: judged.map(({ fragment, verdict, by: needing }) => ({
        key: fragmentKey(journal, fragment),
        begin: fragment.begin,
        end: fragment.end,
        storedBytes: fragment.storedBytes,
        verdict,
        neededBy: needing,
      })),
      evidence: by.map(({ source, proof }) => ({ source, proof })),
    });
    return EXIT.ok;
  }
  for (const { source, proof } of by) await out.line(`evidence  ${source}: ${proof}`);
  for (const one of judged) await out.line(judgedLine(one));
  const of = plan ? `of ${judged.length} fragments` : 'it was never compacted';
  await out.line(
    `${gone.length} ${of} may go: ${formatBytes(bytes)} of content, ${formatBytes(storedBytes)} stored`,
  );
  return EXIT.ok;
}

function judgedLine({ fragment: { begin, end, storedBytes }, verdict, by }: Judged): string {
  const why = {
    unneeded: 'nobody needs it',
    newest: 'it is the newest',
    needed: `needed by ${by.join(', ')}`,
  }[verdict];
  return `${verdict === 'unneeded' ? 'prune' : 'keep '}     bytes ${begin}-${end}, ${formatBytes(storedBytes)} stored: ${why}`;
}
