/**
 * The leap fence: how an opener gets in front of a writer that wins every race for the next slot (hazard H7; s3log.md §6.4, §6.4b F2).
 *
 * L1  The fence is put LEAP_SLOTS above the tail. The old writer needs one request a slot and runs into it within as many commits, however
 *     much nearer to the store it is.
 * L2  The owner then goes from the tail to its fence, slot by slot from below: a hole gets a FILLER, what the old session put there in time
 *     is folded in and counts. Only when no hole is left does it stand at its fence, with the true offset.
 * L3  FILLERs and leap FENCES are never deleted, like every FENCE: a late PUT of the old session must find them in its way for ever.
 * L4  An owner that meets a FENCE in the holes which its own term may not follow has leaped in vain (cursor.ts U4): it stops filling, so as not to
 *     take slots from the session that won.
 * L5  Whoever dies on the way leaves holes below a leap fence. Readers take the lowest one for the tail (leap-holes.ts); the next opener fences there and
 *     fills the rest, whosever leap it was.
 * L6  A hole may be a slot that was reclaimed. An opener that filled one learns it on the way, and gives up (passed.ts).
 */
import { isLeap, MAX_LEAP_SLOTS } from './leap-holes.ts';
import type { Opener } from './opener.ts';
import type { Passed } from './passed.ts';

/** Races lost before leaping. A writer that is merely a little busy loses one of them; each costs the takeover a round trip (s3log.md §6.4). */
export const RACES_BEFORE_LEAP = 3;

/**
 * Slots between the tail and the first leap: more than a writer at the same distance from the store commits during the two requests that find the
 * tail and carry the fence, few enough to fill in half a second. Doubled for a writer that was still faster, up to MAX_LEAP_SLOTS.
 */
export const LEAP_SLOTS = 8;

/** Heads of slots read at a time by an opener that lags: 16 KiB of answers, and far faster than anybody commits. */
const HEADS_IN_FLIGHT = 32;

export interface Leaped {
  /** The state up to and including the fence. */
  readonly passed: Passed;
  /** The opener's own fence; undefined when another opener's leap fence was in its way: behind that one is a new tail to race for. */
  readonly fenceSeq: number | undefined;
}

/**
 * Fences by leaping, and fills up to the fence (L1, L2).
 * @throws StaleTermError (L4), FencedError when its state is stale (L6) or the writer outruns it, AppendUnknownError, StoreError, CorruptSlotError,
 *   the signal's reason.
 */
export async function leap(opener: Opener, from: Passed): Promise<Leaped> {
  const { cursor } = from;
  for (let ahead = LEAP_SLOTS; ahead <= MAX_LEAP_SLOTS; ahead *= 2) {
    opener.checkTurn(cursor);
    const tail = await opener.tailAfter(cursor);
    const fence = opener.slot(cursor, { kind: 'fence', leap: true, seq: tail + ahead });
    const there = await opener.put(fence);
    if (there === fence) {
      opener.ports.metrics.leaped();
      opener.ports.log.info('journal fenced ahead of its tail; filling up to the fence', {
        journal: opener.journal.name,
        slot: fence.seq,
        tail,
      });
      const filled = await fillHoles(opener, from, fence.seq, tail);
      return { passed: opener.pass(filled, fence), fenceSeq: fence.seq };
    }
    opener.ports.metrics.fence('lost');
    if (isLeap(there)) {
      const filled = await fillHoles(opener, from, there.seq, tail);
      return { passed: opener.pass(filled, there), fenceSeq: undefined };
    }
  }
  throw opener.fencedBy(`a writer that commits more than ${MAX_LEAP_SLOTS} slots during one request of ours`);
}

/**
 * The state before slot `end`, every slot below it existing: what is there is folded in, what is not is filled (L2). Slots below `known` are known
 * to have been there, and are not filled.
 * @throws StaleTermError (L4), FencedError (L6), AppendUnknownError, StoreError, CorruptSlotError, the signal's reason.
 */
export async function fillHoles(
  opener: Opener,
  from: Passed,
  end: number,
  known: number = from.cursor.nextSeq,
): Promise<Passed> {
  let passed = await catchUp(opener, from, known);
  while (passed.cursor.nextSeq < end) {
    opener.checkTurn(passed.cursor); // L4
    const seq = passed.cursor.nextSeq;
    const filler = opener.slot(passed.cursor, { kind: 'filler', leap: false, seq });
    const there = await opener.put(filler);
    if (there === filler) opener.ports.metrics.filled();
    passed = opener.pass(passed, there);
  }
  opener.checkTurn(passed.cursor);
  return passed;
}

/** The state before slot `end`, all slots below it having been there. @throws FencedError, StoreError, CorruptSlotError, the signal's reason. */
export async function catchUp(opener: Opener, from: Passed, end: number): Promise<Passed> {
  let passed = from;
  while (passed.cursor.nextSeq < end) {
    const first = passed.cursor.nextSeq;
    const count = Math.min(HEADS_IN_FLIGHT, end - first);
    const heads = await Promise.all(Array.from({ length: count }, (_, i) => opener.read(first + i)));
    for (const head of heads) passed = opener.pass(passed, head);
  }
  return passed;
}
