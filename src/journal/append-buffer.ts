/**
 * Bytes that wait for a slot, and the callers that wait for those bytes. No time, no I/O.
 *
 * B1  Offsets are given at append and never change: the session is the only writer, so the end of the buffer is the end of the log.
 * B2  Callers settle strictly in the order of their offsets, each when its last byte is confirmed.
 * B3  An append is split over slots only when it alone is larger than a batch may be.
 */
import { assert, checkPosition, type HoldfastError } from '../base/index.ts';

export interface Appended {
  readonly begin: number;
  readonly end: number;
  /** Resolves when every byte up to `end` is durable; rejects with an error whose `outcome` says what is known. */
  readonly committed: Promise<void>;
}

export interface Batch {
  readonly begin: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}

interface Waiter {
  readonly begin: number;
  readonly end: number;
  readonly resolve: () => void;
  readonly reject: (error: HoldfastError) => void;
}

interface Chunk {
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

export class AppendBuffer {
  #end: number;
  #bytes = 0;
  readonly #chunks: Chunk[] = [];
  readonly #waiters: Waiter[] = [];

  constructor(offset: number) {
    this.#end = offset;
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
    if (length > 0) {
      this.#chunks.push({ length, parts });
      this.#bytes += length;
      this.#end = end;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined); // a caller that does not look is told by the session's end all the same
    this.#waiters.push({ begin, end, resolve, reject });
    return { begin, end, committed: promise };
  }

  /** Takes what goes into the next slot: whole appends up to `maxBytes`, or the first part of one that is larger (B3). */
  take(maxBytes: number): Batch {
    assert(this.#bytes > 0, 'a batch has content');
    const begin = this.#end - this.#bytes;
    const parts: Uint8Array[] = [];
    let length = 0;
    while (this.#chunks.length > 0 && length + this.#chunks[0]!.length <= maxBytes) {
      const chunk = this.#chunks.shift()!;
      for (const part of chunk.parts) parts.push(part);
      length += chunk.length;
    }
    if (length === 0) length = this.#split(maxBytes, parts);
    this.#bytes -= length;
    return { begin, end: begin + length, parts };
  }

  #split(maxBytes: number, into: Uint8Array[]): number {
    const chunk = this.#chunks.shift()!;
    const rest: Uint8Array[] = [];
    let taken = 0;
    for (const part of chunk.parts) {
      const room = maxBytes - taken;
      if (room > 0) into.push(part.subarray(0, room));
      if (part.length > room) rest.push(part.subarray(Math.max(0, room)));
      taken += Math.min(Math.max(0, room), part.length);
    }
    this.#chunks.unshift({ length: chunk.length - taken, parts: rest });
    return taken;
  }

  /** Everything below `offset` is durable (B2). */
  confirm(offset: number): void {
    while (this.#waiters.length > 0 && this.#waiters[0]!.end <= offset) this.#waiters.shift()!.resolve();
  }

  /**
   * Fails every waiter; `errorFor` is told whether any of its bytes lie below `sentEnd`, that is, were ever sent. One without bytes of its own
   * stands for all bytes before it, of which the first may have been.
   */
  fail(sentEnd: number, errorFor: (sent: boolean) => HoldfastError): void {
    for (const waiter of this.#waiters.splice(0))
      waiter.reject(errorFor(waiter.begin < sentEnd || waiter.begin === waiter.end));
    this.#chunks.length = 0;
    this.#bytes = 0;
  }
}
