/**
 * What an opener knows of the log after the slots that it passed on its way to its fence, and whether that is still true (rule L6, s3log.md §6.4b F2).
 *
 * An opener that was asleep may find slots reclaimed that it has not read yet: to it they look like holes below a leap fence. A FILLER put there
 * takes the place of content that was acknowledged, and whoever folds that FILLER lacks the content. Two signs tell:
 *
 * S1  the newest CHECKPOINT known has a floor above the first FILLER passed: what stood there may have been reclaimed;
 * S2  a slot does not follow the FILLER below it: its writer had read something else in that place.
 *
 * Nothing is damaged then; whoever reads from the newest CHECKPOINT never meets those FILLERs. The opener alone must give up.
 */
import { advance, type JournalCursor } from '../read/cursor.ts';
import { CorruptSlotError } from '../errors.ts';
import type { SlotHeader } from '../format/slot.ts';

export interface Passed {
  readonly cursor: JournalCursor;
  /** The first FILLER that was put or met. */
  readonly firstFiller: number | undefined;
  /** The newest CHECKPOINT met, or known to the writer of a slot met. */
  readonly checkpoint: number | undefined;
}

export type Passage =
  | { readonly kind: 'passed'; readonly passed: Passed }
  /** L6: the state lacks content. */
  | { readonly kind: 'stale'; readonly firstFiller: number; readonly cause: CorruptSlotError | undefined };

/** Nothing passed yet. */
export function passedNothing(cursor: JournalCursor): Passed {
  return { cursor, firstFiller: undefined, checkpoint: cursor.checkpointSeq };
}

/** One more slot. @throws CorruptSlotError when the slot does not continue the chain and no FILLER explains it. */
export function pass(passed: Passed, slot: SlotHeader): Passage {
  const firstFiller = passed.firstFiller ?? (slot.kind === 'filler' ? slot.seq : undefined);
  const checkpoint = newestCheckpoint(passed.checkpoint, slot);
  if (firstFiller !== undefined && isStale(firstFiller, checkpoint))
    return { kind: 'stale', firstFiller, cause: undefined }; // S1
  try {
    return {
      kind: 'passed',
      passed: { cursor: advance(passed.cursor, slot).cursor, firstFiller, checkpoint },
    };
  } catch (error) {
    if (firstFiller === undefined || !(error instanceof CorruptSlotError)) throw error;
    return { kind: 'stale', firstFiller, cause: error }; // S2
  }
}

/** The newest CHECKPOINT known after one more slot: its own number if it is one, or the one that its writer knew. */
export function newestCheckpoint(
  known: number | undefined,
  slot: Pick<SlotHeader, 'kind' | 'seq' | 'checkpoint'>,
): number | undefined {
  const told = slot.kind === 'checkpoint' ? slot.seq : slot.checkpoint;
  return told === undefined || (known !== undefined && known >= told) ? known : told;
}

/**
 * S1: whether the floor of the newest CHECKPOINT forbids to believe in the FILLER at `firstFiller`.
 *
 * Contract: `floor` is the first slot that the CHECKPOINT keeps, or an upper bound of it. The CHECKPOINT's own number is such a bound, since none gives
 * up slots above itself, and is what pass() hands in: it needs no payload, is never wrong about safety, and hardly ever about the rest, for
 * a CHECKPOINT above a hole was written by somebody who saw the hole filled. No CHECKPOINT, no deletion, no doubt.
 */
export function isStale(firstFiller: number, floor: number | undefined): boolean {
  return floor !== undefined && floor > firstFiller;
}
