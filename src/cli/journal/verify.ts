/**
 * holdfast journal verify: everything is read and checked. Findings are printed as they come, the report at the end.
 *
 * 1. Ends with 0 when all is well, with EXIT.dataLoss on damage, and with EXIT.storeRefused when something could not be looked at.
 * 2. Whoever stops reading the output stops the verification: it then ends as interrupted, never as if all were well.
 * 3. With --json one object at the end, findings included.
 */
import { EXIT } from '../../api/index.ts';
import {
  findingLine,
  verifyJournal,
  type Finding,
  type Journal,
  type VerifyReport,
} from '../../journal/index.ts';
import { formatBytes } from '../format.ts';
import { OutputClosedError } from '../output.ts';
import { Progress } from '../progress.ts';
import { INTERRUPTED, runOnJournal, type CommonOptions, type Context } from '../run.ts';

export interface VerifyFlags extends CommonOptions {
  /** Where the content ends at least, bytes. */
  readonly atLeast?: number;
}

/** Findings that one JSON report lists, some 5 MB of them; all are counted. */
const MAX_LISTED = 10_000;

const EXIT_OF = { clean: EXIT.ok, damaged: EXIT.dataLoss, incomplete: EXIT.storeRefused } as const;

/** @returns the exit code */
export async function verify(options: VerifyFlags): Promise<number> {
  return await runOnJournal(options, async (journal, context) => {
    const { out } = context;
    const listed: Finding[] = [];
    const report = await pass(journal, context, options, listed).catch((error: unknown) => {
      if (error instanceof OutputClosedError) return undefined;
      throw error;
    });
    if (!report) return INTERRUPTED; // 2
    if (options.json) {
      const omitted = Object.values(report.findings).reduce((sum, count) => sum + count, 0) - listed.length;
      const { findings: counts, ...rest } = report;
      await out.json({ ok: report.verdict === 'clean', ...rest, counts, findings: listed, omitted });
    } else await out.line(reportLine(report));
    return EXIT_OF[report.verdict];
  });
}

/** One verification with its progress; findings are printed or, for JSON, kept. */
async function pass(
  journal: Journal,
  context: Context,
  options: VerifyFlags,
  listed: Finding[],
): Promise<VerifyReport> {
  const { out, clock, random, signal } = context;
  const progress = new Progress(process.stderr, clock, 'verified');
  const stop = new AbortController();
  let printing = Promise.resolve();
  const print = (finding: Finding): void => {
    progress.clear();
    printing = printing.then(() => out.line(findingLine(finding)));
    printing.catch((error: unknown) => stop.abort(error)); // nobody reads any more: no reason to go on
  };
  try {
    const report = await verifyJournal(journal, {
      clock,
      random,
      signal: AbortSignal.any([signal, stop.signal]),
      atLeastBytes: options.atLeast,
      onFinding: (finding) => {
        if (!options.json) print(finding);
        else if (listed.length < MAX_LISTED) listed.push(finding);
      },
      onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
    });
    await printing;
    return report;
  } finally {
    progress.clear();
  }
}

const VERDICT = { clean: 'CLEAN', damaged: 'DAMAGED', incomplete: 'INCOMPLETE' } as const;

function reportLine({
  verdict,
  findings,
  slots,
  unreadSlots,
  strangers,
  floor,
  fragments,
  prunedBytes,
  unnamedFragments,
  unnamedBytes,
  bytes,
  lastSeq,
  contentEnd,
}: VerifyReport): string {
  const kinds = `${slots.data} data, ${slots.fence} fence, ${slots.filler} filler, ${slots.checkpoint} checkpoint`;
  const counts = `${findings.damage} damage, ${findings.unverified} unverified, ${findings.warning} warnings`;
  const pruned = prunedBytes > 0 ? `, ${formatBytes(prunedBytes)} pruned` : '';
  const unnamed =
    unnamedFragments > 0 ? `, ${unnamedFragments} unnamed ones of ${formatBytes(unnamedBytes)}` : '';
  const compacted = floor > 0 ? `, ${fragments} fragments below slot ${floor}${pruned}${unnamed}` : '';
  const extra = `${unreadSlots > 0 ? `, ${unreadSlots} unread` : ''}${strangers > 0 ? `, ${strangers} strangers` : ''}`;
  const upTo =
    lastSeq === undefined ? 'no slots' : `slots up to ${lastSeq}, content up to byte ${contentEnd}`;
  return `${VERDICT[verdict]}: ${upTo}; ${kinds}${compacted}${extra}; ${formatBytes(bytes)} read; ${counts}`;
}
