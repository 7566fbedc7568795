/**
 * holdfast log fsck: reads a whole log and says what is wrong where, and which hints still play.
 *
 * 1. Three questions: are the journal's bytes what was written (its own verification); do the operations follow each other; does each of the given hints
 *    play to the state that the log has.
 * 2. Nothing is written, and nothing ends it early but a store that is away, a signal, or a reader of the output that has gone.
 * 3. Ends with 0 when there is no problem, with 1 when there is one. That its beginning was pruned is none.
 */
import { EXIT } from '../../api/index.ts';
import { ensureError, errorCode, HoldfastError, isAbortOf } from '../../base/index.ts';
import { estimateHead, findingLine, verifyJournal, type VerifyReport } from '../../journal/index.ts';
import { LogCheck, scanLog, type LogFigures, type LogFinding } from '../../recoverylog/index.ts';
import { StoreError } from '../../store/index.ts';
import { formatBytes, formatCount, plural } from '../format.ts';
import { OutputClosedError } from '../output.ts';
import { Progress } from '../progress.ts';
import { INTERRUPTED, type Context } from '../run.ts';
import { replayAndTell } from './hints.ts';
import { Findings } from './findings.ts';
import type { NamedHints } from './hints-file.ts';
import { runOnLog, type LogOptions, type OpenedLog } from './source.ts';

/** Problems were found (3). */
const PROBLEMS = 1;

/** Whether the log plays from some hints to the state that it has. */
interface Played {
  readonly hints: string;
  readonly ok: boolean;
  readonly code?: string;
  readonly problem?: string;
}

/** @returns the exit code */
export async function fsck(options: LogOptions): Promise<number> {
  return await runOnLog(options, async (log, context) => {
    const findings = new Findings(context, options.json ?? false);
    try {
      return await check(log, { ...context, signal: findings.signal }, findings, options.json ?? false);
    } catch (error) {
      if (error instanceof OutputClosedError) return INTERRUPTED; // never as if all were well
      throw error;
    }
  });
}

async function check(log: OpenedLog, context: Context, findings: Findings, json: boolean): Promise<number> {
  const { out } = context;
  const journal = log.isRaw ? undefined : await checkJournal(log, context, findings);
  const found = await checkOperations(log, context, findings);
  await findings.printed();
  const plays: Played[] = [];
  for (const hints of log.hints) plays.push(await checkHints(log, hints, context, found));
  const {
    check: { figures },
    problems,
  } = found;
  const ok = problems === 0 && (journal?.verdict ?? 'clean') === 'clean' && plays.every((play) => play.ok);
  if (json) {
    const { listed } = findings;
    await out.json({ ok, log: log.journal.name, journal, figures, problems, hints: plays, findings: listed });
  } else {
    for (const play of plays)
      await out.line(`hints ${play.hints}: ${play.ok ? 'play to the head' : `DO NOT PLAY: ${play.problem}`}`);
    await out.line(summaryLine(ok, figures, problems, journal));
  }
  if (journal?.verdict === 'incomplete' && problems === 0) return EXIT.storeRefused;
  return ok ? EXIT.ok : PROBLEMS;
}

async function checkJournal(
  { journal }: OpenedLog,
  context: Context,
  findings: Findings,
): Promise<VerifyReport> {
  const progress = new Progress(process.stderr, context.clock, 'verified');
  try {
    return await verifyJournal(journal, {
      ...context,
      onFinding: (finding) => {
        progress.clear();
        findings.add(finding, findingLine(finding));
      },
      onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
    });
  } finally {
    progress.clear();
  }
}

interface Found {
  readonly check: LogCheck;
  readonly problems: number;
}

/** Reads all operations; what the journal cannot give is a problem where it is (2). @throws StoreError, the signal's reason */
async function checkOperations({ journal }: OpenedLog, context: Context, findings: Findings): Promise<Found> {
  const progress = new Progress(process.stderr, context.clock, 'checked');
  const head = await estimateHead(journal, context.signal).catch(() => 0); // only for the estimate
  const check = new LogCheck(journal.name);
  let problems = 0;
  const tell = (finding: LogFinding): void => {
    if (finding.severity === 'problem') problems++;
    progress.clear();
    const { severity, kind, begin, end, text } = finding;
    findings.add(finding, `${severity} ${kind}: bytes ${begin} to ${end} of the log: ${text}`);
  };
  try {
    for await (const item of scanLog(journal, 0, context)) {
      for (const finding of check.take(item)) tell(finding);
      progress.update(item.lastOffset, Math.max(head, item.lastOffset));
    }
  } catch (error) {
    if (!isDamage(error, context.signal)) throw error;
    tell(check.unreadable(`${ensureError(error).message} Nothing behind it was checked.`));
  } finally {
    progress.clear();
  }
  return { check, problems };
}

function isDamage(error: unknown, signal: AbortSignal): boolean {
  return !isAbortOf(signal, error) && !(error instanceof StoreError) && error instanceof HoldfastError;
}

/** Whether the hints play, and to what the whole log says. @throws StoreError, the signal's reason */
async function checkHints(
  log: OpenedLog,
  { file, hints }: NamedHints,
  context: Context,
  { check }: Found,
): Promise<Played> {
  try {
    const { fsm } = await replayAndTell(log, hints, context);
    const problem = check.differsFrom(fsm);
    return problem === undefined
      ? { hints: file, ok: true }
      : { hints: file, ok: false, code: 'STATE_DIFFERS', problem };
  } catch (error) {
    if (!isDamage(error, context.signal)) throw error;
    return {
      hints: file,
      ok: false,
      code: errorCode(error) ?? 'INTERNAL',
      problem: ensureError(error).message,
    };
  }
}

function summaryLine(
  ok: boolean,
  figures: LogFigures,
  problems: number,
  journal: VerifyReport | undefined,
): string {
  const { operations, untracked, repeated, foreign, authors, prunedBytes, head, nextSeqNo, files } = figures;
  const extra = [
    untracked > 0 ? `${formatCount(untracked)} of files that are dead or not known` : '',
    repeated > 0 ? `${formatCount(repeated)} repeated` : '',
    foreign > 0 ? `${formatCount(foreign)} of overtaken authors` : '',
    prunedBytes > 0 ? `${formatBytes(prunedBytes)} pruned` : '',
  ].filter((text) => text !== '');
  const digests = journal ? `journal ${journal.verdict}` : 'plain bytes without digests';
  const alive = files === undefined ? '' : `, ${plural(files, 'file')} alive`;
  return `${ok ? 'CLEAN' : 'PROBLEMS'}: ${plural(operations, 'operation')} of ${plural(authors, 'author')} up to byte ${head}${extra.length > 0 ? ` (${extra.join(', ')})` : ''}${alive}; next is operation ${nextSeqNo}; ${digests}; ${plural(problems, 'problem')} in the log`;
}
