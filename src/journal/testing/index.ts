/**
 * journal/testing: a journal on a scripted store under virtual time, and journals made slot by slot, for tests of this room and of those above it.
 */
export { BuiltJournal, putObjects } from './built-journal.ts';
export {
  calmJournal,
  lastSlots,
  realTimeJournal,
  type CalmJournal,
  type CreateFault,
} from './calm-journal.ts';
export {
  checkpointPayload,
  decodeCheckpoint,
  decodeIndex,
  encodeIndex,
  indexProblem,
} from '../format/compaction-index.ts';
export { fragmentName, fragmentRange } from '../format/fragment.ts';
export { gazetteName, gazettePath, sumParts } from '../format/gazette-fragment.ts';
export {
  decodeSlot,
  decodeSlotHead,
  encodeSlot,
  HEADER_BYTES,
  SLOT_HEAD_BYTES,
  type Slot,
} from '../format/slot.ts';
export { CHAPTERS, type Chapter } from './crash-chapters.ts';
export { Lab, NO_PAST, type Past } from './crash-lab.ts';
export { undisturbed } from './crash-recovery.ts';
export { pointsOf, strikeAll, type Point, type Struck } from './crash-points.ts';
export { representatives, STEPS, type Place } from './crash-steps.ts';
export { verifiedKey, verifyBuilt, verifyOn, type Verified } from './verify-built.ts';
export { openAtTail, outcomeOf, story } from './story.ts';
export { mortal, type DeathWhen, type MortalStore } from './mortal-store.ts';
