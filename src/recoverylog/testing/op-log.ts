/**
 * A log of operations without a journal, without files, and without the data of its writes: what the state machine and its hints are tested and measured
 * with. Its primary applies what it records, as a recorder does.
 */
import { encodeFrame, FRAME_HEADER_BYTES } from '../format/frame.ts';
import { liveLogSegments, type FsmHints } from '../format/hints.ts';
import type { OpPlace, RecordedOp } from '../format/op.ts';
import type { Segment } from '../format/segment.ts';
import { Fsm, type Rejection } from '../fsm.ts';

type Body = Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'>;

export interface LoggedOp extends OpPlace {
  readonly op: RecordedOp;
  readonly payload: Uint8Array;
}

/** What a replay came to. */
export interface Replayed {
  readonly fsm: Fsm;
  /** Sequence numbers of the writes to each live file. */
  readonly writes: ReadonlyMap<number, readonly number[]>;
}

const EVERYTHING = { begin: 0, end: Number.MAX_SAFE_INTEGER };

/** Bytes of `log` that hints need, ascending: what they name, and everything from the beginning of their last segment on. */
export function neededRanges(
  hints: FsmHints,
  log: string,
): { readonly begin: number; readonly end: number }[] {
  const { segments } = liveLogSegments(hints);
  if (segments.length === 0) return [EVERYTHING];
  return segments
    .filter((segment) => segment.log === log)
    .map((segment: Segment) => ({
      begin: segment.firstOffset,
      end: segment === segments.at(-1) ? EVERYTHING.end : segment.lastOffset,
    }));
}

export class OpLog {
  readonly ops: LoggedOp[] = [];
  /** The state of the primary. */
  readonly fsm: Fsm;
  #author = 1;
  #log = 'test/log';
  readonly #ends = new Map<string, number>();
  readonly #keeps: boolean;

  /** `keeps`: whether operations are kept; without them nothing can be replayed. */
  constructor(rules: 'holdfast' | 'gazette' = 'holdfast', keeps = true) {
    this.#keeps = keeps;
    this.fsm = new Fsm({ log: this.#log, liveNodes: [], properties: [] }, rules);
  }

  /** Name of the journal that is written. */
  get log(): string {
    return this.#log;
  }

  /** Bytes of it. */
  get end(): number {
    return this.#ends.get(this.#log) ?? 0;
  }

  /** The primary records an operation, which has to fit. Returns its sequence number. */
  record(body: Body): number {
    const { nextSeqNo: seqNo, nextChecksum: checksum } = this.fsm;
    const logged = this.append({ seqNo, checksum, author: this.#author, ...body });
    const rejection = this.fsm.apply(logged.op, logged.payload, logged);
    if (rejection !== undefined) throw new Error(`operation ${seqNo} came to ${rejection}`);
    return seqNo;
  }

  create(path: string): number {
    return this.record({ create: { path } });
  }

  write(path: string, length: number): void {
    this.record({ write: { fnode: this.#fnode(path), offset: 0, length } });
  }

  unlink(path: string): void {
    this.record({ unlink: { fnode: this.#fnode(path), path } });
  }

  link(from: string, to: string): void {
    this.record({ link: { fnode: this.#fnode(from), path: to } });
  }

  /** As the recorded file system does it. */
  rename(from: string, to: string): void {
    if (this.fsm.links.has(to)) this.unlink(to);
    this.link(from, to);
    this.unlink(from);
  }

  /** Another author takes over, in the same journal or in another one. */
  handoff(log: string = this.#log): void {
    this.#author++;
    this.#log = log;
    this.record({});
  }

  /** Something that got into the journal and does not belong: another author's operation, or one for the second time. */
  append(op: RecordedOp): LoggedOp {
    const { payload } = encodeFrame(op);
    const firstOffset = this.end;
    const lastOffset = firstOffset + FRAME_HEADER_BYTES + payload.length + (op.write?.length ?? 0);
    const logged = { op, payload, firstOffset, lastOffset, log: this.#log };
    if (this.#keeps) this.ops.push(logged);
    this.#ends.set(this.#log, lastOffset);
    return logged;
  }

  /** A write of the author before, who does not know yet that he is not the one any more. */
  zombie(path: string): void {
    const { nextSeqNo: seqNo, nextChecksum: checksum } = this.fsm;
    const write = { fnode: this.fsm.links.get(path) ?? 1, offset: 0, length: 10 };
    this.append({ seqNo: seqNo - 1, checksum: checksum ^ 1, author: Math.max(1, this.#author - 1), write });
  }

  /** Plays the log, and those that it was forked to later, from hints, seeing only what these need: what is not needed is gone. */
  replay(hints: FsmHints, rules: 'holdfast' | 'gazette' = 'holdfast'): Replayed {
    const fsm = new Fsm(hints, rules);
    const writes = new Map<number, number[]>();
    const logs = [...this.#ends.keys()];
    const forks = logs.slice(logs.indexOf(hints.log) + 1);
    const kept = new Map(
      logs.map((log) => [log, forks.includes(log) ? [EVERYTHING] : neededRanges(hints, log)]),
    );
    for (const logged of this.ops) {
      const isKept = kept
        .get(logged.log)!
        .some(({ begin, end }) => logged.firstOffset < end && begin < logged.lastOffset);
      if (isKept) note(writes, logged.op, fsm.apply(logged.op, logged.payload, logged));
    }
    for (const fnode of writes.keys()) if (!fsm.isLive(fnode)) writes.delete(fnode);
    return { fsm, writes };
  }

  #fnode(path: string): number {
    const fnode = this.fsm.links.get(path);
    if (fnode === undefined) throw new Error(`there is no ${path}`);
    return fnode;
  }
}

function note(writes: Map<number, number[]>, op: RecordedOp, rejection: Rejection | undefined): void {
  if (rejection !== undefined || op.write === undefined) return;
  const seen = writes.get(op.write.fnode);
  if (seen) seen.push(op.seqNo);
  else writes.set(op.write.fnode, [op.seqNo]);
}

/** What makes two replays the same: names, properties, chain, and which writes made the content of each file. */
export function stateOf({ fsm, writes }: Replayed): unknown {
  return {
    nextSeqNo: fsm.nextSeqNo,
    nextChecksum: fsm.nextChecksum,
    lastLog: fsm.lastLog,
    hinted: [fsm.hintedSegments.length, fsm.hintedFnodes.length],
    links: Object.fromEntries(fsm.links),
    properties: Object.fromEntries(fsm.properties),
    writes: Object.fromEntries(writes),
  };
}
