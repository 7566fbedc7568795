/**
 * What every adapter demands of its arguments, so that a wrong call fails alike everywhere and not only at the strictest store.
 */
import { StoreError } from './errors.ts';
import { checkKey, keyProblem } from './keys.ts';
import { LIST_PAGE_LIMIT, type ByteRange, type GetCall, type ListCall } from './types.ts';

function badRequest(what: string): StoreError {
  return new StoreError('STORE_BAD_REQUEST', `${what}. This is a mistake of the caller.`, {
    retryable: false,
  });
}

/** @throws StoreError STORE_BAD_REQUEST for a bad key or range. */
export function checkGet(key: string, call: GetCall | undefined): void {
  checkKey(key);
  const range = call?.range;
  if (!range && call?.onPart) throw badRequest('Parts are asked for without a range');
  if (!range) return;
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end <= start)
    throw badRequest(`The range ${start} to ${end} is empty or no range of bytes`);
}

/** The page size to use. @throws StoreError STORE_BAD_REQUEST for a bad prefix, start or limit. */
export function checkList(prefix: string, call: ListCall | undefined): number {
  const problem = prefix === '' ? undefined : keyProblem(`${prefix}x`);
  if (problem !== undefined)
    throw badRequest(`The prefix ${JSON.stringify(prefix.slice(0, 100))} ${problem}`);
  if (call?.startAfter !== undefined) checkKey(call.startAfter);
  const limit = call?.limit ?? LIST_PAGE_LIMIT;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIST_PAGE_LIMIT)
    throw badRequest(`The limit ${limit} of a list is not 1 to ${LIST_PAGE_LIMIT}`);
  return limit;
}

/** The part of `whole` that `range` names, as a copy. */
export function cut(whole: Uint8Array, range: ByteRange | undefined): Uint8Array {
  return range ? whole.slice(range.start, range.end) : whole.slice();
}

/** How many bytes of an object of `size` a range covers; all without a range. */
export function coveredBytes(range: ByteRange | undefined, size: number): number {
  return range ? Math.max(0, Math.min(range.end, size) - range.start) : size;
}
