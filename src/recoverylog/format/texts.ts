/**
 * Texts out of bytes, again and again the same ones: a path comes in a create, a link and two unlinks. The runtime takes longer to make a text, to hash it and
 * to compare it with its equal than it takes to find the one that is there already.
 *
 * X1  A cache only: what it gives out depends on the bytes alone, all of which are compared. It holds SLOTS texts of SHORT_BYTES at most, 70 KiB of words.
 */
import { fromUtf8 } from '../../base/index.ts';

/** Texts that are remembered, each in the one place that its bytes say; a power of two. */
const SLOTS = 1024;
/** Longer texts are rare, and not remembered. */
const SHORT_BYTES = 64;

const SHORT_WORDS = SHORT_BYTES / 4;
const NOT_ASCII = 0x8080_8080 | 0;

export class Texts {
  readonly #held: string[] = Array.from({ length: SLOTS }, () => '');
  /** The bytes of each, four a word. */
  readonly #words: Int32Array = new Int32Array(SLOTS * SHORT_WORDS);
  #bytes: Uint8Array = new Uint8Array(0);
  /** The same memory, as the runtime wants it. */
  #buffer: Buffer = Buffer.alloc(0);

  /** The text in [begin, end) of `bytes`. @throws TypeError when it is not UTF-8 */
  read(bytes: Uint8Array, begin: number, end: number): string {
    if (end - begin > SHORT_BYTES) return fromUtf8(bytes.subarray(begin, end));
    let hash = end - begin;
    let bits = 0;
    for (let i = begin; i < end; i += 4) {
      const word = wordAt(bytes, i, end);
      bits |= word;
      hash = Math.imul(hash ^ word, 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    if ((bits & NOT_ASCII) !== 0) return fromUtf8(bytes.subarray(begin, end));
    const slot = hash & (SLOTS - 1);
    const held = this.#held[slot]!;
    return held.length === end - begin && this.#isAt(slot, bytes, begin, end)
      ? held
      : this.#hold(slot, bytes, begin, end);
  }

  #isAt(slot: number, bytes: Uint8Array, begin: number, end: number): boolean {
    const words = this.#words;
    let at = slot * SHORT_WORDS;
    for (let i = begin; i < end; i += 4) if (words[at++] !== wordAt(bytes, i, end)) return false;
    return true;
  }

  #hold(slot: number, bytes: Uint8Array, begin: number, end: number): string {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    let at = slot * SHORT_WORDS;
    for (let i = begin; i < end; i += 4) this.#words[at++] = wordAt(bytes, i, end);
    return (this.#held[slot] = this.#buffer.toString('latin1', begin, end));
  }
}

/** Four bytes; fewer at the end, the others being zero. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end)
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  let word = 0;
  for (let i = end - 1; i >= at; i--) word = (word << 8) | bytes[i]!;
  return word;
}
