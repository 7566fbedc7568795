/**
 * journal/testing: a journal on a scripted store under virtual time, for tests of this room and of those above it.
 */
export {
  calmJournal,
  lastSlots,
  realTimeJournal,
  type CalmJournal,
  type CreateFault,
} from './calm-journal.ts';
