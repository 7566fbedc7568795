/**
 * Beginning a log where there is none yet: for data that comes from elsewhere (import-directory.ts, fork-log.ts).
 *
 * B1  A journal that has content is refused before anything is written to it. One that was opened and never written to may be used; its terms go on.
 */
import { HoldfastError, type Clock, type Logger, type Random } from '../../base/index.ts';
import { JournalReader, openSession, termOf, type Journal, type Session } from '../../journal/index.ts';

/** The journal has a history, and a new log needs one without (B1). */
export class LogNotNewError extends HoldfastError {
  constructor(log: string, generation: string, head?: number) {
    const there = head === undefined ? 'exists already' : `has ${head} bytes of history`;
    super(
      'LOG_NOT_NEW',
      `Journal ${log}, generation ${generation}, ${there}; a new log begins in an empty journal. Take another name, or name another generation of this one.`,
      { fields: { log, generation, head } },
    );
  }
}

export interface NewLogOptions {
  /** Of the session; by default one above the journal's. */
  readonly term?: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly signal?: AbortSignal | undefined;
}

const MAX_AUTHOR = 2 ** 32 - 1;

/** Opens a session on an empty journal (B1). @throws LogNotNewError, and as JournalReader.next and openSession */
export async function openNewLog(
  journal: Journal,
  { term, signal, ...ports }: NewLogOptions,
): Promise<Session> {
  const reader = new JournalReader(journal, { ...ports, from: Number.MAX_SAFE_INTEGER });
  while ((await reader.next(signal)).kind !== 'tail');
  const { cursor } = reader;
  if (cursor.offset > 0) throw new LogNotNewError(journal.name, journal.generation, cursor.offset);
  return await openSession(journal, {
    cursor,
    author: 1 + ports.random.below(MAX_AUTHOR - 1),
    term: term ?? termOf(cursor.registers) + 1,
    ...ports,
    signal,
  });
}
