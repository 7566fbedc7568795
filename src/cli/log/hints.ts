/**
 * holdfast log hints: the hints of a log as it stands, found by playing it without files; or what a file of hints says.
 */
import { writeFile } from 'node:fs/promises';
import { EXIT } from '../../api/index.ts';
import { fromUtf8 } from '../../base/index.ts';
import {
  encodeHintsJson,
  encodeHintsProtobuf,
  explainHints,
  planRestore,
  replay,
  type FsmHints,
  type HintsExplained,
  type Replayed,
} from '../../recoverylog/index.ts';
import { formatBytes, formatCount, plural } from '../format.ts';
import { Progress } from '../progress.ts';
import { run, type Context } from '../run.ts';
import { readHintsFile } from './hints-file.ts';
import { runOnLog, type LogOptions, type OpenedLog } from './source.ts';

export interface HintsOptions extends LogOptions {
  /** Where the binary form goes; JSON is printed then only with --json. */
  readonly protobuf?: string;
  /** Explain this file; no log is needed. */
  readonly show?: string;
}

/** @returns the exit code */
export async function hints(options: HintsOptions): Promise<number> {
  const { show, protobuf, json = false } = options;
  if (show !== undefined) return await run(json, (around) => explain(show, json, around.out));
  return await runOnLog(options, async (log, context) => {
    const { fsm } = await replayAndTell(log, log.hints[0]?.hints, context);
    const built = fsm.buildHints(log.journal.name);
    if (protobuf !== undefined) await writeFile(protobuf, encodeHintsProtobuf(built));
    if (protobuf === undefined || json) await context.out.line(fromUtf8(encodeHintsJson(built)));
    return EXIT.ok;
  });
}

/** Plays without files, with progress. @throws as replay */
export async function replayAndTell(
  { journal, openLog }: Pick<OpenedLog, 'journal' | 'openLog'>,
  from: FsmHints | undefined,
  { clock, random, log, signal }: Context,
): Promise<Replayed> {
  const progress = new Progress(process.stderr, clock, 'played');
  try {
    const { bytes: total } = await planRestore(journal, from, signal, openLog);
    let done = 0;
    return await replay({
      journal,
      hints: from,
      openLog,
      clock,
      random,
      log,
      signal,
      onRead: (bytes) => {
        done += bytes;
        progress.update(done, Math.max(done, total));
      },
    });
  } finally {
    progress.clear();
  }
}

async function explain(file: string, json: boolean, out: Context['out']): Promise<number> {
  const explained = explainHints(await readHintsFile(file));
  if (json) await out.json(explained);
  else await out.line(explainedLines(explained).join('\n'));
  return EXIT.ok;
}

function explainedLines({
  log,
  files,
  properties,
  segments,
  authors,
  needs,
  lastSeqNo,
}: HintsExplained): string[] {
  const lines = [`log         ${log}`, `files       ${formatCount(files)} that were alive`];
  if (properties.length > 0) lines.push(`properties  ${properties.join(', ')}`);
  if (segments.length === 0)
    return [...lines, 'reads       everything from byte 0: these hints name no file that lives'];
  lines.push(`segments    ${formatCount(segments.length)} of ${plural(authors, 'author')}`);
  for (const each of segments) {
    const end = each.lastOffset === 0 ? 'open' : String(each.lastOffset);
    const where = each.log === log ? '' : `  in ${each.log}`;
    lines.push(
      `  operations ${each.firstSeqNo} to ${each.lastSeqNo} of author ${each.author.toString(32)}: bytes ${each.firstOffset} to ${end}${where}`,
    );
  }
  for (const { log: of, ranges, begin, end, bytes } of needs) {
    const known = `${formatBytes(bytes)} in ${plural(ranges, 'range')} from byte ${begin}`;
    const open = segments.at(-1)!.firstOffset;
    lines.push(
      end === undefined
        ? `reads       ${of}: ${ranges > 1 ? `${formatBytes(bytes)} from byte ${begin} on, and ` : ''}everything from byte ${open} to its head`
        : `reads       ${of}: ${known} to byte ${end}`,
    );
  }
  lines.push(`knows       operations up to ${lastSeqNo}`);
  return lines;
}
