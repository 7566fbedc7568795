/**
 * Reading one slot whole, with the checks that make a damaged copy an error (hazard H16).
 */
import { CodecError, decompress } from './codec.ts';
import { CorruptSlotError } from './errors.ts';
import { slotKey, type Journal } from './names.ts';
import { decodeSlot, type Slot } from './slot.ts';

/** A damaged answer is asked for again, on a new connection, this often: a proxy may have cut it, the object may be whole. */
const CORRUPT_ATTEMPTS = 3;

/**
 * Slot `seq` with its content, decompressed; undefined when the store says that there is none.
 * @throws StoreError, CorruptSlotError, the signal's reason.
 */
export async function readSlot(
  journal: Journal,
  seq: number,
  signal?: AbortSignal,
): Promise<Slot | undefined> {
  const where = `${journal.name} #${seq}`;
  for (let attempt = 1; ; attempt++) {
    const found = await journal.store.get(slotKey(journal, seq), { signal, freshConnection: attempt > 1 });
    if (!found) return undefined;
    let slot: Slot;
    try {
      slot = decodeSlot(found.body, seq, where);
    } catch (error) {
      if (!(error instanceof CorruptSlotError) || attempt === CORRUPT_ATTEMPTS) throw error;
      continue;
    }
    return slot.kind === 'data' ? { ...slot, payload: await contentOf(slot, where) } : slot;
  }
}

/** Its checksum is right already: what does not decode was written so, and another copy would be no better. */
async function contentOf({ codec, payload, begin, end }: Slot, where: string): Promise<Uint8Array> {
  try {
    return await decompress(codec, payload, end - begin);
  } catch (error) {
    if (error instanceof CodecError) throw new CorruptSlotError(where, error.message);
    throw error;
  }
}
