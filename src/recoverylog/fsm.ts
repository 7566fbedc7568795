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
 * M5  Hints are exact (exact-hints.ts): files have as many segments as are worth it, and what lies between them may be pruned.
 * M6  Behind the hints, an operation of the right sequence number and checksum that names a path of a hinted file anew shows that the file was dead: the
 *     checksum covers the whole history, which its writer knew. The file gives way. (Gazette's players, met with a file that M3 is about, name it as alive
 *     in the hints that they write; it then keeps every later operation out.)
 * M3 to M6 are wire compatible. Rules 'gazette' switch them off, for comparing with the original.
 */
import { crc32c } from '../base/index.ts';
import { exactSegments } from './exact-hints.ts';
import type { OpFrame } from './format/frame.ts';
import { hintsOf, liveLogSegments, type FsmHints } from './format/hints.ts';
import type { OpPlace, RecordedOp } from './format/op.ts';
import type { Segment } from './format/segment.ts';
import { Names } from './names.ts';
import { FileHistory, Runs, stretchOf, type Stretch } from './stretches.ts';
import { Upcoming } from './upcoming.ts';

export type Rejection =
  | 'not-hinted-author'
  | 'wrong-seq-no'
  | 'checksum-mismatch'
  | 'expected-hinted-fnode'
  | 'link-exists'
  | 'property-exists'
  | 'no-such-link'
  | 'not-tracked';

/** A live file. Nearly every one has one name, and two while it is renamed: that takes no set. */
class LiveNode extends FileHistory {
  #path: string;
  #others: string[] | undefined;
  #links: ReadonlySet<string> | undefined;

  constructor(path: string, first: Stretch) {
    super(first);
    this.#path = path;
  }

  get links(): ReadonlySet<string> {
    return (this.#links ??= new Set([this.#path, ...(this.#others ?? [])]));
  }

  link(path: string): void {
    (this.#others ??= []).push(path);
    this.#links = undefined;
  }

  /** Takes a name away; returns how many are left, or undefined when it is none of the file's. */
  unlink(path: string): number | undefined {
    const others = this.#others;
    const left = others === undefined ? 0 : others.length;
    if (path !== this.#path) {
      const at = others === undefined ? -1 : others.indexOf(path);
      if (at < 0) return undefined;
      others![at] = this.#path;
    }
    if (left > 0) this.#path = others!.pop()!;
    this.#links = undefined;
    return left;
  }
}

const NO_LINKS: ReadonlySet<string> = new Set();

export class Fsm {
  #nextSeqNo = 1;
  #nextChecksum = 0;
  #lastLog: string;
  readonly #properties = new Map<string, string>();
  /** Where each property was updated last. */
  readonly #updates = new Map<string, Segment>();
  /** Ascending: creates come in their order. */
  readonly #nodes = new Map<number, LiveNode>();
  readonly #links = new Names();
  readonly #runs = new Runs();
  /** First operation of the run that the operation belongs to which is being applied. */
  #runBegin = 0;
  /** Begins with the create that was checked last. */
  #created: Stretch | undefined;
  /** Begins with the newest create; none behind a hole (exact-hints E3). */
  #guard: Stretch | undefined;
  readonly #hintedSegments: Upcoming<Segment>;
  readonly #hintedFnodes: Upcoming<number>;
  /** Files that hints said are alive: what they say may be wrong (M6). */
  readonly #aliveByHints: ReadonlySet<number>;
  /** Properties whose hinted value the operations played so far have set (M4). */
  readonly #overtaken = new Set<string>();
  readonly #rules: 'holdfast' | 'gazette';

  /** @throws HintsError */
  constructor(hints: FsmHints, rules: 'holdfast' | 'gazette' = 'holdfast') {
    const { fnodes, segments } = liveLogSegments(hints);
    this.#lastLog = hints.log;
    this.#hintedFnodes = new Upcoming(fnodes);
    this.#hintedSegments = new Upcoming(segments);
    this.#aliveByHints = new Set(fnodes);
    this.#rules = rules;
    this.#expect(this.#hintedSegments.first);
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
    return this.#hintedSegments.rest;
  }

  get hintedFnodes(): readonly number[] {
    return this.#hintedFnodes.rest;
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
    return this.#nodes.get(fnode)?.links ?? NO_LINKS;
  }

  /** Live files ascending, with their links, and their segments as Gazette has them: one for each author and log that follow one another. */
  liveNodes(): {
    readonly fnode: number;
    readonly links: readonly string[];
    readonly segments: readonly Segment[];
  }[] {
    return [...this.#nodes].map(([fnode, node]) => ({
      fnode,
      links: [...node.links],
      segments: node.merged(),
    }));
  }

  /** Applies an operation, or says why it does not belong (M1, M2). `payload`: its bytes as received. */
  apply(op: RecordedOp, payload: Uint8Array, place: OpPlace): Rejection | undefined {
    return this.applyIn(op, payload, 0, payload.length, place);
  }

  /** As apply(), for an operation whose payload is [begin, end) of `bytes`. */
  applyIn(
    op: RecordedOp,
    bytes: Uint8Array,
    begin: number,
    end: number,
    place: OpPlace,
  ): Rejection | undefined {
    const rejection = this.#check(op, place);
    if (rejection !== undefined && rejection !== 'not-tracked') return rejection;
    this.#advance(op, place, crc32c(bytes, this.#nextChecksum, begin, end));
    return rejection;
  }

  /** As apply(), for an operation as it was found. */
  applyFrame(frame: OpFrame): Rejection | undefined {
    const { op } = frame;
    const rejection = this.#check(op, frame);
    if (rejection !== undefined && rejection !== 'not-tracked') return rejection;
    this.#advance(op, frame, frame.checksumAfter(this.#nextChecksum));
    return rejection;
  }

  /**
   * Hints of the state as it is, for a log whose name they carry. Properties and files in ascending order. By default exact ones (M5), unless the rules are
   * Gazette's. 'gazette' names what Gazette would, which may be what exact hints have left out and nobody kept: never to be stored beside those.
   */
  buildHints(
    log: string,
    form: 'exact' | 'gazette' = this.#rules === 'gazette' ? 'gazette' : 'exact',
  ): FsmHints {
    const files = [...this.#nodes].map(([fnode, history]) => ({ fnode, history }));
    const nodes =
      form === 'gazette'
        ? files.map(({ fnode, history }) => ({ fnode, segments: history.merged() }))
        : exactSegments({
            runs: this.#runs.all,
            files,
            guard: this.#guard,
            updates: [...this.#updates.values()],
          });
    return hintsOf(log, nodes, this.#properties);
  }

  /** Does what the operation does, if it belongs. */
  #check(op: RecordedOp, place: OpPlace): Rejection | undefined {
    const hinted = this.#hintedSegments.first;
    if (hinted !== undefined && hinted.author !== op.author) return 'not-hinted-author';
    if (op.seqNo !== this.#nextSeqNo) return 'wrong-seq-no';
    if (op.checksum !== this.#nextChecksum) return 'checksum-mismatch';
    this.#runBegin = this.#runs.beginOf(op, place);
    if (op.create !== undefined) return this.#create(op, op.create.path, place);
    if (this.#hintedFnodes.first === op.seqNo) return 'expected-hinted-fnode';
    if (op.link !== undefined) return this.#link(op, op.link.fnode, op.link.path, place);
    if (op.unlink !== undefined) return this.#unlink(op, op.unlink.fnode, op.unlink.path, place);
    if (op.write !== undefined) return this.#write(op, op.write.fnode, place);
    if (op.property !== undefined) return this.#property(op, op.property.path, op.property.content, place);
    return undefined;
  }

  /** The chain goes on behind an operation. */
  #advance(op: RecordedOp, place: OpPlace, checksum: number): void {
    if (this.#runs.extend(op, place)) this.#guard = undefined;
    if (op.create !== undefined) this.#guard = this.#created;
    this.#nextSeqNo = op.seqNo + 1;
    this.#nextChecksum = checksum;
    this.#lastLog = place.log;
    const hinted = this.#hintedSegments.first;
    if (hinted === undefined || hinted.lastSeqNo >= this.#nextSeqNo) return;
    this.#hintedSegments.shift();
    this.#expect(this.#hintedSegments.first);
  }

  #expect(segment: Segment | undefined): void {
    if (segment === undefined) return;
    this.#nextSeqNo = segment.firstSeqNo;
    this.#nextChecksum = segment.firstChecksum;
  }

  #create(op: RecordedOp, path: string, place: OpPlace): Rejection | undefined {
    if (!this.#isFree(path)) return 'link-exists';
    if (this.#properties.size > 0 && this.#properties.has(path)) return 'property-exists';
    this.#created = stretchOf(op, place);
    const expected = this.#hintedFnodes.first;
    const isHinting = this.#rules === 'holdfast' && this.#hintedSegments.first !== undefined; // M3
    if ((expected !== undefined || isHinting) && expected !== op.seqNo) return 'not-tracked';
    if (expected !== undefined) this.#hintedFnodes.shift();
    this.#links.add(path, op.seqNo);
    this.#nodes.set(op.seqNo, new LiveNode(path, this.#created));
    return undefined;
  }

  #link(op: RecordedOp, fnode: number, path: string, place: OpPlace): Rejection | undefined {
    if (!this.#isFree(path)) return 'link-exists';
    if (this.#properties.size > 0 && this.#properties.has(path)) return 'property-exists';
    const node = this.#nodes.get(fnode);
    if (node === undefined) return 'not-tracked';
    node.extend(op, place, this.#runBegin);
    node.link(path);
    this.#links.add(path, fnode);
    return undefined;
  }

  /** Whether a path has no file, or had one that gives way (M6). */
  #isFree(path: string): boolean {
    if (!this.#links.has(path)) return true;
    if (this.#rules === 'gazette' || this.#hintedSegments.first !== undefined) return false;
    const held = this.#links.get(path)!;
    if (!this.#aliveByHints.has(held)) return false;
    this.#links.remove(path);
    if (this.#nodes.get(held)!.unlink(path) === 0) this.#nodes.delete(held);
    return true;
  }

  #unlink(op: RecordedOp, fnode: number, path: string, place: OpPlace): Rejection | undefined {
    const node = this.#nodes.get(fnode);
    if (node === undefined) return 'not-tracked';
    const left = node.unlink(path);
    if (left === undefined) return 'no-such-link';
    this.#links.remove(path);
    if (left === 0) this.#nodes.delete(fnode);
    else node.extend(op, place, this.#runBegin);
    return undefined;
  }

  #property(op: RecordedOp, path: string, content: string, place: OpPlace): Rejection | undefined {
    if (this.#links.has(path)) return 'link-exists';
    this.#updates.set(path, stretchOf(op, place));
    const given = this.#properties.get(path);
    const isNewest =
      this.#rules === 'gazette' || this.#hintedSegments.first === undefined || given === undefined; // M4
    if (isNewest || this.#overtaken.has(path)) this.#properties.set(path, content);
    else if (given === content) this.#overtaken.add(path);
    return undefined;
  }

  /** Notes that the file's history now reaches to this operation. */
  #write(op: RecordedOp, fnode: number, place: OpPlace): Rejection | undefined {
    const node = this.#nodes.get(fnode);
    if (node === undefined) return 'not-tracked';
    node.extend(op, place, this.#runBegin);
    return undefined;
  }
}
