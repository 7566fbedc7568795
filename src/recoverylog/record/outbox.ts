/**
 * What was recorded on its way to the session: frames are written into chunks, and a chunk is one append.
 *
 * O1  The frames of one call, and the data of a write with its frame, lie in one append that is no larger than a batch: the journal does not split it
 *     (recorder.ts C1). Data above a batch is cut by its caller.
 * O2  What was recorded is handed to the session when a chunk is full, when a barrier or whoever waits for room asks for it, and otherwise as soon as
 *     everything that is ready has run: ten thousand operations of one burst cost some appends, and the last of them waits for nobody.
 * O3  A barrier with dependencies holds up what was recorded behind it: no byte of that is handed over before they have resolved
 *     (gazette.md §4.3, §4.4). What is held is bounded.
 * O4  Offsets are given when an operation is recorded, and are the ones that the session gives: this is its only writer.
 * O5  Once stopped it hands over nothing more, and whoever waits is told.
 */
import { assert, ensureError, type HoldfastError } from '../../base/index.ts';
import type { Session } from '../../journal/index.ts';

/** Large enough that an append costs next to nothing a frame, small enough for a quiet recorder. */
const CHUNK_BYTES = 64 * 1024;
/** Data above this goes into the log as it is, without being copied behind its frame. */
const COPIED_BYTES = 4 * 1024;
/** Most bytes that wait for the dependencies of a barrier: what the session's own buffer refuses by default. */
const HELD_BYTES = 128 * 1024 * 1024;

interface HeldBytes {
  readonly kind: 'bytes';
  readonly parts: readonly Uint8Array[];
  readonly end: number;
}

interface HeldBarrier {
  readonly kind: 'barrier';
  readonly after: readonly Promise<unknown>[];
  readonly begin: (head: Promise<number>) => void;
  readonly reject: (error: HoldfastError) => void;
}

export class Outbox {
  readonly #session: Session;
  readonly #chunkBytes: number;
  /** Told of what goes wrong while nobody waits; stops the outbox. */
  readonly #fail: (what: string, cause: Error) => void;
  /** Frames go in here, at `at`. */
  chunk: Buffer;
  at = 0;
  /** Where in the chunk lies what was not handed over yet. */
  #from = 0;
  /** Offset in the log of the end of everything recorded. */
  #end: number;
  #isScheduled = false;
  #isStopped = false;
  /** Resolves when it is stopped; never rejects. */
  readonly #stopped = Promise.withResolvers<void>();
  /** Held up by the dependencies of the first of them (O3). */
  readonly #held: (HeldBytes | HeldBarrier)[] = [];
  #heldBytes = 0;
  /** Settles when nothing is held any more; undefined while nothing is. Never rejects. */
  #releasing: Promise<void> | undefined;

  constructor(session: Session, fail: (what: string, cause: Error) => void) {
    this.#session = session;
    this.#fail = fail;
    this.#end = session.appendedHead;
    this.#chunkBytes = Math.min(CHUNK_BYTES, session.maxBatchBytes);
    this.chunk = Buffer.allocUnsafeSlow(this.#chunkBytes);
  }

  /** Offset at which the next frame will begin. */
  get end(): number {
    return this.#end;
  }

  /** Makes room for frames of `frameBytes` together in one chunk, and for data behind them if that is copied (O1). @throws as flush */
  reserve(frameBytes: number, dataBytes: number): void {
    const bytes = frameBytes + (dataBytes <= COPIED_BYTES ? dataBytes : 0);
    if (this.at + bytes <= this.chunk.length) return;
    this.flush();
    this.chunk = Buffer.allocUnsafeSlow(Math.max(bytes, this.#chunkBytes));
    this.at = this.#from = 0;
  }

  /** A frame was written up to `to`. */
  advance(to: number): void {
    this.#end += to - this.at;
    this.at = to;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(this.#flushLater); // O2: runs when no promise job is left
  }

  /** The data of the write whose frame was just written. @throws as flush */
  data(data: Uint8Array): void {
    this.#end += data.length;
    if (data.length <= COPIED_BYTES) {
      this.chunk.set(data, this.at);
      this.at += data.length;
    } else {
      this.#handOver([this.#take(), data]);
    }
  }

  /** Hands over what is in the chunk. @throws what the session's append throws */
  flush(): void {
    if (this.at > this.#from) this.#handOver([this.#take()]);
  }

  /** Resolves with the end of what was recorded so far, once that is durable; begins no sooner than `after` have resolved (O3). */
  barrier(after: readonly Promise<unknown>[]): Promise<number> {
    this.flush();
    if (after.length === 0 && !this.#releasing) return this.#session.barrier();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    for (const dependency of after) dependency.catch(() => undefined); // told when its turn comes
    this.#held.push({ kind: 'barrier', after, begin: resolve, reject });
    this.#releasing ??= this.#release();
    return promise;
  }

  /** Resolves when the log has room for more. */
  async whenWritable(): Promise<void> {
    this.flush();
    if (this.#releasing) await Promise.race([this.#releasing, this.#stopped.promise]);
    await this.#session.whenWritable();
  }

  /** O5 */
  stop(error: HoldfastError): void {
    this.#isStopped = true;
    this.#stopped.resolve();
    this.at = this.#from;
    for (const held of this.#held.splice(0)) if (held.kind === 'barrier') held.reject(error);
  }

  readonly #flushLater = (): void => {
    this.#isScheduled = false;
    try {
      if (!this.#isStopped) this.flush();
    } catch (error) {
      this.#fail('recorded operations could not be appended', ensureError(error));
    }
  };

  #take(): Uint8Array {
    const taken = new Uint8Array(this.chunk.buffer, this.#from, this.at - this.#from);
    this.#from = this.at;
    return taken;
  }

  #handOver(parts: readonly Uint8Array[]): void {
    if (!this.#releasing) return this.#append(parts, this.#end);
    for (const part of parts) this.#heldBytes += part.length;
    assert(this.#heldBytes <= HELD_BYTES, 'O3: whoever records awaits whenWritable');
    this.#held.push({ kind: 'bytes', parts, end: this.#end });
  }

  /** O4 */
  #append(parts: readonly Uint8Array[], expectedEnd: number): void {
    const { end } = this.#session.append(parts);
    assert(end === expectedEnd, 'O4: nobody else appends', { end, expectedEnd });
  }

  /** Never rejects: what goes wrong is told to the recorder, which stops this. */
  async #release(): Promise<void> {
    try {
      for (let first = this.#held[0]; first; first = this.#held[0]) {
        if (first.kind === 'barrier') await Promise.all(first.after);
        if (this.#isStopped) return;
        this.#held.shift();
        if (first.kind === 'barrier') first.begin(this.#session.barrier());
        else this.#append(first.parts, first.end);
      }
      this.#heldBytes = 0;
    } catch (error) {
      this.#fail('what a barrier waits for has failed', ensureError(error));
    } finally {
      this.#releasing = undefined;
    }
  }
}
