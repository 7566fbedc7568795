/**
 * The recorder: turns operations that have happened on the local disk into the log's next operations.
 *
 * C1  Each call becomes one append, contiguous and never split over slots, so that a cut (a crash, a fence) falls between operations.
 * C2  Offsets are exact: the session is the only writer, so hints name the very bytes and pruning can free the rest.
 * C3  The first failure is for good: disk and log may differ from then on, and only a restore brings them together again.
 */
import { assert, ensureError, type HoldfastError } from '../../base/index.ts';
import type { Session } from '../../journal/index.ts';
import { RecorderBrokenError } from '../errors.ts';
import { encodeFrame } from '../format/frame.ts';
import type { Fsm } from '../fsm.ts';
import type { FsmHints } from '../format/hints.ts';
import type { RecordedOp } from '../format/op.ts';

export type OpBody = Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'>;

/** Data of one write operation at most: far below a batch, so that C1 holds. State files rely on it (statemachine/limits OPERATION_BYTES): only a multiple may replace it. */
export const MAX_WRITE_BYTES: number = 1024 * 1024;

export class Recorder {
  readonly session: Session;
  readonly log: string;
  readonly #fsm: Fsm;
  readonly #author: number;
  /** Resolves with the reason when recording has failed for good (C3); never rejects. */
  readonly broken: Promise<HoldfastError>;
  readonly #break: (error: HoldfastError) => void;
  #failure: HoldfastError | undefined;

  constructor(options: { readonly session: Session; readonly fsm: Fsm }) {
    this.session = options.session;
    this.log = options.session.journal.name;
    this.#fsm = options.fsm;
    this.#author = options.session.author;
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.broken = promise;
    this.#break = resolve;
    void this.session.ended.then((end) => this.#fail(`the session ended: ${end.kind}`, end.error)); // never rejects
  }

  /** Path to live file, as the log has it. */
  get links(): ReadonlyMap<string, number> {
    return this.#fsm.links;
  }

  isLive(fnode: number): boolean {
    return this.#fsm.isLive(fnode);
  }

  /** The sequence number that the next operation will have; for a create, its file's identity. */
  get nextSeqNo(): number {
    return this.#fsm.nextSeqNo;
  }

  /** Back-pressure: resolves when the log has room for more (session.ts). To be awaited before each operation with data. */
  whenWritable(): Promise<void> {
    return this.session.whenWritable();
  }

  /**
   * Records operations that belong together, with the data of a write (C1). Returns when they are appended, not when they are durable.
   * @throws RecorderBrokenError
   */
  record(bodies: readonly OpBody[], data?: Uint8Array): void {
    if (this.#failure) throw this.#failure;
    try {
      const parts: Uint8Array[] = [];
      let offset = this.session.appendedHead;
      for (const body of bodies) {
        const frame = this.#next(body, offset);
        parts.push(frame);
        offset += frame.length;
      }
      if (data && data.length > 0) parts.push(data);
      this.session.append(parts);
    } catch (error) {
      throw this.#fail('an operation could not be recorded', error);
    }
  }

  /** Resolves when everything recorded so far is durable. @throws RecorderBrokenError */
  async barrier(): Promise<number> {
    if (this.#failure) throw this.#failure;
    try {
      return await this.session.barrier();
    } catch (error) {
      throw this.#fail('recorded operations did not become durable', error);
    }
  }

  /** Marks recording as failed (C3), for whoever does the real operation beside it. Returns the error to throw. */
  fail(what: string, cause: unknown): HoldfastError {
    return this.#fail(what, cause);
  }

  /** Hints of everything recorded so far, once that is durable: hints never name bytes that are not (I5). */
  async buildHints(): Promise<FsmHints> {
    const hints = this.#fsm.buildHints(this.log);
    await this.barrier();
    return hints;
  }

  /** Frames an operation that will lie at `firstOffset`, and applies it (C2). */
  #next(body: OpBody, firstOffset: number): Uint8Array {
    const op: RecordedOp = {
      seqNo: this.#fsm.nextSeqNo,
      checksum: this.#fsm.nextChecksum,
      author: this.#author,
      ...body,
    };
    const { frame, payload } = encodeFrame(op);
    const lastOffset = firstOffset + frame.length + (op.write?.length ?? 0);
    const rejection = this.#fsm.apply(op, payload, { firstOffset, lastOffset, log: this.log });
    assert(rejection === undefined, 'C1: an operation that happened fits the state of the log', {
      rejection,
      seqNo: op.seqNo,
    });
    return frame;
  }

  #fail(what: string, cause: unknown): HoldfastError {
    this.#failure ??= new RecorderBrokenError(what, ensureError(cause));
    this.#break(this.#failure);
    return this.#failure;
  }
}
