/**
 * The recorder: makes operations the log's next ones.
 *
 * C1  The operations of a call stand or fall together: contiguous and never split over slots, so that a cut (a crash, a fence) falls between calls.
 * C2  Offsets are exact: the session is the only writer, so hints name the very bytes and pruning can free the rest.
 * C3  The first failure is for good, and nothing is acknowledged after it: disk and log may differ from then on, and only a restore brings them
 *     together again.
 */
import { assert, checkPosition, ensureError, type HoldfastError } from '../../base/index.ts';
import type { Session } from '../../journal/index.ts';
import { RecorderBrokenError } from '../errors.ts';
import { FRAME_HEADER_BYTES } from '../format/frame.ts';
import type { FsmHints } from '../format/hints.ts';
import type { RecordedOp } from '../format/op.ts';
import type { Fsm } from '../fsm.ts';
import { frameBound, writeFrame } from './frame-encoder.ts';
import { Outbox } from './outbox.ts';

export type OpBody = Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'>;

export interface BarrierOptions {
  /** The barrier begins when these have resolved, and so does everything recorded behind it. One that rejects breaks the recorder. */
  readonly after?: readonly Promise<unknown>[];
}

/** Data of one write operation at most: far below a batch, so that C1 holds. State files rely on it (statemachine/limits OPERATION_BYTES): only a multiple may replace it. */
export const MAX_WRITE_BYTES: number = 1024 * 1024;

const WRITE_FRAME_BYTES = frameBound({ write: { fnode: 0, offset: 0, length: 0 } });
const NO_NAMES: ReadonlySet<string> = new Set();

export class Recorder {
  readonly session: Session;
  readonly log: string;
  readonly #fsm: Fsm;
  readonly #author: number;
  readonly #outbox: Outbox;
  /** Resolves with the reason when recording has failed for good (C3); never rejects. */
  readonly broken: Promise<HoldfastError>;
  readonly #break: (error: HoldfastError) => void;
  #failure: HoldfastError | undefined;

  constructor(options: { readonly session: Session; readonly fsm: Fsm }) {
    this.session = options.session;
    this.log = options.session.journal.name;
    this.#fsm = options.fsm;
    this.#author = options.session.author;
    this.#outbox = new Outbox(options.session, (what, cause) => void this.fail(what, cause));
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.broken = promise;
    this.#break = resolve;
    void this.session.ended.then((end) => this.fail(`the session ended: ${end.kind}`, end.error)); // never rejects
  }

  /** Path to live file, as the log has it. */
  get links(): ReadonlyMap<string, number> {
    return this.#fsm.links;
  }

  /** Path to content of what the log has as properties (gazette.md §4.3). */
  get properties(): ReadonlyMap<string, string> {
    return this.#fsm.properties;
  }

  isLive(fnode: number): boolean {
    return this.#fsm.isLive(fnode);
  }

  /** All paths of a live file; none once it is dead. */
  namesOf(fnode: number): ReadonlySet<string> {
    return this.#fsm.isLive(fnode) ? this.#fsm.linksOf(fnode) : NO_NAMES;
  }

  /** The sequence number that the next operation will have; for a create, its file's identity. */
  get nextSeqNo(): number {
    return this.#fsm.nextSeqNo;
  }

  /** Offset in the log at which the next operation will begin. Behind what the session knows as long as that is gathered (outbox.ts O2). */
  get end(): number {
    return this.#outbox.end;
  }

  /** Back-pressure: resolves when the log has room for more (session.ts). To be awaited before each operation with data. */
  async whenWritable(): Promise<void> {
    this.check();
    try {
      await this.#outbox.whenWritable();
    } catch (error) {
      throw this.fail('recorded operations could not be appended', error);
    }
  }

  /** @throws RecorderBrokenError once recording has failed (C3) */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /**
   * Records operations that belong together, with the data of a write, which is the last of them (C1). Returns when they are on their way, not when
   * they are durable. The data belongs to the log until then.
   * @throws RecorderBrokenError
   */
  record(bodies: readonly OpBody[], data?: Uint8Array): void {
    this.check();
    try {
      let bound = 0;
      for (const body of bodies) bound += frameBound(body);
      this.#outbox.reserve(bound, data?.length ?? 0);
      for (const body of bodies) this.#next(body);
      if (data && data.length > 0) this.#outbox.data(data);
    } catch (error) {
      throw this.fail('an operation could not be recorded', error);
    }
  }

  /** Records one write (C1). `offset`: bytes into the file. As record. @throws RecorderBrokenError */
  recordWrite(fnode: number, data: Uint8Array, offset: number): void {
    this.check();
    try {
      const write = { fnode, offset, length: data.length };
      this.#outbox.reserve(WRITE_FRAME_BYTES, data.length);
      this.#next({ write });
      if (data.length > 0) this.#outbox.data(data);
    } catch (error) {
      throw this.fail('a write could not be recorded', error);
    }
  }

  /**
   * Resolves when everything recorded so far is durable, with the end of it. A future: it may be awaited at any time or never, and a failure is told
   * to whoever awaits it, once and typed. @throws RecorderBrokenError
   */
  barrier(options: BarrierOptions = {}): Promise<number> {
    const future = this.#durable(options.after ?? []);
    future.catch(() => undefined); // `broken` tells whoever does not await it
    return future;
  }

  async #durable(after: readonly Promise<unknown>[]): Promise<number> {
    this.check();
    try {
      const end = await this.#outbox.barrier(after);
      this.check(); // C3: broken meanwhile
      return end;
    } catch (error) {
      throw this.fail('recorded operations did not become durable', error);
    }
  }

  /** Marks recording as failed (C3), for whoever does the real operation beside it. Returns the error to throw. */
  fail(what: string, cause: unknown): HoldfastError {
    if (this.#failure) return this.#failure;
    this.#failure = new RecorderBrokenError(what, ensureError(cause));
    this.#outbox.stop(this.#failure);
    this.#break(this.#failure);
    return this.#failure;
  }

  /** Hints of everything recorded so far, once that is durable: hints never name bytes that are not (I5). */
  async buildHints(): Promise<FsmHints> {
    const hints = this.#fsm.buildHints(this.log);
    await this.barrier();
    return hints;
  }

  /** Frames an operation and applies it (C2). */
  #next({ create, link, unlink, write, property }: OpBody): void {
    const outbox = this.#outbox;
    const { nextSeqNo: seqNo, nextChecksum: checksum } = this.#fsm;
    const op = { seqNo, checksum, author: this.#author, create, link, unlink, write, property }; // op.ts O4
    if (write)
      checkPosition('end of a write', checkPosition('offset of a write', write.offset) + write.length);
    const { chunk, at } = outbox;
    const end = writeFrame(op, chunk, at);
    const firstOffset = outbox.end;
    const lastOffset = firstOffset + (end - at) + (write?.length ?? 0);
    const place = { firstOffset, lastOffset, log: this.log };
    const rejection = this.#fsm.applyIn(op, chunk, at + FRAME_HEADER_BYTES, end, place);
    if (rejection !== undefined)
      assert(false, 'C1: what is recorded fits the state of the log', { rejection, seqNo: op.seqNo });
    outbox.advance(end);
  }
}
