/**
 * What import and fork share: a new log in a journal of a store, and its hints told once they are durable.
 *
 * 1. A journal that exists with content is refused. Which generation: that of --generation (the UID of the RecoveryLog that is to own it); without it a new one,
 *    if no journal has the name.
 * 2. What ends the command early leaves a journal that nobody knows: it says so. Nothing reads it; the next attempt takes another generation.
 */
import { writeFile } from 'node:fs/promises';
import { EXIT } from '../../api/index.ts';
import { ensureError, fromUtf8, HoldfastError, isAbortOf, toHex } from '../../base/index.ts';
import {
  checkJournal,
  isJournalName,
  JournalNameError,
  listJournals,
  type Journal,
  type Session,
} from '../../journal/index.ts';
import { encodeHintsJson, LogNotNewError, openNewLog, type FsmHints } from '../../recoverylog/index.ts';
import type { Context } from '../run.ts';

export interface BeginOptions {
  readonly generation?: string;
  readonly term?: number;
  /** Where the hints go besides standard output. */
  readonly hintsOut?: string;
}

/** The log was begun and not finished (2). */
class LogUnfinishedError extends HoldfastError {
  constructor({ name, generation }: Journal, cause: unknown) {
    super(
      'LOG_UNFINISHED',
      `Journal ${name}, generation ${generation}, was begun and is not complete; nobody knows it, and no hints of it exist. Begin again with another generation. Because: ${ensureError(cause).message}`,
      { fields: { journal: name, generation }, cause },
    );
  }
}

const GENERATION_BYTES = 8;

/** The journal of a new log (1). @throws LogNotNewError, JournalNameError, StoreError */
export async function newJournal(
  name: string,
  generation: string | undefined,
  { store, random, signal }: Context,
): Promise<Journal> {
  if (generation !== undefined) return checkJournal({ store, name, generation });
  if (!isJournalName(name)) throw new JournalNameError('name', name);
  for await (const found of listJournals(store, { name, signal }))
    throw new LogNotNewError(name, found.generation);
  return { store, name, generation: toHex(random.bytes(GENERATION_BYTES)) };
}

/** Begins the log, writes it, closes its session, and tells its hints. @returns the exit code */
export async function beginLog(
  journal: Journal,
  context: Context,
  options: BeginOptions,
  write: (session: Session) => Promise<FsmHints>,
): Promise<FsmHints> {
  const session = await openNewLog(journal, { ...context, term: options.term });
  try {
    const hints = await write(session);
    await session.close();
    return hints;
  } catch (error) {
    session.abandon('the log cannot be completed');
    if (isAbortOf(context.signal, error))
      process.stderr.write(`${new LogUnfinishedError(journal, error).message}\n`);
    throw isAbortOf(context.signal, error) ? error : new LogUnfinishedError(journal, error);
  }
}

/** Prints what was made, and the hints. @returns the exit code */
export async function tellBegun(
  { name, generation }: Journal,
  hints: FsmHints,
  figures: object,
  { out }: Context,
  { hintsOut, json }: BeginOptions & { readonly json?: boolean },
): Promise<number> {
  const encoded = encodeHintsJson(hints);
  if (hintsOut !== undefined) await writeFile(hintsOut, encoded);
  const stored: unknown = JSON.parse(fromUtf8(encoded));
  if (json) await out.json({ ok: true, journal: name, generation, ...figures, hints: stored });
  else await out.line(fromUtf8(encoded));
  return EXIT.ok;
}
