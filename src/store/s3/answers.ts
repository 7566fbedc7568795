/**
 * Checks of what an S3 store answers, as pure functions: a store that bends an answer is found at the first one, not in the journal.
 */
import { coveredBytes } from '../arguments.ts';
import { StoreError } from '../errors.ts';
import { compareKeys } from '../keys.ts';
import type { ByteRange, ObjectInfo } from '../types.ts';

/** What a GET's answer tells about its range. */
export interface RangeAnswer {
  /** `bytes 5-9/20`, of a 206. */
  readonly ContentRange?: string | undefined;
  readonly ContentLength?: number | undefined;
}

function nonsense(what: string): StoreError {
  return new StoreError(
    'STORE_BAD_RESPONSE',
    `${what}. Such a store cannot hold a journal; check the endpoint.`,
    { retryable: false },
  );
}

/** The size in a Content-Range header such as `bytes 0-9/20` or `bytes` star `/20`. */
export function sizeFromRange(header: string | undefined): number | undefined {
  const size = /^bytes (?:\*|\d+-\d+)\/(\d+)$/.exec(header ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

/**
 * The object's size, from an answer that gives exactly the range asked for, cut at the object's end.
 * @throws StoreError STORE_BAD_RESPONSE, not retryable, when it is another range or none.
 */
export function checkRangeAnswer(answer: RangeAnswer, asked: ByteRange): number {
  const { ContentRange: header, ContentLength: length } = answer;
  if (header === undefined) {
    // the whole object without a word about ranges: right only where the range covers it
    if (length !== undefined && asked.start === 0 && length <= asked.end) return length;
    throw nonsense('The store ignored the range of a GET');
  }
  const start = Number(/^bytes (\d+)-/.exec(header)?.[1]);
  const size = sizeFromRange(header);
  if (size === undefined || start !== asked.start || length !== coveredBytes(asked, size))
    throw nonsense(
      `The store answered a GET of bytes ${asked.start} to ${asked.end} with ${length} bytes and "${header}"`,
    );
  return size;
}

/** @throws StoreError STORE_BAD_RESPONSE, not retryable, unless keys ascend after `startAfter` and begin with `prefix`. */
export function checkOrder(
  objects: readonly ObjectInfo[],
  prefix: string,
  startAfter: string | undefined,
): void {
  let before = startAfter;
  for (const { key } of objects) {
    if (!key.startsWith(prefix)) throw nonsense(`The store listed ${key} under the prefix ${prefix}`);
    if (before !== undefined && compareKeys(before, key) >= 0)
      throw nonsense(`The store listed ${key} after ${before}`);
    before = key;
  }
}
