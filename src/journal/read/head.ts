/**
 * A first idea of where a journal ends, for who wants to know nothing else (plan.ts: surveyJournal); never for correctness, since a LIST may lag.
 */
import { highestSlot } from './listed-slots.ts';
import type { Journal } from '../names.ts';
import { readSlotHead } from './read-slot.ts';

/** End offset of the newest slot that a LIST shows; 0 for an empty journal. @throws StoreError, CorruptSlotError */
export async function estimateHead(journal: Journal, signal?: AbortSignal): Promise<number> {
  const last = await highestSlot(journal, signal);
  return last === undefined ? 0 : ((await readSlotHead(journal, last, signal))?.end ?? 0);
}
