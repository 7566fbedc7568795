/**
 * Bytes that wait for a slot, and the callers that wait for those bytes. No time, no I/O.
 *
 * B1  Offsets are given at append and never change: the session is the only writer, so the end of the buffer is the end of the log.
 * B2  Callers settle strictly in the order of their offsets, each when its last byte is confirmed.
 * B3  An append is split over slots only when it alone is larger than a batch may be.
 * B4  What goes into which batch is settled at append, so that the appends of one batch can share one promise: they are decided together. Ten
 *     thousand callers cost ten thousand offsets, not ten thousand promises.
 * B5  A batch is closed once it is full or another was begun behind it: nothing joins it any more, so it may be prepared before its turn.
 */
import { assert, checkPosition, type HoldfastError } from '../../base/index.ts';
import { Fifo } from './fifo.ts';

export interface Appended {
  readonly begin: number;
  readonly end: number;
  /** Resolves when every byte up to `end` is durable; rejects with an error whose `outcome` says what is known. May be shared with other appends. */
  readonly committed: Promise<void>;
}

/** Content of one slot, never empty. */
export interface Batch {
  readonly begin: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}

interface OpenBatch extends Batch {
  end: number;
  readonly parts: Uint8Array[];
}

interface Waiter {
  readonly begin: number;
  end: number;
  /** Who may join: further appends into the batch, further callers without bytes at the same offset, or nobody (an append over several batches). */
  readonly joins: Batch | 'empty' | undefined;
  readonly committed: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: HoldfastError) => void;
}

export class AppendBuffer {
  readonly #maxBatchBytes: number;
  #end: number;
  #bytes = 0;
  /** The last one is still being filled. */
  readonly #batches = new Fifo<OpenBatch>();
  readonly #waiters = new Fifo<Waiter>();

  constructor(offset: number, maxBatchBytes: number) {
    this.#end = offset;
    this.#maxBatchBytes = maxBatchBytes;
  }

  /** Bytes not yet taken into a batch. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Offset after the last byte appended. */
  get end(): number {
    return this.#end;
  }

  /** @throws PositionError when the end would be no position; nothing has changed then. */
  append(parts: readonly Uint8Array[]): Appended {
    let length = 0;
    for (const part of parts) length += part.length;
    const begin = this.#end;
    const end = checkPosition('end of the journal', begin + length);
    const joins = length > 0 ? this.#place(parts, length) : 'empty';
    this.#bytes += length;
    this.#end = end;
    return { begin, end, committed: this.#wait(begin, end, joins) };
  }

  /** Adds content to the batch being filled, or to new ones (B3); the batch that holds all of it, if one does. */
  #place(parts: readonly Uint8Array[], length: number): Batch | undefined {
    let at = this.#end;
    let batch = this.#batches.last;
    const open = (): OpenBatch => {
      const next: OpenBatch = { begin: at, end: at, parts: [] };
      this.#batches.push(next);
      return next;
    };
    if (!batch || batch.end - batch.begin + length > this.#maxBatchBytes) batch = open();
    for (const part of parts) {
      for (let from = 0; from < part.length;) {
        const room = this.#maxBatchBytes - (batch.end - batch.begin);
        if (room === 0) {
          batch = open();
          continue;
        }
        const piece = from === 0 && part.length <= room ? part : part.subarray(from, from + room);
        batch.parts.push(piece);
        from += piece.length;
        at += piece.length;
        batch.end = at;
      }
    }
    return length <= this.#maxBatchBytes ? batch : undefined;
  }

  /** The promise for bytes up to `end`: that of the latest waiter when it is decided with it (B4). */
  #wait(begin: number, end: number, joins: Batch | 'empty' | undefined): Promise<void> {
    const latest = this.#waiters.last;
    if (latest && joins !== undefined && latest.joins === joins) {
      latest.end = end;
      return latest.committed;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined); // a caller that does not look is told by the session's end all the same
    this.#waiters.push({ begin, end, joins, committed: promise, resolve, reject });
    return promise;
  }

  /** What goes into the next slot, if that is closed (B5); it stays in the buffer, and `take` gives the very same. */
  get closed(): Batch | undefined {
    const { first, last } = this.#batches;
    const isClosed = first !== last || (first && first.end - first.begin >= this.#maxBatchBytes);
    return isClosed ? first : undefined;
  }

  /** Takes what goes into the next slot: whole appends, or a piece of one that is larger than a batch (B3). */
  take(): Batch {
    const batch = this.#batches.shift();
    assert(batch !== undefined, 'a batch has content');
    this.#bytes -= batch.end - batch.begin;
    return batch;
  }

  /** Everything below `offset` is durable (B2). */
  confirm(offset: number): void {
    while (this.#waiters.first && this.#waiters.first.end <= offset) this.#waiters.shift()!.resolve();
  }

  /**
   * Fails every waiter; `errorFor` is told whether any of its bytes lie below `sentEnd`, that is, were ever sent. One without bytes of its own
   * stands for all bytes before it, of which the first may have been.
   */
  fail(sentEnd: number, errorFor: (sent: boolean) => HoldfastError): void {
    for (const waiter of this.#waiters.drain())
      waiter.reject(errorFor(waiter.begin < sentEnd || waiter.begin === waiter.end));
    this.#batches.drain();
    this.#bytes = 0;
  }
}
