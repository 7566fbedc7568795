/**
 * What most tests of sessions need: a journal under virtual time, a session at its end, and what a caller was told.
 */
import { openSession, type OpenSession } from '../open/open-session.ts';
import type { Session } from '../session/session.ts';
import { calmJournal, lastSlots, type CalmJournal } from './calm-journal.ts';

/** Longer than any story of a test takes, shorter than one that hangs. */
const MAX_VIRTUAL_MS = 24 * 3_600_000;

/** Runs a story under virtual time; one that never ends fails. */
export async function story<T>(tell: (calm: CalmJournal) => Promise<T>, seed = 1): Promise<T> {
  const calm = calmJournal(seed);
  return await calm.clock.run(tell(calm), { maxVirtualMs: MAX_VIRTUAL_MS });
}

let authors = 0;

/** Reads the journal to its end and fences it there, as an author of its own. */
export async function openAtTail(
  calm: Pick<CalmJournal, 'journal' | 'random' | 'reader'> & Pick<OpenSession, 'clock'>,
  term: number,
  rest: Partial<OpenSession> = {},
): Promise<Session> {
  const { reader } = await lastSlots(calm);
  const { clock, random, journal } = calm;
  const author = ++authors;
  return await openSession(journal, { cursor: reader.cursor, author, term, clock, random, ...rest });
}

/** What a caller is told: `committed`, or the code of the error and, if it has one, its outcome. */
export const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'committed',
    (error: { code: string; outcome?: string }) => `${error.code} ${error.outcome ?? ''}`.trim(),
  );
