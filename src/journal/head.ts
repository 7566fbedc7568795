/**
 * A first idea of where a journal ends, for progress and estimates; never for correctness, since a LIST may lag.
 */
import { slotKey, slotPrefix, slotSeq, type Journal } from './names.ts';
import { decodeSlotHead, SLOT_HEAD_BYTES } from './slot.ts';

/** Pages of a LIST looked at; beyond a million slots the idea is not worth more requests. */
const MAX_PAGES = 1000;

/** End offset of the newest slot that a LIST shows; 0 for an empty journal. @throws StoreError, CorruptSlotError */
export async function estimateHead(journal: Journal, signal?: AbortSignal): Promise<number> {
  let last: number | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const startAfter = last === undefined ? undefined : slotKey(journal, last);
    const { objects, truncated } = await journal.store.list(slotPrefix(journal), { startAfter, signal });
    for (const object of objects) last = slotSeq(journal, object.key) ?? last;
    if (!truncated) break;
  }
  if (last === undefined) return 0;
  const range = { start: 0, end: SLOT_HEAD_BYTES };
  const found = await journal.store.get(slotKey(journal, last), { range, signal });
  return found ? decodeSlotHead(found.body, `${journal.name} #${last}`).end : 0;
}
