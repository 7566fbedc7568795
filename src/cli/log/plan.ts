/**
 * holdfast log plan: what a restore would read of which log, and what it leaves out. Nothing of the content is read.
 */
import { EXIT } from '../../api/index.ts';
import { planRestore, type PlannedPart, type RestorePlan } from '../../recoverylog/index.ts';
import { formatBytes, plural } from '../format.ts';
import { runOnLog, type LogOptions } from './source.ts';

/** @returns the exit code */
export async function plan(options: LogOptions): Promise<number> {
  return await runOnLog(options, async ({ journal, hints, openLog }, { out, signal }) => {
    const planned = await planRestore(journal, hints[0]?.hints, signal, openLog);
    if (options.json) await out.json(planned);
    else await out.line(planLines(planned).join('\n'));
    return EXIT.ok;
  });
}

function planLines({ parts, bytes, skippedBytes, prunedBytes, fragmentBytes }: RestorePlan): string[] {
  const fetched = fragmentBytes > 0 ? `; of fragments ${formatBytes(fragmentBytes)} as stored` : '';
  const pruned = prunedBytes > 0 ? `, ${formatBytes(prunedBytes)} of it pruned` : '';
  return [
    ...parts.flatMap(partLines),
    `reads ${formatBytes(bytes)}${fetched}; leaves out ${formatBytes(skippedBytes)} that is dead${pruned}`,
  ];
}

function partLines({ log, head, reads, fragments }: PlannedPart): string[] {
  return [
    `${log}  head ${head}, ${plural(fragments, 'fragment')}`,
    ...reads.map(
      ({ begin, end, source }) => `  bytes ${begin} to ${end} from ${source}, ${formatBytes(end - begin)}`,
    ),
  ];
}
