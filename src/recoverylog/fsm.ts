/**
 * The state machine of a recovery log: which operations belong to it, and which files they leave alive (gazette.md §2).
 *
 * M1  Checks come in Gazette's order: author of the hinted segment, sequence number, checksum, then the operation itself.
 * M2  A rejected operation leaves the state unchanged, but for 'not-tracked', which advances the chain: the operation is genuine, its file is dead.
 * M3  While hinted segments remain, a create that the hints do not name is not tracked, even after the last hinted file was created. (Gazette keys
 *     on hinted files alone, and then resurrects a file that died in a skipped stretch; later creates at its path roll the log back silently:
 *     gazette.md §2.6-1.)
 * M4  While hinted segments remain, property operations change nothing: the hints hold the value as of their making, which is newer (§2.6-2). Unless the
 *     operation that set the hinted value has come by: what follows it is newer still, and the hints are a player's of Gazette, which that flaw misled.
 * M6  Behind the hints, an operation of the right sequence number and checksum that names a path of a hinted file anew shows that the file was dead: the
 *     checksum covers the whole history, which its writer knew. The file gives way. (Gazette's players, met with a file that M3 is about, name it as alive
 *     in the hints that they write; it then keeps every later operation out.)
 * M3, M4 and M6 are wire compatible. Rules 'gazette' switch them off, for comparing with the original.
 */
import { crc32c } from '../base/index.ts';
import { liveLogSegments, type FsmHints } from './format/hints.ts';
import type { OpPlace, RecordedOp } from './format/op.ts';
import type { Segment } from './format/segment.ts';

export type Rejection =
  | 'not-hinted-author'
  | 'wrong-seq-no'
  | 'checksum-mismatch'
  | 'expected-hinted-fnode'
  | 'link-exists'
  | 'property-exists'
  | 'no-such-link'
  | 'not-tracked';

interface LiveNode {
  readonly links: Set<string>;
  readonly segments: Segment[];
}

export class Fsm {
  #nextSeqNo = 1;
  #nextChecksum = 0;
  #lastLog: string;
  readonly #properties = new Map<string, string>();
  readonly #nodes = new Map<number, LiveNode>();
  readonly #links = new Map<string, number>();
  readonly #hintedSegments: Segment[];
  readonly #hintedFnodes: number[];
  /** Files that hints said are alive: what they say may be wrong (M6). */
  readonly #aliveByHints: ReadonlySet<number>;
  /** Properties whose hinted value the operations played so far have set (M4). */
  readonly #overtaken = new Set<string>();
  readonly #rules: 'holdfast' | 'gazette';

  /** @throws HintsError */
  constructor(hints: FsmHints, rules: 'holdfast' | 'gazette' = 'holdfast') {
    const { fnodes, segments } = liveLogSegments(hints);
    this.#lastLog = hints.log;
    this.#hintedFnodes = [...fnodes];
    this.#aliveByHints = new Set(fnodes);
    this.#hintedSegments = [...segments];
    this.#rules = rules;
    const first = segments[0];
    if (first) {
      this.#nextSeqNo = first.firstSeqNo;
      this.#nextChecksum = first.firstChecksum;
    }
    for (const { path, content } of hints.properties) this.#properties.set(path, content);
  }

  get nextSeqNo(): number {
    return this.#nextSeqNo;
  }

  get nextChecksum(): number {
    return this.#nextChecksum;
  }

  get lastLog(): string {
    return this.#lastLog;
  }

  /** Hinted segments that have not been played yet. */
  get hintedSegments(): readonly Segment[] {
    return this.#hintedSegments;
  }

  get hintedFnodes(): readonly number[] {
    return this.#hintedFnodes;
  }

  get properties(): ReadonlyMap<string, string> {
    return this.#properties;
  }

  /** Path to live file. */
  get links(): ReadonlyMap<string, number> {
    return this.#links;
  }

  isLive(fnode: number): boolean {
    return this.#nodes.has(fnode);
  }

  /** Paths of a live file. */
  linksOf(fnode: number): ReadonlySet<string> {
    return this.#nodes.get(fnode)?.links ?? new Set();
  }

  /** Live files ascending, with their links. */
  liveNodes(): {
    readonly fnode: number;
    readonly links: readonly string[];
    readonly segments: readonly Segment[];
  }[] {
    return [...this.#nodes]
      .sort(([a], [b]) => a - b)
      .map(([fnode, node]) => ({ fnode, links: [...node.links], segments: node.segments }));
  }

  /** Applies an operation, or says why it does not belong (M1, M2). `payload`: its bytes as received. */
  apply(op: RecordedOp, payload: Uint8Array, place: OpPlace): Rejection | undefined {
    const hinted = this.#hintedSegments[0];
    if (hinted && hinted.author !== op.author) return 'not-hinted-author';
    if (op.seqNo !== this.#nextSeqNo) return 'wrong-seq-no';
    if (op.checksum !== this.#nextChecksum) return 'checksum-mismatch';
    const rejection = this.#dispatch(op, place);
    if (rejection !== undefined && rejection !== 'not-tracked') return rejection;
    this.#nextSeqNo = op.seqNo + 1;
    this.#nextChecksum = crc32c(payload, this.#nextChecksum);
    this.#lastLog = place.log;
    if (hinted && hinted.lastSeqNo < this.#nextSeqNo) {
      this.#hintedSegments.shift();
      const next = this.#hintedSegments[0];
      if (next) {
        this.#nextSeqNo = next.firstSeqNo;
        this.#nextChecksum = next.firstChecksum;
      }
    }
    return rejection;
  }

  /** Hints of the state as it is, for a log whose name they carry. Properties and files in ascending order. */
  buildHints(log: string): FsmHints {
    return {
      log,
      liveNodes: this.liveNodes().map(({ fnode, segments }) => ({
        fnode,
        segments: segments.map((segment) => (segment.log === log ? { ...segment, log: '' } : segment)),
      })),
      properties: [...this.#properties]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, content]) => ({ path, content })),
    };
  }

  #dispatch(op: RecordedOp, place: OpPlace): Rejection | undefined {
    if (op.create) return this.#create(op, op.create.path, place);
    if (this.#hintedFnodes[0] === op.seqNo) return 'expected-hinted-fnode';
    if (op.link) return this.#link(op, op.link.fnode, op.link.path, place);
    if (op.unlink) return this.#unlink(op, op.unlink.fnode, op.unlink.path, place);
    if (op.write) return this.#extend(op, op.write.fnode, place);
    if (op.property) return this.#property(op.property.path, op.property.content);
    return undefined;
  }

  #create(op: RecordedOp, path: string, place: OpPlace): Rejection | undefined {
    if (!this.#isFree(path)) return 'link-exists';
    if (this.#properties.has(path)) return 'property-exists';
    const expected = this.#hintedFnodes[0];
    const onlyHinted =
      expected !== undefined || (this.#rules === 'holdfast' && this.#hintedSegments.length > 0); // M3
    if (onlyHinted && expected !== op.seqNo) return 'not-tracked';
    if (expected !== undefined) this.#hintedFnodes.shift();
    this.#links.set(path, op.seqNo);
    this.#nodes.set(op.seqNo, { links: new Set([path]), segments: [segmentOf(op, place)] });
    return undefined;
  }

  #link(op: RecordedOp, fnode: number, path: string, place: OpPlace): Rejection | undefined {
    if (!this.#isFree(path)) return 'link-exists';
    if (this.#properties.has(path)) return 'property-exists';
    const rejection = this.#extend(op, fnode, place);
    if (rejection) return rejection;
    this.#links.set(path, fnode);
    this.#nodes.get(fnode)!.links.add(path);
    return undefined;
  }

  /** Whether a path has no file, or had one that gives way (M6). */
  #isFree(path: string): boolean {
    const held = this.#links.get(path);
    if (held === undefined) return true;
    if (this.#rules === 'gazette' || this.#hintedSegments.length > 0 || !this.#aliveByHints.has(held))
      return false;
    this.#dropLink(held, path);
    return true;
  }

  #dropLink(fnode: number, path: string): void {
    const node = this.#nodes.get(fnode)!;
    node.links.delete(path);
    this.#links.delete(path);
    if (node.links.size === 0) this.#nodes.delete(fnode);
  }

  #unlink(op: RecordedOp, fnode: number, path: string, place: OpPlace): Rejection | undefined {
    const node = this.#nodes.get(fnode);
    if (!node) return 'not-tracked';
    if (!node.links.delete(path)) return 'no-such-link';
    this.#links.delete(path);
    if (node.links.size === 0) this.#nodes.delete(fnode);
    else this.#extend(op, fnode, place);
    return undefined;
  }

  #property(path: string, content: string): Rejection | undefined {
    if (this.#links.has(path)) return 'link-exists';
    const given = this.#properties.get(path);
    const isNewest = this.#rules === 'gazette' || this.#hintedSegments.length === 0 || given === undefined; // M4
    if (isNewest || this.#overtaken.has(path)) this.#properties.set(path, content);
    else if (given === content) this.#overtaken.add(path);
    return undefined;
  }

  /** Notes that the file's history now reaches to this operation. */
  #extend(op: RecordedOp, fnode: number, place: OpPlace): Rejection | undefined {
    const node = this.#nodes.get(fnode);
    if (!node) return 'not-tracked';
    const last = node.segments.at(-1)!;
    if (last.author === op.author && last.log === place.log) {
      node.segments[node.segments.length - 1] = {
        ...last,
        lastSeqNo: op.seqNo,
        lastOffset: place.lastOffset,
      };
    } else {
      node.segments.push(segmentOf(op, place));
    }
    return undefined;
  }
}

function segmentOf(op: RecordedOp, place: OpPlace): Segment {
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
