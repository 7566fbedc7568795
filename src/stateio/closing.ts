/**
 * closing: the bytes that close a block whose tail is torn, so that the next entry can start in the next block (decision 4).
 *
 * G1  The torn record stays torn. Zeros are the usual filling (F1.33 E: the Go reader takes them), but a record that lost nothing but zeros
 *     would be made whole by them: an entry that restore had declared absent, and that nobody acknowledged, would come back behind the
 *     reader's back. So the filling is compared with every record the block could hold, and another byte is taken where zeros complete one.
 */
import type { ReadableStateFile } from './file.ts';
import { BLOCK_BYTES, blockAfter, endsEntryBehind } from './format.ts';

/** Each place is completed by one filling at most: only a block made to hold 256 such places uses them up. */
const FILLINGS = 256;

/**
 * The bytes from `size`, where `file` ends inside a record, to the end of that block (G1). Empty when `size` is the end of a block.
 * @param size bytes of the file
 * @throws RangeError when every filling completes something; nobody meets this by accident
 */
export async function closingBytes(file: ReadableStateFile, size: number): Promise<Uint8Array> {
  const end = blockAfter(size);
  if (end === size) return new Uint8Array(0);
  const head = await file.read(end - BLOCK_BYTES, size - (end - BLOCK_BYTES));
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(head);
  for (let filling = 0; filling < FILLINGS; filling++) {
    block.fill(filling, head.length);
    if (!completesEntry(block, head.length)) return block.slice(head.length);
  }
  throw new RangeError(`no filling keeps the record torn that ends at byte ${size}`);
}

/** Whether any place before `torn` now holds a record that ends an entry behind it, whatever way a reader might come there. */
function completesEntry(block: Uint8Array, torn: number): boolean {
  for (let at = 0; at < torn; at++) if (endsEntryBehind(block, at, torn)) return true;
  return false;
}
