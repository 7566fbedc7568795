/**
 * Memory that a connection is read into.
 *
 * Node reads a socket 64 KiB at a time, each time into memory of its own. At hundreds of MiB a second that is most of what receiving costs: to get,
 * clear and collect that memory, and 16 trips through streams and parser for every MiB (a GiB took 2.0 s of a core; so it takes 0.9 s).
 *
 * W1  Memory is written again only when nobody can hold what was in it: it was read two reads ago or earlier, nothing was left unread when the last read
 *     came, and it was more than a head. What an HTTP parser keeps between reads are parts of a head; bodies are copied by their receiver at once.
 * W2  A connection that gets little holds little: LEAST_BYTES.
 */
import type { OnReadOpts, Socket } from 'node:net';

/** Largest head of an answer that is accepted, bytes (Node's own limit). */
export const MOST_HEAD_BYTES: number = 16 * 1024;
const LEAST_BYTES: number = 64 * 1024;
/** With 256 KiB receiving costs as little as with 1 MiB, and what was read is still in the cache when it is copied. */
const MOST_BYTES: number = 256 * 1024;

export class ReadMemory {
  #next: Uint8Array = new Uint8Array(LEAST_BYTES);
  /** Of the last large read. */
  #last: Uint8Array | undefined;
  #size = LEAST_BYTES;

  /** Where the next read goes to. */
  get next(): Uint8Array {
    return this.#next;
  }

  /** `bytes` were read into `next`. `consumed`: all earlier reads have been consumed, but for parts of a head. */
  read(bytes: number, consumed: boolean): void {
    const used = this.#next;
    if (bytes <= MOST_HEAD_BYTES) {
      this.#size = LEAST_BYTES;
      this.#last = undefined; // W2
      this.#next = used.length - bytes < MOST_HEAD_BYTES ? new Uint8Array(LEAST_BYTES) : used.subarray(bytes);
      return;
    }
    if (bytes === used.length) this.#size = Math.min(MOST_BYTES, this.#size * 2);
    const free = consumed ? this.#last : undefined; // W1
    this.#last = used;
    this.#next = free?.length === this.#size ? free : new Uint8Array(this.#size);
  }
}

/** A connection's option to read into such memory, as a stream like any other. `socket`: the connection, asked for when data comes. */
export function readingWidely(socket: () => Socket): OnReadOpts {
  const memory = new ReadMemory();
  return {
    buffer: () => memory.next,
    callback: (bytes, buffer) => {
      const stream = socket();
      const consumed = stream.readableLength === 0;
      const more = stream.push(buffer.subarray(0, bytes));
      memory.read(bytes, consumed);
      return more;
    },
  };
}
