/**
 * Reading one slot, whole or its head, with the checks that make a damaged copy an error (hazard H16).
 */
import type { GetCall } from '../../store/index.ts';
import { CodecError, decompress } from '../format/codec.ts';
import { CorruptSlotError } from '../errors.ts';
import { slotKey, type Journal } from '../names.ts';
import { decodeSlot, decodeSlotHead, SLOT_HEAD_BYTES, type Slot, type SlotHeader } from '../format/slot.ts';

/** A damaged answer is asked for again, on a new connection, this often: a proxy may have cut it, the object may be whole. */
const CORRUPT_ATTEMPTS = 3;

/**
 * Slot `seq` with its content, decompressed; undefined when the store says that there is none.
 * @param damaged answers that were damaged already
 * @throws StoreError, CorruptSlotError, the signal's reason.
 */
export async function readSlot(
  journal: Journal,
  seq: number,
  signal?: AbortSignal,
  damaged = 0,
): Promise<Slot | undefined> {
  const decode = (bytes: Uint8Array, where: string): Slot => decodeSlot(bytes, seq, where);
  const slot = await readChecked(journal, seq, { signal }, decode, damaged);
  return slot && (await withContent(journal, slot));
}

/** Slot `seq` of bytes that were read already; with its content, as readSlot gives it. @throws CorruptSlotError */
export async function slotOf(journal: Journal, seq: number, bytes: Uint8Array): Promise<Slot> {
  return await withContent(journal, decodeSlot(bytes, seq, `${journal.name} #${seq}`));
}

/** Only its head, which tells everything but the content (slot.ts T1). @throws as readSlot. */
export async function readSlotHead(
  journal: Journal,
  seq: number,
  signal?: AbortSignal,
): Promise<SlotHeader | undefined> {
  const range = { start: 0, end: SLOT_HEAD_BYTES };
  return await readChecked(journal, seq, { range, signal }, (bytes, where) => {
    const header = decodeSlotHead(bytes, where);
    if (header.seq === seq) return header;
    throw new CorruptSlotError(where, `says it is slot ${header.seq}`);
  });
}

async function readChecked<T>(
  journal: Journal,
  seq: number,
  call: GetCall,
  decode: (bytes: Uint8Array, where: string) => T,
  damaged = 0,
): Promise<T | undefined> {
  for (let attempt = 1 + damaged; ; attempt++) {
    const found = await journal.store.get(slotKey(journal, seq), { ...call, freshConnection: attempt > 1 });
    if (!found) return undefined;
    try {
      return decode(found.body, `${journal.name} #${seq}`);
    } catch (error) {
      if (!(error instanceof CorruptSlotError) || attempt === CORRUPT_ATTEMPTS) throw error;
    }
  }
}

async function withContent(journal: Journal, slot: Slot): Promise<Slot> {
  if (slot.kind !== 'data') return slot;
  return { ...slot, payload: await contentOf(slot, `${journal.name} #${slot.seq}`) };
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
