/**
 * What a hints value says, in figures: files, segments, and the bytes that a restore needs of which log. Pure.
 */
import { liveLogSegments, type FsmHints } from '../format/hints.ts';
import type { Segment } from '../format/segment.ts';

/** What is needed of one log. */
export interface NeededOfLog {
  readonly log: string;
  readonly segments: number;
  /** First byte that is named. */
  readonly begin: number;
  /** End of the last byte that is named, or undefined when the hints leave it open. */
  readonly end: number | undefined;
  /** Bytes in segments whose ends are known. */
  readonly bytes: number;
}

export interface HintsExplained {
  readonly log: string;
  readonly files: number;
  readonly properties: readonly string[];
  /** All segments, merged, in the order of their operations. */
  readonly segments: readonly Segment[];
  readonly authors: number;
  /** In the order in which a restore reads them; several times the same log when segments go back and forth. */
  readonly needs: readonly NeededOfLog[];
  /** Where reading goes on to the head of the log, and with which operation the last known one ends; undefined without segments: from byte 0. */
  readonly readsOnFrom: number;
  readonly lastSeqNo: number | undefined;
}

/** @throws HintsError */
export function explainHints(hints: FsmHints): HintsExplained {
  const { fnodes, segments } = liveLogSegments(hints);
  const last = segments.at(-1);
  return {
    log: hints.log,
    files: fnodes.length,
    properties: hints.properties.map(({ path }) => path),
    segments,
    authors: new Set(segments.map(({ author }) => author)).size,
    needs: runsOf(segments).map(neededOf),
    readsOnFrom: last?.firstOffset ?? 0,
    lastSeqNo: last?.lastSeqNo,
  };
}

function runsOf(segments: readonly Segment[]): readonly (readonly Segment[])[] {
  const runs: Segment[][] = [];
  for (const segment of segments) {
    const run = runs.at(-1);
    if (run?.[0]!.log === segment.log) run.push(segment);
    else runs.push([segment]);
  }
  return runs;
}

function neededOf(run: readonly Segment[]): NeededOfLog {
  const last = run.at(-1)!;
  return {
    log: last.log,
    segments: run.length,
    begin: run[0]!.firstOffset,
    end: last.lastOffset === 0 ? undefined : last.lastOffset,
    bytes: run.reduce((sum, { firstOffset, lastOffset }) => sum + Math.max(0, lastOffset - firstOffset), 0),
  };
}
