/**
 * holdfast log ops: what stands in a log, a line each; with --json an object a line.
 *
 * 1. Damage of the log's own format is told in its place, and what follows it is read; the exit code then says that there was some. What the journal itself
 *    cannot give ends the command: after it nobody knows where the log goes on.
 */
import { EXIT } from '../../api/index.ts';
import { HoldfastError } from '../../base/index.ts';
import { scanLog, type LogItem, type RecordedOp } from '../../recoverylog/index.ts';
import { Lines } from './lines.ts';
import { runOnLog, type LogOptions } from './source.ts';

export interface OpsOptions extends LogOptions {
  /** First byte. */
  readonly from: number;
  /** What begins here or later is not printed. */
  readonly to?: number;
}

class OffsetNotThereError extends HoldfastError {
  constructor(log: string, from: number, head: number) {
    super('RANGE_NOT_THERE', `Log ${log} ends at byte ${head}, before --from ${from}.`, {
      fields: { log, from, head },
    });
  }
}

/** @returns the exit code */
export async function ops(options: OpsOptions): Promise<number> {
  return await runOnLog(options, async ({ journal, isRaw }, context) => {
    const { from, to = Number.POSITIVE_INFINITY, json = false } = options;
    const lines = new Lines(context.out);
    let isDamaged = false;
    if (!json) await lines.add(HEADER);
    try {
      for await (const item of scanLog(journal, from, context)) {
        if (item.kind === 'head' && item.lastOffset < from)
          throw new OffsetNotThereError(journal.name, from, item.lastOffset);
        if (item.firstOffset >= to) break;
        if (isRaw && item.kind === 'fence') continue; // of the view, not of the bytes
        isDamaged ||= item.kind === 'damage';
        await lines.add(json ? JSON.stringify(jsonOf(item)) : lineOf(item));
      }
    } finally {
      await lines.flush(); // 1: everything before it
    }
    return isDamaged ? EXIT.dataLoss : EXIT.ok;
  });
}

const WIDTHS = { offset: 13, seqNo: 10, author: 7, checksum: 8 } as const;
const HEADER = line('OFFSET', 'SEQ', 'AUTHOR', 'CHECKSUM', 'WHAT');

function line(offset: string, seqNo: string, author: string, checksum: string, what: string): string {
  return `${offset.padStart(WIDTHS.offset)}  ${seqNo.padStart(WIDTHS.seqNo)}  ${author.padEnd(WIDTHS.author)}  ${checksum.padEnd(WIDTHS.checksum)}  ${what}`;
}

function lineOf(item: LogItem): string {
  const offset = String(item.firstOffset);
  if (item.kind !== 'op') return line(offset, '-', '-', '-', noteOf(item));
  const { seqNo, author, checksum } = item.op;
  return line(
    offset,
    String(seqNo),
    author.toString(32),
    checksum.toString(16).padStart(8, '0'),
    whatOf(item.op),
  );
}

/** Paths as JSON text: a line stays a line whatever a path holds. */
function whatOf({ create, link, unlink, write, property }: RecordedOp): string {
  const parts: string[] = [];
  if (create) parts.push(`create ${JSON.stringify(create.path)}`);
  if (link) parts.push(`link file ${link.fnode} as ${JSON.stringify(link.path)}`);
  if (unlink) parts.push(`unlink file ${unlink.fnode} from ${JSON.stringify(unlink.path)}`);
  if (write) parts.push(`write file ${write.fnode}: ${write.length} bytes at ${write.offset}`);
  if (property) parts.push(`property ${JSON.stringify(property.path)}: ${JSON.stringify(property.content)}`);
  return parts.length > 0 ? parts.join(', ') : 'nothing (a handoff)';
}

function noteOf(item: Exclude<LogItem, { kind: 'op' }>): string {
  const bytes = `${item.lastOffset - item.firstOffset} bytes`;
  switch (item.kind) {
    case 'desync':
      return `DESYNC ${bytes} that are no operation`;
    case 'damage':
      return `DAMAGED ${bytes}: ${item.problem}`;
    case 'cut':
      return `CUT OFF ${bytes} of an operation, by the ${item.by}`;
    case 'hole':
      return `PRUNED ${bytes}`;
    case 'fence':
      return `FENCE slot ${item.slot}${Object.entries(item.registers ?? {})
        .map(([key, value]) => ` ${key}=${value}`)
        .join('')}`;
    case 'head':
      return 'HEAD';
  }
}

function jsonOf(item: LogItem): object {
  const { kind, firstOffset: offset, lastOffset: end } = item;
  const place = { kind, offset, end };
  switch (item.kind) {
    case 'op':
      return { ...place, ...item.op };
    case 'damage':
      return { ...place, problem: item.problem };
    case 'cut':
      return { ...place, by: item.by };
    case 'fence':
      return { ...place, slot: item.slot, registers: item.registers };
    case 'desync':
    case 'hole':
    case 'head':
      return place;
  }
}
