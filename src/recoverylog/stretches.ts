/**
 * Where the operations of a file lie in the log, and the log's own runs: what exact hints are made of (exact-hints.ts).
 *
 * S1  A run is operations without a hole, of one author in one log. A stretch lies within one run, begins and ends with an operation of its file, and
 *     holds all of the file's operations together with its neighbours.
 * S2  Where one stretch ends and the next begins follows from the file's own operations alone, and never changes afterwards. Those are in everybody's hints,
 *     so everybody who has read the log, in whatever part, has the same stretches. Closing a gap later, the smallest of too many for example, would name
 *     bytes that older hints left out, and that may be pruned.
 * S3  A gap has at least LEAST_GAP_BYTES, and twice that after each GAPS_A_DOUBLING of them: how many a file can have grows with the logarithm of the
 *     log's length, and those that come late are those that are worth most.
 */
import type { OpPlace, RecordedOp } from './format/op.ts';
import type { Segment } from './format/segment.ts';

/** Bytes that are worth a segment in the hints (some 130 bytes there). No more than the smallest fragment: less could never be pruned. */
export const LEAST_GAP_BYTES: number = 64 * 1024;
/** Gaps of one file before the least one is twice as large: in 16 TiB of log a file has 768 at most, some 100 KiB of hints. */
export const GAPS_A_DOUBLING = 32;

/** A segment that still grows. */
export type Stretch = { -readonly [Field in keyof Segment]: Segment[Field] };

/** The stretch of one operation. */
export function stretchOf(op: RecordedOp, place: OpPlace): Stretch {
  return {
    author: op.author,
    firstSeqNo: op.seqNo,
    firstOffset: place.firstOffset,
    firstChecksum: op.checksum,
    lastSeqNo: op.seqNo,
    lastOffset: place.lastOffset,
    log: place.log,
  };
}

const NONE: readonly Stretch[] = [];

/** Where a file's operations lie. */
export class FileHistory {
  #earlier: Stretch[] | undefined;
  #last: Stretch;
  #gaps = 0;
  /** The gap that would be worth a stretch of its own now (S3), bytes. */
  #worthBytes: number = LEAST_GAP_BYTES;

  constructor(first: Stretch) {
    this.#last = first;
  }

  /** Begins with the file's create. */
  get first(): Stretch {
    return this.#earlier?.[0] ?? this.#last;
  }

  get last(): Stretch {
    return this.#last;
  }

  /** Ascending. */
  get stretches(): readonly Stretch[] {
    return [...(this.#earlier ?? NONE), this.#last];
  }

  /** Notes an operation of the file, in the run that begins with operation `runBegin`. */
  extend(op: RecordedOp, place: OpPlace, runBegin: number): void {
    const last = this.#last;
    if (this.reaches(place.firstOffset, runBegin)) {
      last.lastSeqNo = op.seqNo;
      last.lastOffset = place.lastOffset;
      return;
    }
    // Not "in the same run": what separates two runs of an author may be a hole that others do not have (S2).
    if (last.author === op.author && last.log === place.log && ++this.#gaps % GAPS_A_DOUBLING === 0)
      this.#worthBytes *= 2;
    (this.#earlier ??= []).push(last);
    this.#last = stretchOf(op, place);
  }

  /** Whether an operation there, in the run that begins with operation `runBegin`, would belong to the last stretch. */
  reaches(offset: number, runBegin: number): boolean {
    return this.#last.lastSeqNo >= runBegin && offset - this.#last.lastOffset < this.#worthBytes;
  }

  /** As Gazette has it: one segment for all that follows one another by one author in one log, whatever lies between. */
  merged(): Segment[] {
    const found: Stretch[] = [];
    for (const stretch of this.stretches) {
      const last = found.at(-1);
      if (last?.author === stretch.author && last.log === stretch.log) {
        last.lastSeqNo = stretch.lastSeqNo;
        last.lastOffset = stretch.lastOffset;
      } else found.push({ ...stretch });
    }
    return found;
  }
}

/** The runs of everything that was applied, ascending (S1). */
export class Runs {
  readonly #runs: Stretch[] = [];
  #last: Stretch | undefined;

  get all(): readonly Segment[] {
    return this.#runs;
  }

  /** First operation of the run that `op` belongs to: its own when it begins one. */
  beginOf(op: RecordedOp, place: OpPlace): number {
    return this.#continues(op, place) ? this.#last!.firstSeqNo : op.seqNo;
  }

  /** Notes an operation; returns whether a hole lies before it. */
  extend(op: RecordedOp, place: OpPlace): boolean {
    const last = this.#last;
    if (last !== undefined && this.#continues(op, place)) {
      last.lastSeqNo = op.seqNo;
      last.lastOffset = place.lastOffset;
      return false;
    }
    this.#last = stretchOf(op, place);
    this.#runs.push(this.#last);
    return last !== undefined && last.lastSeqNo + 1 !== op.seqNo;
  }

  #continues(op: RecordedOp, place: OpPlace): boolean {
    const last = this.#last;
    return (
      last !== undefined &&
      last.lastSeqNo + 1 === op.seqNo &&
      last.author === op.author &&
      last.log === place.log
    );
  }
}
