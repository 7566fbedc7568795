/**
 * holdfast state import: an exported snapshot as the state of a log (F4.30).
 *
 * 1. The snapshot is checked before anything is written to the store.
 * 2. Without --replace the journal must be empty. With it the log is restored into a directory of its own first, fenced, and its state replaced: whoever was
 *    primary is stopped by that.
 * 3. The hints are printed once everything is durable.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findJournal, JournalReader, termOf, type Journal } from '../../journal/index.ts';
import { LogNotNewError, Player, type FsmHints } from '../../recoverylog/index.ts';
import { checkExport, importSnapshot, type Manifest } from '../../statemachine/index.ts';
import { runOnStore, type Context } from '../run.ts';
import { newJournal, tellBegun, type BeginOptions } from '../log/begin.ts';
import { readHints } from '../log/hints-file.ts';
import { describe } from './check.ts';

export interface ImportStateFlags extends BeginOptions {
  readonly dir: string;
  readonly store: string;
  readonly journal: string;
  /** 2 */
  readonly replace?: boolean;
  readonly hints?: string;
  readonly json?: boolean;
}

const MAX_AUTHOR = 2 ** 32 - 1;

/** @returns the exit code */
export async function importState(options: ImportStateFlags): Promise<number> {
  return await runOnStore(options, async (context) => {
    const dir = resolve(options.dir);
    await checkExport(dir, context.signal); // 1
    const { journal, term } = await targetOf(options, context);
    const [named] = await readHints(options.hints === undefined ? [] : [options.hints], journal.name);
    const { manifest, written } = await imported(dir, journal, term, named?.hints, context);
    process.stderr.write(
      `imported ${describe(manifest)}, into ${journal.name}, generation ${journal.generation}\n`,
    );
    const { kind, index } = manifest;
    return await tellBegun(journal, written, { kind, index, term }, context, options);
  });
}

interface Target {
  readonly journal: Journal;
  readonly term: number;
}

/** The log to write, and the term of its next session. @throws LogNotNewError (2), JournalNotFoundError */
async function targetOf(options: ImportStateFlags, context: Context): Promise<Target> {
  const { store, signal } = context;
  const { journal: name, generation, replace = false } = options;
  const journal = replace
    ? await findJournal(store, name, generation, { signal })
    : await newJournal(name, generation, context);
  const reader = new JournalReader(journal, { ...context, from: Number.MAX_SAFE_INTEGER });
  while ((await reader.next(signal)).kind !== 'tail');
  const { offset, registers } = reader.cursor;
  if (offset > 0 && !replace) throw new LogNotNewError(name, journal.generation, offset);
  return { journal, term: options.term ?? termOf(registers) + 1 };
}

/** 2 */
async function imported(
  dir: string,
  journal: Journal,
  term: number,
  hints: FsmHints | undefined,
  { clock, random, log, signal }: Context,
): Promise<{ readonly manifest: Manifest; readonly written: FsmHints }> {
  const work = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  const ended = new AbortController();
  try {
    const player = new Player({
      journal,
      hints,
      expectHistory: hints !== undefined,
      dir: work,
      clock,
      random,
      log,
    });
    const playing = player.run(AbortSignal.any([signal, ended.signal]));
    playing.catch(() => undefined); // the race tells, until the log is taken over
    await Promise.race([player.tailing, playing]);
    const author = 1 + random.below(MAX_AUTHOR - 1);
    const { fs, recorder, session } = await player.handoff({ author, term });
    try {
      const manifest = await importSnapshot(dir, { fs, term }, signal);
      const written = await recorder.buildHints();
      await session.close();
      return { manifest, written };
    } catch (error) {
      session.abandon('the import has failed');
      throw error;
    }
  } finally {
    ended.abort(new Error('the import has ended'));
    await rm(work, { recursive: true, force: true });
  }
}
