/**
 * Checking a log as it is read: whether its operations follow each other, and what stands between them. Pure.
 *
 * A1  An operation belongs when sequence number and checksum are those that are due and the state machine takes it (gazette.md §2.3). What does not belong is
 *     judged by its author: of one who was overtaken, or came too late, that is how races end; of the author whose turn it is, operations are missing.
 * A2  `problem`: a player stops there, or leaves out what was acknowledged. `warning`: players pass it over rightly, and somebody may want to know why.
 * A3  Behind a hole the chain is taken up again with the first operations that follow each other; what the files were is then a matter of hints alone.
 *     The same holds for a log that does not begin with operation 1: a fork (record/fork-log.ts).
 * A4  Operations that do not belong are told as runs, not one by one: memory and output do not grow with them.
 */
import { crc32c } from '../../base/index.ts';
import type { RecordedOp } from '../format/op.ts';
import { Fsm, type Rejection } from '../fsm.ts';
import { isPlayable } from '../paths.ts';
import type { LogItem } from './scan.ts';

export type LogFindingKind =
  | 'damaged-frame'
  | 'desync'
  | 'cut-off'
  | 'missing-operations'
  | 'overtaken-author'
  | 'contradiction'
  | 'bad-path'
  | 'unreadable'
  | 'pruned'
  | 'begins-elsewhere';

export interface LogFinding {
  readonly severity: 'problem' | 'warning';
  readonly kind: LogFindingKind;
  /** Bytes [begin, end) of the log. */
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

export interface LogFigures {
  /** Operations that belong, and those of them that are of files not known: dead, or from before a hole. */
  readonly operations: number;
  readonly untracked: number;
  /** Operations that stand in the log again: a retried append. */
  readonly repeated: number;
  /** Of authors whose turn it was not. */
  readonly foreign: number;
  readonly authors: number;
  readonly fences: number;
  readonly prunedBytes: number;
  readonly head: number;
  /** What the next operation must carry. */
  readonly nextSeqNo: number;
  readonly nextChecksum: number;
  /** Files that are alive at its end; undefined when its history is not whole. */
  readonly files: number | undefined;
}

interface Bytes {
  readonly begin: number;
  readonly end: number;
}

/** Operations of one author that do not belong, next to each other but for operations of others. */
interface Run {
  readonly author: number;
  /** They should belong (A1). */
  readonly isLoss: boolean;
  readonly begin: number;
  end: number;
  readonly firstSeqNo: number;
  lastSeqNo: number;
  count: number;
}

export class LogCheck {
  readonly #log: string;
  #nextSeqNo = 1;
  #nextChecksum = 0;
  /** Undefined before the first operation, and behind a hole. */
  #author: number | undefined;
  /** Whether the operations so far follow each other for certain (A3). */
  #isSure = true;
  /** Undefined once a hole was met (A3). */
  #fsm: Fsm | undefined;
  /** Every author that was accepted. */
  readonly #accepted = new Set<number>();
  /** Authors that came too late for their first operation. */
  readonly #late = new Set<number>();
  readonly #runs = new Map<number, Run>();
  readonly #count = { operations: 0, untracked: 0, repeated: 0, foreign: 0, fences: 0, prunedBytes: 0 };
  #head = 0;

  constructor(log: string) {
    this.#log = log;
    this.#fsm = new Fsm({ log, liveNodes: [], properties: [] });
  }

  /** Takes what stands next in the log; what is wrong with it, or turned out to be wrong before. */
  take(item: LogItem): readonly LogFinding[] {
    this.#head = item.lastOffset;
    const at = { begin: item.firstOffset, end: item.lastOffset };
    switch (item.kind) {
      case 'op':
        return this.#operation(item.op, item.payload, at);
      case 'damage':
        return [{ severity: 'problem', kind: 'damaged-frame', ...at, text: item.problem }];
      case 'desync':
        return [
          {
            severity: 'warning',
            kind: 'desync',
            ...at,
            text: 'bytes that are no operation; players pass them over',
          },
        ];
      case 'cut':
        return [
          {
            severity: 'warning',
            kind: 'cut-off',
            ...at,
            text: `an operation that was never finished, cut off by the ${item.by}`,
          },
        ];
      case 'hole':
        return this.#hole(at);
      case 'fence':
        this.#count.fences++;
        return [];
      case 'head':
        return this.#flush();
    }
  }

  get figures(): LogFigures {
    return {
      ...this.#count,
      authors: this.#accepted.size,
      head: this.#head,
      nextSeqNo: this.#nextSeqNo,
      nextChecksum: this.#nextChecksum,
      files: this.#fsm?.liveNodes().length,
    };
  }

  /** The journal gives no more bytes: a problem of everything behind. */
  unreadable(text: string): LogFinding {
    return { severity: 'problem', kind: 'unreadable', begin: this.#head, end: this.#head, text };
  }

  /** How a state that was played from hints differs from that of the log; undefined when it does not, as far as is known. */
  differsFrom(played: Fsm): string | undefined {
    if (played.nextSeqNo !== this.#nextSeqNo || played.nextChecksum !== this.#nextChecksum)
      return `they play to operation ${played.nextSeqNo - 1}, and the log goes to ${this.#nextSeqNo - 1}`;
    if (!this.#fsm) return undefined;
    const path =
      differing(played.links, this.#fsm.links) ??
      differing(this.#fsm.links, played.links) ??
      differing(played.properties, this.#fsm.properties) ??
      differing(this.#fsm.properties, played.properties);
    return path === undefined ? undefined : `they play to another state: ${JSON.stringify(path)} differs`;
  }

  #operation(op: RecordedOp, payload: Uint8Array, at: Bytes): readonly LogFinding[] {
    const begins = at.begin === 0 && op.seqNo > 1 ? this.#beginElsewhere(op, at) : [];
    if (!this.#isDue(op)) {
      if (this.#isSure) return this.#stray(op, at);
      this.#takeUp(op);
    }
    const rejection = this.#fsm?.apply(op, payload, {
      firstOffset: at.begin,
      lastOffset: at.end,
      log: this.#log,
    });
    if (rejection !== undefined && rejection !== 'not-tracked') return this.#contradiction(op, rejection, at);
    this.#isSure ||= this.#author !== undefined;
    if ((this.#runs.get(op.author)?.lastSeqNo ?? Number.POSITIVE_INFINITY) <= op.seqNo)
      this.#runs.delete(op.author); // they came again, in order
    const flushed = this.#author === op.author ? begins : [...begins, ...this.#flush()];
    this.#author = op.author;
    this.#accepted.add(op.author);
    this.#nextSeqNo = op.seqNo + 1;
    this.#nextChecksum = crc32c(payload, this.#nextChecksum);
    this.#count.operations++;
    if (rejection === 'not-tracked') this.#count.untracked++;
    const path = op.create?.path ?? op.link?.path ?? op.property?.path;
    if (path === undefined || isPlayable(path)) return flushed;
    const text = `the path ${JSON.stringify(path)} leads out of the directory; players refuse it`;
    return [...flushed, { severity: 'problem', kind: 'bad-path', ...at, text }];
  }

  #isDue(op: RecordedOp): boolean {
    return op.seqNo === this.#nextSeqNo && op.checksum === this.#nextChecksum;
  }

  /** A3: a fork. */
  #beginElsewhere(op: RecordedOp, at: Bytes): readonly LogFinding[] {
    this.#fsm = undefined;
    this.#isSure = false;
    const text = `the log begins with operation ${op.seqNo}: a fork of another one, which is played from hints`;
    return [{ severity: 'warning', kind: 'begins-elsewhere', ...at, text }];
  }

  /** A3 */
  #takeUp(op: RecordedOp): void {
    this.#nextSeqNo = op.seqNo;
    this.#nextChecksum = op.checksum;
    this.#author = undefined;
  }

  /** A1, A4: an operation that is not due. */
  #stray(op: RecordedOp, at: Bytes): readonly LogFinding[] {
    const { author } = op;
    const isCurrent = author === this.#author;
    if (isCurrent && op.seqNo < this.#nextSeqNo) {
      this.#count.repeated++;
      return [];
    }
    if (!this.#accepted.has(author) && !this.#runs.has(author) && op.seqNo < this.#nextSeqNo)
      this.#late.add(author);
    const isLate = !isCurrent && (this.#accepted.has(author) || this.#late.has(author));
    if (isLate) this.#count.foreign++;
    const run = this.#runs.get(author);
    if (run) {
      run.end = at.end;
      run.count++;
      run.lastSeqNo = op.seqNo;
    } else {
      this.#runs.set(author, {
        author,
        isLoss: !isLate,
        ...at,
        firstSeqNo: op.seqNo,
        lastSeqNo: op.seqNo,
        count: 1,
      });
    }
    return [];
  }

  #contradiction(op: RecordedOp, rejection: Rejection, at: Bytes): readonly LogFinding[] {
    const text = `operation ${op.seqNo} is due and cannot be (${rejection}): players take no operation from here on`;
    return [{ severity: 'problem', kind: 'contradiction', ...at, text }];
  }

  #hole(at: Bytes): readonly LogFinding[] {
    this.#fsm = undefined;
    this.#isSure = false;
    this.#author = undefined;
    this.#count.prunedBytes += at.end - at.begin;
    const text = 'pruned on purpose; the log is played from hints that do not need it';
    return [...this.#flush(), { severity: 'warning', kind: 'pruned', ...at, text }];
  }

  /** Tells the runs, when it is known that they are over. */
  #flush(): readonly LogFinding[] {
    const runs = [...this.#runs.values()];
    this.#runs.clear();
    return runs.map(({ author, isLoss, begin, end, firstSeqNo, lastSeqNo, count }): LogFinding => {
      const who = `${count} ${count === 1 ? 'operation' : 'operations'} (${firstSeqNo} to ${lastSeqNo}) of author ${author.toString(32)}`;
      if (!isLoss) {
        const text = `${who} came after another author had taken over; players leave them out`;
        return { severity: 'warning', kind: 'overtaken-author', begin, end, text };
      }
      const text = `${who} do not follow operation ${this.#nextSeqNo - 1}: what lies between is missing or damaged, and players leave them out`;
      return { severity: 'problem', kind: 'missing-operations', begin, end, text };
    });
  }
}

/** The first key whose value in `two` is not that in `one`. */
function differing<T>(one: ReadonlyMap<string, T>, two: ReadonlyMap<string, T>): string | undefined {
  for (const [key, value] of one) if (two.get(key) !== value) return key;
  return undefined;
}
