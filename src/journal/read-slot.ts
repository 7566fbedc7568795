/**
 * Reading one slot whole, with the checks that make a damaged copy an error (hazard H16).
 */
import { slotKey, type Journal } from './names.ts';
import { CorruptSlotError } from './errors.ts';
import { decodeSlot, type Slot } from './slot.ts';

/** A damaged answer is asked for again, on a new connection, this often: a proxy may have cut it, the object may be whole. */
const CORRUPT_ATTEMPTS = 3;

/** Slot `seq`, or undefined when the store says that there is none. @throws StoreError, CorruptSlotError, the signal's reason. */
export async function readSlot(
  journal: Journal,
  seq: number,
  signal?: AbortSignal,
): Promise<Slot | undefined> {
  for (let attempt = 1; ; attempt++) {
    const found = await journal.store.get(slotKey(journal, seq), { signal, freshConnection: attempt > 1 });
    if (!found) return undefined;
    try {
      return decodeSlot(found.body, seq, `${journal.name} #${seq}`);
    } catch (error) {
      if (!(error instanceof CorruptSlotError) || attempt === CORRUPT_ATTEMPTS) throw error;
    }
  }
}
