/**
 * Segments: which stretch of which author's operations a file's history lies in (gazette.md §3).
 *
 * G1  Sequence ranges in a set strictly increase and never overlap; offsets rise with them within a log.
 * G2  Only a suffix of the set may have an open end (lastOffset 0).
 * G3  Adding is all or nothing: a segment that contradicts the set leaves it unchanged.
 */
import { checkPosition } from '../../base/index.ts';
import { isJournalName } from '../../journal/index.ts';
import { SegmentError } from '../errors.ts';

export interface Segment {
  readonly author: number;
  readonly firstSeqNo: number;
  /** Offset at or before which the first op begins. */
  readonly firstOffset: number;
  /** Checksum field of the first op. */
  readonly firstChecksum: number;
  /** Inclusive. */
  readonly lastSeqNo: number;
  /** Offset after the last op; 0 = not known. */
  readonly lastOffset: number;
  readonly log: string;
}

/** @throws SegmentError, PositionError */
export function checkSegment(segment: Segment): void {
  for (const key of ['firstSeqNo', 'firstOffset', 'lastSeqNo', 'lastOffset'] as const)
    if (segment[key] > 0) checkPosition(key, segment[key]);
  if (segment.author === 0) throw new SegmentError('a segment without author');
  if (segment.firstSeqNo <= 0) throw new SegmentError('a first sequence number below 1');
  if (segment.firstOffset < 0) throw new SegmentError('a negative first offset');
  if (segment.lastSeqNo < segment.firstSeqNo)
    throw new SegmentError('a last sequence number below the first');
  if (segment.lastOffset !== 0 && segment.lastOffset <= segment.firstOffset)
    throw new SegmentError('a last offset at or below the first');
  if (!isJournalName(segment.log)) throw new SegmentError(`"${segment.log}" is no journal name`);
}

/** Merges two segments, or undefined when they stand apart. First matching rule of gazette.md §3 wins. @throws SegmentError */
function reduce(one: Segment, two: Segment): Segment | undefined {
  const ordered =
    one.firstSeqNo < two.firstSeqNo || (one.firstSeqNo === two.firstSeqNo && one.lastSeqNo > two.lastSeqNo);
  const [a, b] = ordered ? [one, two] : [two, one];
  const sameLog = a.log === b.log;
  if (a.firstSeqNo < b.firstSeqNo) {
    if (sameLog && a.firstOffset > b.firstOffset) throw new SegmentError('first offsets do not rise');
    if (a.lastOffset === 0 && b.lastOffset !== 0)
      throw new SegmentError('a segment with open end before one with a known end');
  }
  if (a.lastOffset === 0 && !sameLog) throw new SegmentError('another log after a segment with open end');
  const fallsBack = a.lastSeqNo <= b.lastSeqNo && b.lastOffset > 0 && b.lastOffset < a.lastOffset;
  const runsAhead = a.lastSeqNo >= b.lastSeqNo && a.lastOffset > 0 && a.lastOffset < b.lastOffset;
  if (sameLog && (fallsBack || runsAhead)) throw new SegmentError('last offsets do not rise');
  if (a.firstSeqNo === b.firstSeqNo && a.firstChecksum !== b.firstChecksum)
    throw new SegmentError('two checksums for one operation');
  if (a.lastSeqNo + 1 < b.firstSeqNo) return undefined;
  if (a.lastSeqNo + 1 === b.firstSeqNo && (a.author !== b.author || !sameLog)) return undefined;
  if (a.author !== b.author) throw new SegmentError('two authors for one operation');
  if (!sameLog) throw new SegmentError('two logs for one operation');
  return merge(a, b);
}

function merge(a: Segment, b: Segment): Segment {
  const firstOffset = a.firstSeqNo === b.firstSeqNo ? Math.max(a.firstOffset, b.firstOffset) : a.firstOffset;
  if (a.lastSeqNo < b.lastSeqNo)
    return { ...a, firstOffset, lastSeqNo: b.lastSeqNo, lastOffset: b.lastOffset };
  const lastOffset = a.lastSeqNo === b.lastSeqNo && a.lastOffset === 0 ? b.lastOffset : a.lastOffset;
  return { ...a, firstOffset, lastOffset };
}

/** An ordered set of segments (G1, G2). */
export class SegmentSet {
  readonly #segments: Segment[] = [];

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Adds, merging with neighbours (G3). @throws SegmentError */
  add(segment: Segment): void {
    checkSegment(segment);
    const set = this.#segments;
    const at = this.#place(segment.firstSeqNo);
    let merged = segment;
    let from = at;
    const before = set[at - 1];
    if (before) {
      const reduced = reduce(before, merged);
      if (reduced) {
        merged = reduced;
        from = at - 1;
      }
    }
    let to = at;
    for (; to < set.length; to++) {
      const reduced = reduce(merged, set[to]!);
      if (!reduced) break;
      merged = reduced;
    }
    set.splice(from, to - from, merged);
  }

  /** Index of the first segment that begins at `firstSeqNo` or later. */
  #place(firstSeqNo: number): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]!.firstSeqNo < firstSeqNo) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The segments that touch [first, last) of the log, whatever other logs the set spans. @throws SegmentError for no range */
  intersect(log: string, first: number, last: number): readonly Segment[] {
    if (last < first) throw new SegmentError(`no range from ${first} to ${last}`);
    return this.#segments.filter(
      (held) =>
        held.log === log && held.firstOffset < last && (held.lastOffset === 0 || held.lastOffset > first),
    );
  }
}
