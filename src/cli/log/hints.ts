/**
 * holdfast log hints: the hints of a log as it stands, found by playing it without files; or what a file of hints says.
 */
import { writeFile } from 'node:fs/promises';
import { EXIT } from '../../api/index.ts';
import { fromUtf8 } from '../../base/index.ts';
import { estimateHead } from '../../journal/index.ts';
import {
  encodeHintsJson,
  encodeHintsProtobuf,
  explainHints,
  replay,
  type FsmHints,
  type HintsExplained,
  type Replayed,
} from '../../recoverylog/index.ts';
import { formatBytes, formatCount, plural } from '../journal/format.ts';
import { Progress } from '../journal/progress.ts';
import { run, type Context } from '../journal/run.ts';
import { readHintsFile, runOnLog, type LogOptions, type OpenedLog } from './source.ts';

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
  const head = await estimateHead(journal, signal);
  try {
    return await replay({
      journal,
      hints: from,
      openLog,
      clock,
      random,
      log,
      signal,
      onProgress: (name, offset) => {
        if (name === journal.name) progress.update(offset, Math.max(head, offset));
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
  readsOnFrom,
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
  for (const need of needs) {
    const end = need.end === undefined ? 'with open end' : `to ${need.end}`;
    lines.push(
      `needs       ${formatBytes(need.bytes)} of ${need.log} in ${plural(need.segments, 'segment')}, from byte ${need.begin} ${end}`,
    );
  }
  lines.push(
    `reads on    in ${log} from byte ${readsOnFrom} to its head: operation ${lastSeqNo} is the last that these hints know`,
  );
  return lines;
}
