/**
 * holdfast journal cat: content to standard output, as it is; with --json objects of content in base64, a line each.
 *
 * 1. What cannot be given is an error with an exit code, after everything before it was printed: a short output is never a silent one.
 */
import { EXIT } from '../../api/index.ts';
import { HoldfastError } from '../../base/index.ts';
import { JournalReader, type Journal, type JournalEvent } from '../../journal/index.ts';
import { runOnJournal, type CommonOptions, type Context } from '../run.ts';

export interface CatOptions extends CommonOptions {
  /** First byte of content. */
  readonly from: number;
  /** End before this byte. */
  readonly to?: number;
  readonly follow?: boolean;
}

class RangeNotThereError extends HoldfastError {
  constructor(journal: string, wanted: string, head: number) {
    super(
      'RANGE_NOT_THERE',
      `Journal ${journal} ends at byte ${head}, before ${wanted}. Everything up to there was printed; use --follow to wait for more.`,
      { fields: { journal, wanted, head } },
    );
  }
}

class RangePrunedError extends HoldfastError {
  constructor(journal: string, begin: number, end: number) {
    super(
      'RANGE_PRUNED',
      `Content ${begin}-${end} of journal ${journal} was pruned on purpose. Begin with --from ${end}.`,
      {
        fields: { journal, begin, end },
      },
    );
  }
}

/** @returns the exit code */
export async function cat(options: CatOptions): Promise<number> {
  return await runOnJournal(options, (journal, context) => print(journal, context, options));
}

async function print(journal: Journal, context: Context, options: CatOptions): Promise<number> {
  const { clock, random, log, signal } = context;
  const { from, follow = false } = options;
  const to = options.to ?? Number.POSITIVE_INFINITY;
  const reader = new JournalReader(journal, { clock, random, log, from, pace: 'hot' });
  while (Math.max(reader.cursor.offset, from) < to) {
    const event = await reader.next(signal);
    if (event.kind === 'tail' && !follow) {
      if (event.offset < from) throw new RangeNotThereError(journal.name, `--from ${from}`, event.offset);
      if (options.to !== undefined) throw new RangeNotThereError(journal.name, `--to ${to}`, event.offset);
      return EXIT.ok;
    }
    await printEvent(event, journal, context, { to, from, json: options.json ?? false });
  }
  return EXIT.ok;
}

async function printEvent(
  event: JournalEvent,
  journal: Journal,
  { out }: Context,
  { to, from, json }: { readonly to: number; readonly from: number; readonly json: boolean },
): Promise<void> {
  switch (event.kind) {
    case 'data': {
      if (event.begin >= to) return;
      const content = event.bytes.subarray(0, Math.min(event.end, to) - event.begin);
      if (!json) {
        await out.write(content);
        return;
      }
      const { begin } = event;
      const base64 = Buffer.from(content).toString('base64');
      await out.json({ begin, end: begin + content.length, base64 });
      return;
    }
    case 'hole':
      if (event.end > from && event.begin < to)
        throw new RangePrunedError(journal.name, event.begin, event.end);
      return;
    case 'fence':
    case 'tail':
  }
}
