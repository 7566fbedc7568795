/**
 * Work on a stream of items, several at a time, results in the order of the items.
 *
 * 1. At most `limit` results exist at any time, finished or not: that bounds memory.
 * 2. Whoever stops listening ends the work under way.
 */
import { raceAbort } from '../../base/index.ts';

/** @throws what the source or the first failing work throws, in its turn; the signal's reason. */
export async function* inOrder<T, R>(
  source: AsyncIterable<T>,
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): AsyncGenerator<R, void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  const items = source[Symbol.asyncIterator]();
  const underway: Promise<R>[] = [];
  let ended = false;
  try {
    for (;;) {
      while (!ended && underway.length < limit) {
        const next = await items.next();
        if (next.done) {
          ended = true;
          break;
        }
        const result = work(next.value, stop.signal);
        result.catch(() => undefined); // thrown below, in its turn
        underway.push(result);
      }
      const first = underway[0];
      if (!first) return;
      const result = await raceAbort(first, stop.signal);
      void underway.shift(); // it is `first`
      yield result;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stop.abort(new Error('nobody listens any more'));
    if (!ended) await items.return?.();
  }
}
