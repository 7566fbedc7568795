/**
 * Telling a hole that leap fences left open from one that is damage (hazards H10, H14).
 *
 * O1  Nobody lives above a leap FENCE before every slot below it exists: its owner fills them first, and everybody else reads in order. So only
 *     other leap FENCES may stand above an open hole; anything else up there proves that the hole was filled once, and its slot is lost.
 * O2  A hole is never wider than a leap. A wider one is damage.
 * O3  Each leap FENCE takes two requests, and of many openers' there are many: one that fails does not begin the look anew.
 */
import { lowestSlot } from '../read/listed-slots.ts';
import type { Journal } from '../names.ts';
import { readSlotHead } from '../read/read-slot.ts';
import { oneOfMany } from '../retry.ts';
import type { SlotHeader } from '../format/slot.ts';

/**
 * Slots that a leap may reach beyond the tail. A writer that commits so many while one request of an opener is on its way would have to be a
 * thousand times nearer to the store; and it is the most FILLERs that one takeover can leave behind.
 */
export const MAX_LEAP_SLOTS = 1024;

/** FILLERs and leap FENCES in a row that are still no accident: what two of the widest leaps leave at the end of a log. */
export const MAX_LEFT_BY_LEAPS: number = 2 * MAX_LEAP_SLOTS;

/** Leap FENCES above one hole: one for each opener that leaped and died since the journal stood still. More are no accident any more. */
const MAX_LEAPS_IN_A_ROW = 64;

/** Whether a slot is a leap FENCE. */
export function isLeap(slot: Pick<SlotHeader, 'kind' | 'leap'> | undefined): boolean {
  return slot?.kind === 'fence' && slot.leap;
}

/**
 * Whether the missing slot `hole`, above which a LIST shows `lowest` as the first, was left open by leap fences and nothing else.
 * False is no proof of damage: the hole may have been filled meanwhile, so ask for it again. @throws StoreError, CorruptSlotError, the signal's reason.
 */
export async function isLeapHole(
  journal: Journal,
  hole: number,
  lowest: number,
  signal?: AbortSignal,
): Promise<boolean> {
  if (lowest - hole > MAX_LEAP_SLOTS) return false; // O2
  let above: number | undefined = lowest;
  for (let leaps = 0; above !== undefined; leaps++) {
    const seq: number = above;
    const slot = await oneOfMany(() => readSlotHead(journal, seq, signal), signal); // O3
    if (leaps === MAX_LEAPS_IN_A_ROW || !isLeap(slot)) return false; // O1
    above = await oneOfMany(() => lowestSlot(journal, seq + 1, signal), signal);
  }
  return true;
}
