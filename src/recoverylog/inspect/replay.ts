/**
 * Playing a log without files: which operations belong to it, and what they leave. What a restore would find out, at the price of reading alone.
 *
 * E1  The same errors as a player's, at the same bytes: damage, paths that lead out, hints that the log does not bear out, holes where something is needed.
 * E2  Bytes that no hinted segment can need are not judged: a player does not read them.
 * E3  Hints that begin in other logs are followed there, log by log.
 */
import { HistoryLostError, ReplayError } from '../errors.ts';
import type { Journal } from '../../journal/index.ts';
import type { RecordedOp } from '../format/op.ts';
import type { FsmHints } from '../format/hints.ts';
import { Fsm } from '../fsm.ts';
import { isPlayable } from '../paths.ts';
import { scanLog, type LogItem, type ScanOptions } from './scan.ts';

export interface ReplayOptions extends ScanOptions {
  readonly journal: Journal;
  /** Undefined: from the beginning of the log. */
  readonly hints: FsmHints | undefined;
  /** How another log is found by its name (E3). */
  readonly openLog: (name: string) => Promise<Journal>;
  /** After each thing that was read: the log and the offset reached. */
  readonly onProgress?: (log: string, offset: number) => void;
}

export interface Replayed {
  readonly fsm: Fsm;
  readonly appliedOps: number;
  /** Operations that were read and do not belong, or are of files that are dead. */
  readonly ignoredOps: number;
  /** End of the log. */
  readonly head: number;
}

/** Plays to the head. @throws HintsError, ReplayError, HistoryLostError, what openLog throws, and as JournalReader.next */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { journal, hints } = options;
  const fsm = new Fsm(hints ?? { log: journal.name, liveNodes: [], properties: [] });
  const ops = { applied: 0, ignored: 0 };
  for (;;) {
    const name = fsm.hintedSegments[0]?.log ?? journal.name;
    const head = await replayPart(
      fsm,
      name === journal.name ? journal : await options.openLog(name),
      ops,
      options,
    );
    if (head !== undefined) return { fsm, appliedOps: ops.applied, ignoredOps: ops.ignored, head };
  }
}

/** Plays one log until the hints go on elsewhere, or to its head, which is returned. */
async function replayPart(
  fsm: Fsm,
  journal: Journal,
  ops: { applied: number; ignored: number },
  options: ReplayOptions,
): Promise<number | undefined> {
  const { name } = journal;
  for await (const item of scanLog(journal, fsm.hintedSegments[0]?.firstOffset ?? 0, options)) {
    const next = fsm.hintedSegments[0];
    if (next && next.log !== name) return undefined;
    switch (item.kind) {
      case 'op':
        if (applies(fsm, item.op, item.payload, { ...item, log: name })) ops.applied++;
        else ops.ignored++;
        break;
      case 'damage':
        if (!next || next.firstOffset < item.lastOffset)
          throw new ReplayError(name, item.firstOffset, item.problem);
        break; // E2
      case 'hole':
        checkHole(fsm, name, item);
        return undefined;
      case 'head':
        if (next)
          throw new HistoryLostError(
            name,
            `it ends at byte ${item.lastOffset}, and the hints name operations ${next.firstSeqNo} to ${next.lastSeqNo} that are not in it`,
          );
        return item.lastOffset;
      case 'cut':
      case 'desync':
      case 'fence':
    }
    options.onProgress?.(name, item.lastOffset);
  }
  return undefined;
}

/** Whether an operation belongs to the log and to a live file. @throws ReplayError when its path leads out */
function applies(
  fsm: Fsm,
  op: RecordedOp,
  payload: Uint8Array,
  {
    firstOffset,
    lastOffset,
    log,
  }: { readonly firstOffset: number; readonly lastOffset: number; readonly log: string },
): boolean {
  if (fsm.apply(op, payload, { firstOffset, lastOffset, log }) !== undefined) return false;
  const path = op.create?.path ?? op.link?.path ?? op.property?.path;
  if (path !== undefined && !isPlayable(path))
    throw new ReplayError(log, firstOffset, `the path ${JSON.stringify(path)} leads out of the directory`);
  return true;
}

/**
 * A hole is passed only between operations that hints name (player.ts L6). It may end in the middle of an operation, whose rest may look like another: reading
 * begins anew where the next needed one is. @throws HistoryLostError
 */
function checkHole(
  fsm: Fsm,
  log: string,
  { firstOffset, lastOffset }: Extract<LogItem, { kind: 'hole' }>,
): void {
  const needed = fsm.hintedSegments[0];
  if (needed && needed.firstOffset >= lastOffset) return;
  throw new HistoryLostError(
    log,
    `bytes ${firstOffset} to ${lastOffset} were pruned, and ${needed ? 'the hints name some of them' : 'lie behind everything that the hints name'}`,
  );
}
