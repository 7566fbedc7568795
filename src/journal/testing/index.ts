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
export { fragmentName } from '../format/fragment.ts';
export {
  gazetteContent,
  gazetteName,
  gazettePath,
  parseGazetteName,
  storeKey,
  sumParts,
  type GazetteCodec,
} from '../format/gazette-fragment.ts';
export { labelSet } from '../format/gazette-labels.ts';
export { isJournalName } from '../names.ts';
export { openSession } from '../open/open-session.ts';
export type { Session } from '../session/session.ts';
export { CHAPTERS, type Chapter } from './crash-chapters.ts';
export { Lab, NO_PAST, type Past } from './crash-lab.ts';
export { undisturbed } from './crash-recovery.ts';
export { pointsOf, strikeAll, type Point, type Struck } from './crash-points.ts';
export { representatives, STEPS, type Place } from './crash-steps.ts';
export { verifiedKey, verifyBuilt, verifyOn, type Verified } from './verify-built.ts';
export { openAtTail, outcomeOf, story } from './story.ts';
export { mortal, type DeathWhen, type MortalStore } from './mortal-store.ts';
