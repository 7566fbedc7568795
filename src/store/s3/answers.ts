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

/** What a good answer to a GET with a range promises. */
export interface RangePromise {
  /** Bytes of the whole object. */
  readonly size: number;
  /** Bytes that the body must have. */
  readonly length: number;
}

/**
 * Checks that an answer gives exactly the range asked for, cut at the object's end.
 * @throws StoreError STORE_BAD_RESPONSE, not retryable, when it gives another range or none.
 */
export function checkRangeAnswer(answer: RangeAnswer, asked: ByteRange): RangePromise {
  const { ContentRange: header, ContentLength: told } = answer;
  if (header === undefined) {
    // the whole object without a word about ranges: right only where the range covers it
    if (told !== undefined && asked.start === 0 && told <= asked.end) return { size: told, length: told };
    throw nonsense('The store ignored the range of a GET');
  }
  const [, start, end] = /^bytes (\d+)-(\d+)\//.exec(header) ?? [];
  const size = sizeFromRange(header);
  const length = Number(end) + 1 - Number(start);
  const exact = size !== undefined && Number(start) === asked.start && length === coveredBytes(asked, size);
  if (!exact || (told !== undefined && told !== length))
    throw nonsense(
      `The store answered a GET of bytes ${asked.start} to ${asked.end} with ${told ?? 'some'} bytes and "${header}"`,
    );
  return { size, length };
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
