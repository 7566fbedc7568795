/**
 * Exact hints: the least of the log that a restore needs, in segments that both implementations read (gazette.md §2.5, §2.6, §12 #236, appendix C 2-3). Pure.
 *
 * What is named: every operation of every live file, the newest update of each property, and everything from the newest create on (the guard), up to
 * the last operation. Gaps of less than LEAST_GAP_BYTES in one run are not left out.
 *
 * E1  A function of the log alone: whoever makes hints at one operation makes the same ones, whatever hints it began with itself.
 * E2  Newer hints name nothing before the end of older ones that those left out: it may be pruned. (A file's last stretch that could still reach into the
 *     tail counts as reaching it.)
 * E3  No phantom, under Gazette's rules as well: it tracks creates that are not hinted once the last hinted file is created. That file is the guard,
 *     and behind the guard no create is left, and nothing is left out. When the guard is dead it is named all the same: its end is in the tail.
 * E4  No stale property: the newest update of each is named, unless nothing before it is.
 * E5  Each file begins with its create; a segment is named by one file, which has the operation that it begins with. The last segment holds the last
 *     operation, so that hints load for the log that was written last, although no file of it may have changed there.
 * Hints by Gazette may end in a stretch without a create behind a hole. There is no guard then: nothing more is left out than was, until the next create.
 */
import type { FnodeSegments } from './format/hints.ts';
import type { Segment } from './format/segment.ts';
import { LEAST_GAP_BYTES, type FileHistory, type Stretch } from './stretches.ts';

export interface LogHistory {
  readonly runs: readonly Segment[];
  /** Live files, ascending. */
  readonly files: readonly { readonly fnode: number; readonly history: FileHistory }[];
  /** Begins with the newest create, unless there is a hole behind that. */
  readonly guard: Segment | undefined;
  /** The newest update of each property. */
  readonly updates: readonly Segment[];
}

/** A stretch that is needed, and the file that names it. */
interface Needed {
  readonly fnode: number;
  readonly segment: Segment;
}

interface Piece {
  readonly fnode: number;
  readonly segment: Stretch;
  readonly run: Segment;
}

/** Which segments hints name for which file. */
export function exactSegments(history: LogHistory): FnodeSegments[] {
  const births = birthsOf(history);
  const oldest = births[0];
  if (oldest === undefined) return [];
  const pieces = join(needed(history, oldest), history.runs);
  const found = new Map(births.map((birth) => [birth.firstSeqNo, [] as Segment[]]));
  for (const { fnode, segment } of pieces) found.get(fnode)!.push(segment);
  return births.map((birth) => {
    const own = found.get(birth.firstSeqNo)!;
    const begins = own[0]?.firstSeqNo === birth.firstSeqNo;
    return { fnode: birth.firstSeqNo, segments: begins ? own : [birth, ...own] };
  });
}

/** The first stretch of each file that is named, ascending: of the live ones, and of the guard. */
function birthsOf({ files, guard }: LogHistory): Segment[] {
  const births: Segment[] = files.map(({ history }) => history.first);
  const newest = births.at(-1);
  return guard && guard.firstSeqNo !== newest?.firstSeqNo ? [...births, guard] : births;
}

function needed({ runs, files, guard, updates }: LogHistory, oldest: Segment): Needed[] {
  const tail = guard ?? oldest;
  const found: Needed[] = [];
  const runBegin = runs.at(-1)!.firstSeqNo;
  for (const { fnode, history } of files) {
    for (const segment of history.stretches) found.push({ fnode, segment });
    const last = history.last;
    if (last.lastSeqNo < tail.firstSeqNo && history.reaches(tail.firstOffset, runBegin))
      found.push({
        fnode,
        segment: { ...last, lastSeqNo: tail.firstSeqNo - 1, lastOffset: tail.firstOffset },
      }); // E2
  }
  for (const segment of updates)
    if (segment.firstSeqNo > oldest.firstSeqNo) found.push({ fnode: oldest.firstSeqNo, segment }); // E4
  for (const run of runs) {
    if (run.lastSeqNo < tail.firstSeqNo) continue;
    const { firstSeqNo, firstOffset, firstChecksum } = run.firstSeqNo < tail.firstSeqNo ? tail : run;
    found.push({ fnode: tail.firstSeqNo, segment: { ...run, firstSeqNo, firstOffset, firstChecksum } });
  }
  return found.sort((a, b) => a.segment.firstSeqNo - b.segment.firstSeqNo);
}

/** Puts together what overlaps, or lies too near to be worth a gap, within each run. */
function join(all: readonly Needed[], runs: readonly Segment[]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { fnode, segment } of all) {
    while (runs[at]!.lastSeqNo < segment.firstSeqNo) at++;
    const last = pieces.at(-1);
    if (last?.run !== runs[at] || !isNear(last!.segment, segment)) {
      pieces.push({ fnode, segment: { ...segment }, run: runs[at]! });
    } else if (last!.segment.lastSeqNo < segment.lastSeqNo) {
      last!.segment.lastSeqNo = segment.lastSeqNo;
      last!.segment.lastOffset = segment.lastOffset;
    }
  }
  return pieces;
}

function isNear(before: Segment, after: Segment): boolean {
  return after.firstSeqNo <= before.lastSeqNo + 1 || after.firstOffset - before.lastOffset < LEAST_GAP_BYTES;
}
