/**
 * SHA-1 of large data without holding up the event loop: long inputs are digested on a thread.
 */
import { sha1Hex } from './checksum.ts';
import { toHex } from './bytes.ts';

/** Up to this length the digest costs less than a turn of the event loop, bytes; and simulated code never leaves its own thread. */
const INLINE_BYTES = 256 * 1024;

/** SHA-1 of `data` in lower-case hex. The data must not change meanwhile. */
export async function sha1HexOf(data: Uint8Array): Promise<string> {
  if (data.length <= INLINE_BYTES) return sha1Hex(data);
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-1', data as Uint8Array<ArrayBuffer>)));
}
