/**
 * The body of an answer as it comes in: copied once, into parts of memory that is used again, or handed on as a stream where its length is not known.
 *
 * 1. Pieces are copied before `add` returns: their memory belongs to the connection.
 * 2. Whoever wants a stream gets one in either case; the SDK reads the documents of errors so.
 * 3. Ending early, by error or by `destroy`, ends the request.
 * 4. Memory may be such that threads share it. `set` would go byte by byte there, since a piece begins anywhere; `fill`, with what just fits, does not.
 * 5. A part that is not full may still be written to: it is nobody's.
 */
import { Readable } from 'node:stream';
import { EMPTY_BYTES } from '../../base/index.ts';
import type { BodyPool } from '../body-pool.ts';
import type { BodyPart } from '../types.ts';

/** Bytes of a part, the last one excepted: as many as a reader asks for at a time, so that both use the same memory. */
export const PART_BYTES: number = 8 * 1024 * 1024;

export class ObjectBody extends Readable {
  /** The whole body, where its length was announced, or nothing when its parts are delivered; rejects with the error that ended it. */
  readonly whole: Promise<Uint8Array> | undefined;
  readonly #bytes: number | undefined;
  readonly #pool: BodyPool;
  readonly #onMore: () => void;
  readonly #onEnd: (error: Error | null) => void;
  /** Full ones that nobody has taken. */
  readonly #parts: BodyPart[] = [];
  #deliver: ((part: BodyPart) => void) | undefined;
  /** The part that is being filled. */
  #part: Uint8Array | undefined;
  #filled = 0;
  #received = 0;
  #complete = false;
  #settle:
    | { readonly resolve: (whole: Uint8Array) => void; readonly reject: (error: Error) => void }
    | undefined;
  #release: (() => void) | undefined;

  /**
   * @param bytes announced length, when it is to be collected
   * @param pool where its memory comes from
   * @param onMore wants more pieces after `add` answered false
   * @param onEnd told once, when the body has ended or nobody wants the rest
   */
  constructor(
    bytes: number | undefined,
    pool: BodyPool,
    onMore: () => void,
    onEnd: (error: Error | null) => void,
  ) {
    super();
    this.#bytes = bytes;
    this.#pool = pool;
    this.#onMore = onMore;
    this.#onEnd = onEnd;
    this.on('error', () => undefined); // an error before anybody listens is seen by whoever reads next
    if (bytes === undefined) return;
    this.whole = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.whole.catch(() => undefined); // whoever reads a stream meets it there
  }

  /** Bytes that came so far. */
  get received(): number {
    return this.#received;
  }

  /** Gives the memory of `whole` back, when nobody holds a part of it; once. */
  readonly release = (): void => {
    this.#release?.();
    this.#release = undefined;
  };

  /** From now on each part goes there when it is full, those that were before at once. A body that is all there stays `whole`. */
  deliver(to: (part: BodyPart) => void): void {
    if (this.#complete) return;
    this.#deliver = to;
    for (const part of this.#parts.splice(0)) to(part);
  }

  /** A piece. False when nobody wants more for now. */
  add(piece: Uint8Array): boolean {
    this.#received += piece.length;
    if (this.#bytes === undefined) return this.push(Buffer.from(piece)); // 1
    if (this.#received > this.#bytes) {
      this.destroy(new RangeError('the body is longer than announced'));
      return true;
    }
    for (let at = 0; at < piece.length;) {
      const left = this.#bytes - this.#received + piece.length - at;
      const part = (this.#part ??= this.#pool.take(Math.min(PART_BYTES, left)));
      const end = Math.min(piece.length, at + part.length - this.#filled);
      copyInto(part, piece.subarray(at, end), this.#filled);
      this.#filled += end - at;
      at = end;
      if (this.#filled === part.length) this.#full(part);
    }
    return true;
  }

  #full(bytes: Uint8Array): void {
    this.#part = undefined;
    this.#filled = 0;
    const part = { bytes, release: once(() => this.#pool.give(bytes)) };
    if (this.#deliver) this.#deliver(part);
    else this.#parts.push(part);
  }

  /** All of it has come. */
  complete(): void {
    this.#complete = true;
    if (this.#bytes === undefined) this.push(null);
    else if (this.#received === this.#bytes) this.#settle?.resolve(this.#together());
    else this.destroy(new RangeError('the body is shorter than announced'));
    this.#onEnd(null);
  }

  /** What was not delivered, in one piece. */
  #together(): Uint8Array {
    const [first, ...others] = this.#parts;
    if (!first) return EMPTY_BYTES;
    let whole = first.bytes;
    this.#release = first.release;
    if (others.length > 0) {
      whole = this.#pool.take(this.#bytes!);
      const memory = whole;
      this.#release = once(() => this.#pool.give(memory));
      let at = 0;
      for (const { bytes, release } of this.#parts) {
        copyInto(whole, bytes, at);
        at += bytes.length;
        release();
      }
    }
    return whole;
  }

  override _read(): void {
    if (!this.whole) return this.#onMore();
    this.whole.then(
      (bytes) => {
        this.push(bytes);
        this.push(null);
      },
      () => undefined, // destroyed, which the stream says itself
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const why = error ?? (this.#complete ? null : new Error('nobody wants the rest of the body'));
    if (why) this.#settle?.reject(why);
    this.#onEnd(why); // 3
    done(error);
  }
}

/** 4 */
function copyInto(memory: Uint8Array, piece: Uint8Array, at: number): void {
  Buffer.prototype.fill.call(memory, piece, at, at + piece.length);
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    act();
  };
}
