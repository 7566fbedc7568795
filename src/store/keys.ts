/**
 * Which keys every store can hold, and their order.
 *
 * K1  A key that passes checkKey means the same object at every adapter: it survives URLs, XML and file names unchanged.
 * K2  Order is that of the UTF-8 bytes, as S3 lists; not that of JavaScript strings, which differs above U+FFFF.
 */
import { StoreError } from './errors.ts';

/** S3's limit, bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;
/** Longest part between slashes, bytes: what file systems take as a name. */
const MAX_SEGMENT_BYTES = 255;
/** Control characters do not survive XML 1.0, backslashes and lone surrogates not every client; U+FFFE and U+FFFF are no characters. */
const UNSAFE = /[\p{Cc}\p{Cs}\\\ufffe\uffff]/u;
/** Where everything an adapter keeps for itself lives; no key may begin with it. */
export const RESERVED_SEGMENT = '.holdfast-tmp';

/** Why `key` cannot be used everywhere (K1), or undefined when it can. */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (UNSAFE.test(key)) return 'holds a control character, a backslash or a broken surrogate';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`;
  for (const segment of key.split('/')) {
    if (segment === '') return 'has an empty part between slashes';
    if (segment === '.' || segment === '..') return 'has a part . or .., which URLs rewrite';
    if (segment !== segment.trim()) return 'has a part that begins or ends with white space';
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
      return `has a part longer than ${MAX_SEGMENT_BYTES} bytes`;
  }
  if (key.split('/', 1)[0] === RESERVED_SEGMENT)
    return `begins with ${RESERVED_SEGMENT}, which stores keep for themselves`;
  return undefined;
}

/** @throws StoreError STORE_BAD_REQUEST when the key cannot be used everywhere (K1). */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem === undefined) return;
  const shown = JSON.stringify(key.slice(0, 100));
  throw new StoreError('STORE_BAD_REQUEST', `The key ${shown} ${problem}; choose another one.`, {
    retryable: false,
    fields: { key: shown, problem },
  });
}

/** What stands for a character above U+FFFF: without it the order of JavaScript strings is that of their bytes. */
const SURROGATE = /[\ud800-\udfff]/;

/** Sorts keys in place in the order of their bytes (K2). */
export function sortKeys(keys: string[]): string[] {
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareKeys) : keys.sort();
}

/** Byte order of keys (K2): negative, zero or positive. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
