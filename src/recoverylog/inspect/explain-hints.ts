/**
 * What a hints value says, in figures: files, segments, and the bytes that a restore needs of which log. Pure.
 */
import { OPEN_END } from '../../journal/index.ts';
import { liveLogSegments, type FsmHints } from '../format/hints.ts';
import type { Segment } from '../format/segment.ts';
import { wantedParts } from '../play/restore-plan.ts';

/** What is needed of one log. */
export interface NeededOfLog {
  readonly log: string;
  /** Ranges that are read one after another; what lies between is not needed. */
  readonly ranges: number;
  readonly begin: number;
  /** End of the last range; undefined when it is read to the head. */
  readonly end: number | undefined;
  /** Bytes of the ranges whose end is known. */
  readonly bytes: number;
}

export interface HintsExplained {
  readonly log: string;
  readonly files: number;
  readonly properties: readonly string[];
  /** All segments, merged, in the order of their operations. */
  readonly segments: readonly Segment[];
  readonly authors: number;
  /** In the order in which a restore reads them. */
  readonly needs: readonly NeededOfLog[];
  /** The last operation that the hints know; undefined when they name no file. */
  readonly lastSeqNo: number | undefined;
}

/** @throws HintsError */
export function explainHints(hints: FsmHints): HintsExplained {
  const { fnodes, segments } = liveLogSegments(hints);
  return {
    log: hints.log,
    files: fnodes.length,
    properties: hints.properties.map(({ path }) => path),
    segments,
    authors: new Set(segments.map(({ author }) => author)).size,
    needs: wantedParts(hints.log, hints).map(({ log, ranges }): NeededOfLog => {
      const last = ranges.at(-1)!;
      const closed = ranges.filter(({ end }) => end !== OPEN_END);
      return {
        log,
        ranges: ranges.length,
        begin: ranges[0]!.begin,
        end: last.end === OPEN_END ? undefined : last.end,
        bytes: closed.reduce((sum, { begin, end }) => sum + end - begin, 0),
      };
    }),
    lastSeqNo: segments.at(-1)?.lastSeqNo,
  };
}
