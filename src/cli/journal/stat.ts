/**
 * holdfast journal stat: a journal in figures, from the heads of its slots.
 */
import { EXIT } from '../../api/index.ts';
import {
  CorruptSlotError,
  describeSlots,
  EMPTY_SUMMARY,
  findPlan,
  summarize,
  unnamedFragments,
  type Journal,
  type JournalSummary,
} from '../../journal/index.ts';
import { formatBytes, formatCount, formatDuration, isoTime } from '../format.ts';
import { runOnJournal, type CommonOptions, type Context } from '../run.ts';

/** @returns the exit code */
export async function stat(options: CommonOptions): Promise<number> {
  return await runOnJournal(options, async (journal, context) => {
    const compacted = await compactedOf(journal, context);
    const summary = await summaryOf(journal, context, compacted);
    const { name, generation } = journal;
    if (options.json)
      await context.out.json({
        journal: name,
        generation,
        store: journal.store.url,
        ...jsonSummary(summary),
        compacted,
      });
    else await context.out.line(textSummary(journal, summary, compacted, context.clock.wallMs()).join('\n'));
    return EXIT.ok;
  });
}

/** What the newest CHECKPOINT says of the content below its floor. */
export interface Compacted {
  readonly checkpoint: number;
  readonly floor: number;
  /** Content below it, bytes; and the part that was pruned on purpose. */
  readonly contentBytes: number;
  readonly prunedBytes: number;
  readonly fragments: number;
  /** Bytes of the fragments' objects. */
  readonly fragmentBytes: number;
  /** Fragments that nobody names or will name: what a crash in a compaction left. */
  readonly unnamedFragments: number;
  readonly unnamedBytes: number;
}

/** What is compacted; a problem where the CHECKPOINT cannot be understood. Undefined for a journal that was never compacted. */
export type CompactedPart = Compacted | { readonly problem: string } | undefined;

/** Looks it up. @throws JournalDeletedError, StoreError, the signal's reason. */
export async function compactedOf(
  journal: Journal,
  { signal, clock, random }: Context,
): Promise<CompactedPart> {
  try {
    const plan = await findPlan(journal, signal);
    if (!plan) return undefined;
    const { fragments, pruned, floor, end } = plan.index;
    const unnamed = await unnamedFragments(journal, { signal, clock, random });
    return {
      checkpoint: plan.seq,
      floor,
      contentBytes: end,
      prunedBytes: pruned.reduce((sum, range) => sum + range.end - range.begin, 0),
      fragments: fragments.length,
      fragmentBytes: fragments.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      unnamedFragments: unnamed.length,
      unnamedBytes: unnamed.reduce((sum, { size }) => sum + size, 0),
    };
  } catch (error) {
    if (error instanceof CorruptSlotError) return { problem: error.message };
    throw error;
  }
}

/** First slot that readers need, as far as it is known. */
export function floorOf(compacted: CompactedPart): number {
  return compacted && 'floor' in compacted ? compacted.floor : 0;
}

/** Reads every head. Damage is counted, not thrown. */
export async function summaryOf(
  journal: Journal,
  context: Context,
  compacted: CompactedPart,
): Promise<JournalSummary> {
  let summary: JournalSummary = { ...EMPTY_SUMMARY, floor: floorOf(compacted) };
  for await (const slot of describeSlots(journal, context)) summary = summarize(summary, slot);
  return summary;
}

function compactedLine(compacted: CompactedPart): string {
  if (!compacted) return 'nothing';
  if ('problem' in compacted) return `unknown: ${compacted.problem}`;
  const { contentBytes, prunedBytes, fragments, fragmentBytes, floor, checkpoint } = compacted;
  const { unnamedFragments: count, unnamedBytes } = compacted;
  const unnamed = count > 0 ? `; ${count} unnamed fragments of ${formatBytes(unnamedBytes)}` : '';
  const pruned = prunedBytes > 0 ? `, ${formatBytes(prunedBytes)} of it pruned` : '';
  return `content up to byte ${contentBytes} in ${fragments} fragments of ${formatBytes(fragmentBytes)}${pruned}; floor slot ${floor}, CHECKPOINT ${checkpoint}${unnamed}`;
}

function meanBatch({ batches, contentBytes }: JournalSummary): number {
  return batches === 0 ? 0 : contentBytes / batches;
}

function jsonSummary({ oldestMs, newestMs, ...summary }: JournalSummary): object {
  const meanBatchBytes = meanBatch({ ...summary, oldestMs, newestMs });
  return { ...summary, meanBatchBytes, oldest: isoTime(oldestMs), newest: isoTime(newestMs) };
}

function textSummary(
  journal: Journal,
  summary: JournalSummary,
  compacted: CompactedPart,
  nowMs: number,
): string[] {
  const { kinds, largestBatch, newestFence } = summary;
  const at = (ms: number | undefined): string =>
    ms === undefined ? 'unknown' : `${isoTime(ms)} (${formatDuration(nowMs - ms)} ago)`;
  const largest = largestBatch
    ? `, largest ${formatBytes(largestBatch.bytes)} (slot ${largestBatch.seq})`
    : '';
  const fence = newestFence
    ? `slot ${newestFence.seq} at byte ${newestFence.offset}: ${Object.entries(newestFence.registers)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ')}`
    : 'none';
  const lines = [
    `journal   ${journal.name}, generation ${journal.generation}, in ${journal.store.url}`,
    `head      byte ${summary.head}, slot ${summary.lastSeq ?? 'none'}`,
    `objects   ${formatCount(summary.objects)}, ${formatBytes(summary.objectBytes)}: ${kinds.data} data, ${kinds.fence} fence, ${kinds.filler} filler, ${kinds.checkpoint} checkpoint`,
    `batches   ${formatCount(summary.batches)}, ${formatBytes(summary.contentBytes)}, mean ${formatBytes(meanBatch(summary))}${largest}`,
    `compacted ${compactedLine(compacted)}`,
    `sessions  ${summary.sessions}, terms ${summary.firstTerm ?? 'none'} to ${summary.lastTerm ?? 'none'}`,
    `oldest    ${at(summary.oldestMs)}`,
    `newest    ${at(summary.newestMs)}`,
    `fence     ${fence}`,
  ];
  const { damaged, absent, strangers } = summary;
  if (damaged + absent + strangers > 0)
    lines.push(
      `look at   ${damaged} damaged, ${absent} absent, ${strangers} strangers: holdfast journal verify says what and where`,
    );
  return lines;
}
