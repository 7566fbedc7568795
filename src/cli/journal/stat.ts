/**
 * holdfast journal stat: a journal in figures, from the heads of its slots.
 */
import { EXIT } from '../../api/index.ts';
import {
  describeSlots,
  EMPTY_SUMMARY,
  summarize,
  type Journal,
  type JournalSummary,
} from '../../journal/index.ts';
import { formatBytes, formatCount, formatDuration, isoTime } from './format.ts';
import { runOnJournal, type CommonOptions, type Context } from './run.ts';

/** @returns the exit code */
export async function stat(options: CommonOptions): Promise<number> {
  return await runOnJournal(options, async (journal, context) => {
    const summary = await summaryOf(journal, context);
    const { name, generation } = journal;
    if (options.json)
      await context.out.json({
        journal: name,
        generation,
        store: journal.store.url,
        ...jsonSummary(summary),
      });
    else await context.out.line(textSummary(journal, summary, context.clock.wallMs()).join('\n'));
    return EXIT.ok;
  });
}

/** Reads every head. */
export async function summaryOf(journal: Journal, context: Context): Promise<JournalSummary> {
  let summary = EMPTY_SUMMARY;
  for await (const slot of describeSlots(journal, context)) summary = summarize(summary, slot);
  return summary;
}

function meanBatch({ batches, contentBytes }: JournalSummary): number {
  return batches === 0 ? 0 : contentBytes / batches;
}

function jsonSummary({ oldestMs, newestMs, ...summary }: JournalSummary): object {
  const meanBatchBytes = meanBatch({ ...summary, oldestMs, newestMs });
  return { ...summary, meanBatchBytes, oldest: isoTime(oldestMs), newest: isoTime(newestMs) };
}

function textSummary(journal: Journal, summary: JournalSummary, nowMs: number): string[] {
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
