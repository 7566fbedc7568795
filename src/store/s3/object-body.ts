/**
 * The body of an answer as it comes in: copied into one buffer of the announced length, or handed on as a stream where that is not known.
 *
 * 1. Pieces are copied before `add` returns: their memory belongs to the connection.
 * 2. Whoever wants a stream gets one in either case; the SDK reads the documents of errors so.
 * 3. Ending early, by error or by `destroy`, ends the request.
 * 4. Memory may be such that threads share it. `set` would go byte by byte there, since a piece begins anywhere; `fill`, with what just fits, does not.
 */
import { Readable } from 'node:stream';
import type { BodyPool } from '../body-pool.ts';

export class ObjectBody extends Readable {
  /** The whole body, where its length was announced; rejects with the error that ended it. */
  readonly whole: Promise<Uint8Array> | undefined;
  /** Gives the memory of `whole` back, when nobody holds a part of it; once. */
  readonly release: (() => void) | undefined;
  readonly #into: Uint8Array | undefined;
  readonly #onMore: () => void;
  readonly #onEnd: (error: Error | null) => void;
  #received = 0;
  #complete = false;
  #settle:
    | { readonly resolve: (whole: Uint8Array) => void; readonly reject: (error: Error) => void }
    | undefined;

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
    this.#onMore = onMore;
    this.#onEnd = onEnd;
    this.on('error', () => undefined); // an error before anybody listens is seen by whoever reads next
    if (bytes === undefined) return;
    const into = pool.take(bytes);
    this.#into = into; // every byte is written, or none is handed out
    let given = false;
    this.release = () => {
      if (given || !this.#complete) return; // what came to nothing may still be written to
      given = true;
      pool.give(into);
    };
    this.whole = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.whole.catch(() => undefined); // whoever reads a stream meets it there
  }

  /** Bytes that came so far. */
  get received(): number {
    return this.#received;
  }

  /** A piece. False when nobody wants more for now. */
  add(piece: Uint8Array): boolean {
    const at = this.#received;
    this.#received += piece.length;
    if (!this.#into) return this.push(Buffer.from(piece)); // 1
    if (this.#received > this.#into.length) this.destroy(new RangeError('the body is longer than announced'));
    else copyInto(this.#into, piece, at); // 4
    return true;
  }

  /** All of it has come. */
  complete(): void {
    this.#complete = true;
    if (!this.#into) this.push(null);
    else if (this.#received === this.#into.length) this.#settle?.resolve(this.#into);
    else this.destroy(new RangeError('the body is shorter than announced'));
    this.#onEnd(null);
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
function copyInto(into: Uint8Array, piece: Uint8Array, at: number): void {
  if (piece.length > 0) Buffer.prototype.fill.call(into, piece, at, at + piece.length);
}
