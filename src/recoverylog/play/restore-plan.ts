/**
 * What a restore reads: from the hints, and from what is known of the logs, the bytes in their order. Pure.
 *
 * Q1  Hinted segments are read from their first byte to their last. Behind the beginning of the last one everything is: hints are older than the log. No
 *     hints, or hints without files: everything from the beginning.
 * Q2  What lies between is not read. The first byte of a segment may be a lower bound, so segments that overlap or touch are one range.
 * Q3  Where the segments go on in another log a new part begins; each but the last has an end, and the last one is of the log that the hints are of.
 * Q4  Below the floor of a log bytes come from fragments, which are fetched whole since a digest covers all of one; from there on from slots.
 * Q5  A byte that is wanted and does not exist, any more or yet, is an error before anything is read.
 */
import { OPEN_END, type CompactionIndex, type Range } from '../../journal/index.ts';
import { HintsError, HistoryLostError } from '../errors.ts';
import { liveLogSegments, type FsmHints } from '../format/hints.ts';
import type { Segment } from '../format/segment.ts';

/** The bytes of one log that are read one after another. */
export interface WantedPart {
  readonly log: string;
  /** Ascending, apart from each other; the end of the very last one of all parts is OPEN_END. */
  readonly ranges: readonly Range[];
  /** The last byte that the hints name in this log and must exist; exclusive. */
  readonly namedEnd: number;
  /** Segments of the hints that are still to come when this part is read. */
  readonly segmentsAfter: number;
}

/** What is known of a log. */
export interface KnownLog {
  readonly head: number;
  /** Undefined for a log that was never compacted. */
  readonly index: Pick<CompactionIndex, 'end' | 'fragments' | 'pruned'> | undefined;
}

export interface PlannedRead extends Range {
  readonly source: 'fragments' | 'slots';
}

export interface PlannedPart {
  readonly log: string;
  /** End of the log when the plan was made. */
  readonly head: number;
  /** In their order. */
  readonly reads: readonly PlannedRead[];
  /** Content bytes that are read. */
  readonly bytes: number;
  /** Content bytes between, and for the last part also before, that no hint names: dead. */
  readonly skippedBytes: number;
  /** Those of them that do not exist any more. */
  readonly prunedBytes: number;
  /** Fragments to fetch, and their bytes as stored. */
  readonly fragments: number;
  readonly fragmentBytes: number;
}

export interface RestorePlan {
  readonly log: string;
  readonly parts: readonly PlannedPart[];
  /** Sums over the parts. */
  readonly bytes: number;
  readonly skippedBytes: number;
  readonly prunedBytes: number;
  readonly fragmentBytes: number;
}

/** The parts that hints ask for, in the order of the operations (Q1-Q3). @throws HintsError */
export function wantedParts(log: string, hints: FsmHints | undefined): readonly WantedPart[] {
  if (hints && hints.log !== log) throw new HintsError(`they are of log ${hints.log}, not of ${log}`);
  const segments = hints ? liveLogSegments(hints).segments : [];
  if (segments.length === 0)
    return [{ log, ranges: [{ begin: 0, end: OPEN_END }], namedEnd: 0, segmentsAfter: 0 }];
  const runs: Segment[][] = [];
  for (const segment of segments) {
    if (runs.at(-1)?.[0]!.log === segment.log) runs.at(-1)!.push(segment);
    else runs.push([segment]);
  }
  const last = segments.at(-1);
  let segmentsAfter = segments.length;
  return runs.map((run) => {
    segmentsAfter -= run.length;
    const ranges = run.map((segment) => ({
      begin: segment.firstOffset,
      end: segment === last || segment.lastOffset === 0 ? OPEN_END : segment.lastOffset,
    }));
    const namedEnd = Math.max(...run.map(({ firstOffset, lastOffset }) => lastOffset || firstOffset + 1));
    return { log: run[0]!.log, ranges: union(ranges), namedEnd, segmentsAfter };
  });
}

/** Q2. Ascending by their beginnings, as the segments of one log are. */
function union(ranges: readonly Range[]): readonly Range[] {
  const apart: Range[] = [];
  for (const range of ranges) {
    const before = apart.at(-1);
    if (before && range.begin <= before.end)
      apart[apart.length - 1] = { begin: before.begin, end: Math.max(before.end, range.end) };
    else apart.push(range);
  }
  return apart;
}

/** @param parts at least one; @param known every log of them, by name. @throws HistoryLostError (Q5) */
export function restorePlan(parts: readonly WantedPart[], known: ReadonlyMap<string, KnownLog>): RestorePlan {
  const planned = parts.map((part, i) => plannedPart(part, known.get(part.log)!, i === parts.length - 1));
  const sum = (field: 'bytes' | 'skippedBytes' | 'prunedBytes' | 'fragmentBytes'): number =>
    planned.reduce((total, part) => total + part[field], 0);
  return {
    log: parts.at(-1)!.log,
    parts: planned,
    bytes: sum('bytes'),
    skippedBytes: sum('skippedBytes'),
    prunedBytes: sum('prunedBytes'),
    fragmentBytes: sum('fragmentBytes'),
  };
}

function plannedPart(part: WantedPart, { head, index }: KnownLog, isLast: boolean): PlannedPart {
  checkReaches(part, head);
  const wanted = part.ranges
    .map(({ begin, end }) => ({ begin, end: Math.min(end, head) }))
    .filter(({ begin, end }) => begin < end);
  const pruned = index?.pruned ?? [];
  checkNotPruned(part.log, wanted, pruned);
  const floor = index?.end ?? 0;
  const reads = wanted.flatMap(({ begin, end }): PlannedRead[] => {
    const below = { begin, end: Math.min(end, floor), source: 'fragments' as const };
    const above = { begin: Math.max(begin, floor), end, source: 'slots' as const };
    return [below, above].filter((read) => read.begin < read.end);
  });
  const span = isLast
    ? { begin: 0, end: head }
    : { begin: wanted[0]?.begin ?? 0, end: wanted.at(-1)?.end ?? 0 };
  const bytes = lengthOf(wanted);
  const fragments = (index?.fragments ?? []).filter((fragment) =>
    wanted.some((one) => common(one, fragment) > 0),
  );
  return {
    log: part.log,
    head,
    reads,
    bytes,
    skippedBytes: lengthOf([span]) - bytes,
    prunedBytes: pruned.reduce((total, range) => total + common(range, span), 0),
    fragments: fragments.length,
    fragmentBytes: fragments.reduce((total, { storedBytes }) => total + storedBytes, 0),
  };
}

/** @throws HistoryLostError */
export function checkReaches({ log, namedEnd }: WantedPart, head: number): void {
  if (namedEnd > head)
    throw new HistoryLostError(
      log,
      `it ends at byte ${head}, and the hints name bytes up to ${namedEnd}`,
      'ends-early',
    );
}

/** @throws HistoryLostError */
function checkNotPruned(log: string, wanted: readonly Range[], pruned: readonly Range[]): void {
  for (const hole of pruned)
    if (wanted.some((range) => common(range, hole) > 0)) throw prunedError(log, hole);
}

export function prunedError(log: string, { begin, end }: Range): HistoryLostError {
  return new HistoryLostError(
    log,
    `bytes ${begin} to ${end} were pruned, and some of them are needed: the hints name them, or are older than the pruning; newer hints exist or existed`,
    'pruned',
  );
}

function lengthOf(ranges: readonly Range[]): number {
  return ranges.reduce((total, { begin, end }) => total + end - begin, 0);
}

/** How many bytes two ranges share. */
function common(a: Range, b: Range): number {
  return Math.max(0, Math.min(a.end, b.end) - Math.max(a.begin, b.begin));
}
