/**
 * Operations that do not follow those before them, by author: how races end, or a sign that something is lost. Pure.
 *
 * Y1  The author whose turn it is and one who was never heard of should follow: what they say that does not is a loss. One who was overtaken, or came too
 *     late with his first operation, is left out rightly.
 * Y2  They are told as runs, not one by one: memory and output do not grow with them.
 * Y3  A run whose operations come again in their turn, a reordered append, is none.
 */
import type { RecordedOp } from '../format/op.ts';
import { problem, warning, type LogBytes, type LogFinding } from './finding.ts';

/** Operations of one author, next to each other but for operations of others. */
interface Run {
  readonly isLoss: boolean;
  readonly begin: number;
  readonly end: number;
  readonly firstSeqNo: number;
  readonly lastSeqNo: number;
  readonly count: number;
}

export class Strays {
  /** Every author that was accepted. */
  readonly #accepted = new Set<number>();
  /** Authors that came too late with their first operation. */
  readonly #late = new Set<number>();
  #runs = new Map<number, Run>();

  get authors(): number {
    return this.#accepted.size;
  }

  /** An operation that follows (Y3). */
  follows({ author, seqNo }: RecordedOp): void {
    this.#accepted.add(author);
    const run = this.#runs.get(author);
    if (run && run.lastSeqNo <= seqNo) this.#runs.delete(author);
  }

  /** One that does not. `turn`: the author of the last one that did; `dueSeqNo`: what would. Whether its author is rightly left out (Y1). */
  strays({ author, seqNo }: RecordedOp, at: LogBytes, turn: number | undefined, dueSeqNo: number): boolean {
    const run = this.#runs.get(author);
    if (!run && !this.#accepted.has(author) && seqNo < dueSeqNo) this.#late.add(author);
    const isLeftOut = author !== turn && (this.#accepted.has(author) || this.#late.has(author));
    const next = { end: at.end, lastSeqNo: seqNo, count: (run?.count ?? 0) + 1 };
    const first = run ?? { isLoss: !isLeftOut, begin: at.begin, firstSeqNo: seqNo };
    this.#runs.set(author, { ...first, ...next });
    return isLeftOut;
  }

  /** The runs, when they are over; the last operation that followed is `lastSeqNo`. */
  told(lastSeqNo: number): readonly LogFinding[] {
    const runs = [...this.#runs];
    this.#runs = new Map();
    return runs.map(([author, run]) => {
      const operations = `${run.count} ${run.count === 1 ? 'operation' : 'operations'}`;
      const who = `${operations} (${run.firstSeqNo} to ${run.lastSeqNo}) of author ${author.toString(32)}`;
      return run.isLoss
        ? problem(
            'missing-operations',
            run,
            `${who} do not follow operation ${lastSeqNo}: what lies between is missing or damaged, and players leave them out`,
          )
        : warning(
            'overtaken-author',
            run,
            `${who} came after another author had taken over; players leave them out`,
          );
    });
  }
}
