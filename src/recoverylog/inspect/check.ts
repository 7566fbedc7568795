/**
 * Checking a log as it is read: whether its operations follow each other, and what stands between them. Pure.
 *
 * A1  An operation follows when sequence number and checksum are those that are due and the state machine takes it (gazette.md §2.3). What does not is judged
 *     by its author (strays.ts).
 * A2  Behind a hole the chain is taken up again with the first operations that follow each other; what the files were is then a matter of hints alone.
 *     The same holds for a log that does not begin with operation 1: a fork (record/fork-log.ts).
 */
import { crc32c } from '../../base/index.ts';
import type { RecordedOp } from '../format/op.ts';
import { Fsm } from '../fsm.ts';
import { isPlayable } from '../paths.ts';
import { problem, warning, type LogBytes, type LogFinding } from './finding.ts';
import type { LogItem } from './scan.ts';
import { Strays } from './strays.ts';

export interface LogFigures {
  /** Operations that follow each other, and those of them that are of files not known: dead ones. */
  readonly operations: number;
  readonly untracked: number;
  /** Operations that stand in the log again: a retried append. */
  readonly repeated: number;
  /** Of authors that are rightly left out. */
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

export class LogCheck {
  readonly #log: string;
  #nextSeqNo = 1;
  #nextChecksum = 0;
  /** Of the last operation that followed; undefined before any, and behind a hole. */
  #author: number | undefined;
  /** Whether the operations so far follow each other for certain (A2). */
  #isSure = true;
  /** Undefined once history was missing (A2). */
  #fsm: Fsm | undefined;
  readonly #strays = new Strays();
  readonly #count = { operations: 0, untracked: 0, repeated: 0, foreign: 0, fences: 0, prunedBytes: 0 };
  #head = 0;

  constructor(log: string) {
    this.#log = log;
    this.#fsm = new Fsm({ log, liveNodes: [], properties: [] });
  }

  get figures(): LogFigures {
    return {
      ...this.#count,
      authors: this.#strays.authors,
      head: this.#head,
      nextSeqNo: this.#nextSeqNo,
      nextChecksum: this.#nextChecksum,
      files: this.#fsm?.liveNodes().length,
    };
  }

  /** Takes what stands next in the log; what is wrong with it, or turned out to be wrong before. */
  take(item: LogItem): readonly LogFinding[] {
    this.#head = item.lastOffset;
    const at = { begin: item.firstOffset, end: item.lastOffset };
    switch (item.kind) {
      case 'op':
        return this.#operation(item.op, item.payload, at);
      case 'damage':
        return [problem('damaged-frame', at, item.problem)];
      case 'desync':
        return [warning('desync', at, 'bytes that are no operation; players pass them over')];
      case 'cut':
        return [warning('cut-off', at, `an operation that was never finished, cut off by the ${item.by}`)];
      case 'hole':
        return this.#hole(at);
      case 'fence':
        this.#count.fences++;
        return [];
      case 'head':
        return this.#strays.told(this.#nextSeqNo - 1);
    }
  }

  /** The journal gives no more bytes: a problem of everything behind. */
  unreadable(text: string): LogFinding {
    return problem('unreadable', { begin: this.#head, end: this.#head }, text);
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

  #operation(op: RecordedOp, payload: Uint8Array, at: LogBytes): readonly LogFinding[] {
    const found: LogFinding[] = [];
    if (at.begin === 0 && op.seqNo > 1) found.push(this.#beginElsewhere(op, at));
    if (op.seqNo !== this.#nextSeqNo || op.checksum !== this.#nextChecksum) {
      if (this.#isSure) return this.#stray(op, at);
      [this.#nextSeqNo, this.#nextChecksum, this.#author] = [op.seqNo, op.checksum, undefined]; // A2
    }
    const place = { firstOffset: at.begin, lastOffset: at.end, log: this.#log };
    const rejection = this.#fsm?.apply(op, payload, place);
    if (rejection !== undefined && rejection !== 'not-tracked') {
      const text = `operation ${op.seqNo} is due and cannot be (${rejection}): players take no operation from here on`;
      return [problem('contradiction', at, text)];
    }
    this.#isSure ||= this.#author !== undefined;
    this.#strays.follows(op);
    if (this.#author !== op.author) found.push(...this.#strays.told(this.#nextSeqNo - 1));
    this.#author = op.author;
    this.#nextSeqNo = op.seqNo + 1;
    this.#nextChecksum = crc32c(payload, this.#nextChecksum);
    this.#count.operations++;
    if (rejection === 'not-tracked') this.#count.untracked++;
    const path = op.create?.path ?? op.link?.path ?? op.property?.path;
    if (path !== undefined && !isPlayable(path)) {
      const text = `the path ${JSON.stringify(path)} leads out of the directory; players refuse it`;
      found.push(problem('bad-path', at, text));
    }
    return found;
  }

  /** A2 */
  #beginElsewhere(op: RecordedOp, at: LogBytes): LogFinding {
    this.#fsm = undefined;
    this.#isSure = false;
    const text = `the log begins with operation ${op.seqNo}: a fork of another one, which is played from hints`;
    return warning('begins-elsewhere', at, text);
  }

  #stray(op: RecordedOp, at: LogBytes): readonly LogFinding[] {
    if (op.author === this.#author && op.seqNo < this.#nextSeqNo) this.#count.repeated++;
    else if (this.#strays.strays(op, at, this.#author, this.#nextSeqNo)) this.#count.foreign++;
    return [];
  }

  /** A2 */
  #hole(at: LogBytes): readonly LogFinding[] {
    this.#fsm = undefined;
    this.#isSure = false;
    this.#author = undefined;
    this.#count.prunedBytes += at.end - at.begin;
    const text = 'pruned on purpose; the log is played from hints that do not need it';
    return [...this.#strays.told(this.#nextSeqNo - 1), warning('pruned', at, text)];
  }
}

/** The first key whose value in `two` is not that in `one`. */
function differing<T>(one: ReadonlyMap<string, T>, two: ReadonlyMap<string, T>): string | undefined {
  for (const [key, value] of one) if (two.get(key) !== value) return key;
  return undefined;
}
