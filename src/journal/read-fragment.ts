/**
 * Reading one fragment whole: ranges in parallel, then the digest. Nothing is handed on before the digest is right (fragment.ts G2).
 */
import { ensureError, errorCode, sha1HexOf } from '../base/index.ts';
import { decompress } from './codec.ts';
import { CorruptFragmentError } from './errors.ts';
import { fragmentKey, type Fragment } from './fragment.ts';
import type { Journal } from './names.ts';

/** Bytes of one GET: above the size where the latency of a request matters (s3log.md §1.7). */
const RANGE_BYTES: number = 8 * 1024 * 1024;
/** GETs of one fragment in flight: with this many a loopback server and one thread are both busy; more gain nothing (s3log.md §5.2). */
const RANGES_IN_FLIGHT = 4;
/** A damaged answer is asked for again, on new connections, this often: a proxy may have cut it, the object may be whole. */
const CORRUPT_ATTEMPTS = 3;

/** The content of a fragment, or undefined when the store says that it does not exist. @throws StoreError, CorruptFragmentError, the signal's reason. */
export async function readFragment(
  journal: Journal,
  fragment: Fragment,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  const key = fragmentKey(journal, fragment);
  for (let attempt = 1; ; attempt++) {
    const stored = await fetchObject(journal, key, fragment.storedBytes, attempt > 1, signal);
    if (!stored) return undefined;
    const outcome = await contentOf(fragment, stored);
    if (typeof outcome !== 'string') return outcome;
    if (attempt === CORRUPT_ATTEMPTS)
      throw new CorruptFragmentError(key, fragment.begin, fragment.end, outcome);
  }
}

/** The content, or what is wrong with it. */
async function contentOf(
  { codec, begin, end, sha1 }: Fragment,
  stored: Uint8Array | 'wrong size',
): Promise<Uint8Array | string> {
  if (stored === 'wrong size') return 'the object has another length than its index says';
  let content: Uint8Array;
  try {
    content = await decompress(codec, stored, end - begin);
  } catch (error) {
    return `${errorCode(error) ?? 'error'}: ${ensureError(error).message}`;
  }
  if (content.length !== end - begin) return `it holds ${content.length} bytes`;
  const found = await sha1HexOf(content);
  return found === sha1 ? content : `its SHA-1 is ${found}`;
}

/** An object of known length, fetched by ranges. */
async function fetchObject(
  journal: Journal,
  key: string,
  bytes: number,
  freshConnection: boolean,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | 'wrong size' | undefined> {
  const whole = new Uint8Array(bytes);
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  let next = 0;
  let problem: 'absent' | 'wrong size' | undefined;
  const worker = async (): Promise<void> => {
    while (next < bytes && problem === undefined) {
      const start = next;
      const end = Math.min(bytes, start + RANGE_BYTES);
      next = end;
      const found = await journal.store.get(key, { range: { start, end }, signal: either, freshConnection });
      if (!found) problem = 'absent';
      else if (found.size !== bytes || found.body.length !== end - start) problem ??= 'wrong size';
      else whole.set(found.body, start);
    }
  };
  try {
    await Promise.all(Array.from({ length: RANGES_IN_FLIGHT }, worker));
  } catch (error) {
    stop.abort(error); // the other ranges of a fragment that failed are of no use
    throw error;
  }
  return problem === undefined ? whole : problem === 'absent' ? undefined : problem;
}
