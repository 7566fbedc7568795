/**
 * What LISTs show of a journal's slots: the question of every proof that something is the end of the log, and the guess of where a log ends.
 *
 * Names of strangers (a copy that somebody kept beside the original) are passed over, so that they can hide nothing.
 */
import { slotKey, slotPrefix, slotSeq, type Journal } from '../names.ts';

/** Keys asked for at first: nearly always there are none (s3log.md §6.5 T3). */
const FIRST_PAGE = 2;

/** The lowest slot numbered `from` or higher that a LIST shows; undefined when it shows none. @throws StoreError, the signal's reason. */
export async function lowestSlot(
  journal: Journal,
  from: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const prefix = slotPrefix(journal);
  let startAfter = from === 0 ? undefined : slotKey(journal, from - 1);
  for (let limit: number | undefined = FIRST_PAGE; ; limit = undefined) {
    const { objects, truncated } = await journal.store.list(prefix, { startAfter, limit, signal });
    for (const { key } of objects) {
      const seq = slotSeq(journal, key);
      if (seq !== undefined) return seq;
    }
    startAfter = objects.at(-1)?.key;
    if (!truncated || startAfter === undefined) return undefined;
  }
}

/**
 * The first slot from `from` on that a LIST does not show. A hint of where a busy log ends, since a LIST may lag; every slot before it has been there.
 * @throws StoreError, the signal's reason.
 */
export async function firstGap(journal: Journal, from: number, signal?: AbortSignal): Promise<number> {
  const prefix = slotPrefix(journal);
  let gap = from;
  let startAfter = from === 0 ? undefined : slotKey(journal, from - 1);
  for (;;) {
    const { objects, truncated } = await journal.store.list(prefix, { startAfter, signal });
    for (const { key } of objects) {
      const seq = slotSeq(journal, key);
      if (seq === undefined) continue;
      if (seq > gap) return gap;
      gap = seq + 1;
    }
    startAfter = objects.at(-1)?.key;
    if (!truncated || startAfter === undefined) return gap;
  }
}

/** The highest slot that a LIST shows; undefined when it shows none. A hint, since a LIST may lag. @throws StoreError, the signal's reason. */
export async function highestSlot(journal: Journal, signal?: AbortSignal): Promise<number | undefined> {
  return (await highestSlots(journal, 1, signal))[0];
}

/** The highest `count` slots that a LIST shows, highest first; fewer when there are not so many. @throws StoreError, the signal's reason. */
export async function highestSlots(
  journal: Journal,
  count: number,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  const prefix = slotPrefix(journal);
  let highest: readonly number[] = [];
  for (let startAfter: string | undefined; ;) {
    const { objects, truncated } = await journal.store.list(prefix, { startAfter, signal });
    const seqs = objects.flatMap(({ key }) => slotSeq(journal, key) ?? []);
    highest = [...highest, ...seqs].slice(-count);
    startAfter = objects.at(-1)?.key;
    if (!truncated || startAfter === undefined) return highest.toReversed();
  }
}
