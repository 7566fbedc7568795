/**
 * Playing a log without files: which operations belong to it, and what they leave. What a restore would find out, at the price of reading alone.
 *
 * E1  The same bytes as a restore's, read the same way, and the same errors: damage, paths that lead out, hints that the log does not bear out, holes in
 *     what is wanted (restorer.ts L1, L6-L8; operations.ts L5).
 * E2  Nothing is held of what was read.
 */
import { silentLogger } from '../../base/index.ts';
import { JournalReader, type Journal } from '../../journal/index.ts';
import type { FsmHints } from '../format/hints.ts';
import { Fsm } from '../fsm.ts';
import { LogFeed } from '../play/log-feed.ts';
import { Operations } from '../play/operations.ts';
import { openLogs, type OpenLog } from '../play/plan-restore.ts';
import { checkReaches, prunedError, wantedParts, type WantedPart } from '../play/restore-plan.ts';
import { cutOff, missingOperations } from '../play/restorer.ts';
import type { ScanOptions } from './scan.ts';

export interface ReplayOptions extends ScanOptions {
  readonly journal: Journal;
  /** Undefined: from the beginning of the log. */
  readonly hints: FsmHints | undefined;
  /** How the log is found that hints begin in, when it is not this one. */
  readonly openLog?: OpenLog;
  /** After each piece that was read, with its bytes. */
  readonly onRead?: (bytes: number) => void;
}

export interface Replayed {
  readonly fsm: Fsm;
  readonly appliedOps: number;
  /** Operations that were read and do not belong, or are of files that are dead. */
  readonly ignoredOps: number;
}

/** Plays to the head. @throws HintsError, ReplayError, HistoryLostError, OtherLogNeededError, and as JournalReader.next */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { journal, hints, openLog, log = silentLogger } = options;
  const fsm = new Fsm(hints ?? { log: journal.name, liveNodes: [], properties: [] });
  const operations = new Operations(fsm, log);
  const parts = wantedParts(journal.name, hints);
  const journals = await openLogs(journal, parts, openLog);
  for (const part of parts) {
    const head = await replayPart(part, journals.get(part.log)!, operations, options);
    if (fsm.hintedSegments.length > part.segmentsAfter) throw missingOperations(fsm, part.log, head);
  }
  return { fsm, appliedOps: operations.applied, ignoredOps: operations.ignored };
}

/** Reads what is wanted of one log; its head, if that was reached. */
async function replayPart(
  part: WantedPart,
  journal: Journal,
  operations: Operations,
  { clock, random, log = silentLogger, signal, onRead }: ReplayOptions,
): Promise<number | undefined> {
  const reader = new JournalReader(journal, { clock, random, log, pace: 'hot', wanted: part.ranges });
  const feed = new LogFeed(part.log, part.ranges[0]!.begin);
  const end = part.ranges.at(-1)!.end;
  const enough = new AbortController(); // what is read ahead of the part's end
  const stop = signal ? AbortSignal.any([signal, enough.signal]) : enough.signal;
  try {
    while (feed.readTo < end) {
      const event = await reader.next(stop);
      switch (event.kind) {
        case 'data':
          feed.push(event);
          for (let frame = feed.next(); frame; frame = feed.next()) operations.apply(frame, part.log);
          feed.letGo(); // E2
          event.done?.();
          onRead?.(event.end - event.begin);
          break;
        case 'fence':
          cutOff(feed, 'a fence', log);
          break;
        case 'hole':
          throw prunedError(part.log, event);
        case 'tail':
          checkReaches(part, event.offset);
          return event.offset;
      }
    }
    return undefined;
  } finally {
    enough.abort(new Error('all that is wanted of this log was read'));
  }
}
