/**
 * SHA-1 of large data without holding up the event loop: long inputs are digested on a thread, or piece by piece as they come.
 */
import { createHash } from 'node:crypto';
import { sha1Hex } from './checksum.ts';
import { toHex } from './bytes.ts';
import { areShared, ThreadSha1 } from './sha1-thread.ts';

/** Up to this length the digest costs less than a turn of the event loop, bytes; and simulated code never leaves its own thread. */
const INLINE_BYTES = 256 * 1024;

/** SHA-1 of `data` in lower-case hex. The data must not change meanwhile. */
export async function sha1HexOf(data: Uint8Array): Promise<string> {
  if (data.length <= INLINE_BYTES) return sha1Hex(data);
  if (areShared(data)) {
    const digest = new ThreadSha1();
    digest.update(data);
    return await digest.hex();
  }
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-1', data as Uint8Array<ArrayBuffer>)));
}

/** SHA-1 of data that comes piece by piece; 1 to 1.5 GB/s on the caller's own thread, so pieces should be a few MiB at most. */
export class Sha1 {
  readonly #hash = createHash('sha1');

  update(piece: Uint8Array): void {
    this.#hash.update(piece);
  }

  /** The digest in lower-case hex; nothing can be added after it. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}
