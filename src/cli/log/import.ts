/**
 * holdfast log import: an existing directory as a new log, and its hints.
 *
 * 1. Nothing is written before everything was looked at: what a log cannot say is refused then, or with --skip left out, each with its reason on standard error.
 * 2. The hints are printed once everything is durable.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HoldfastError } from '../../base/index.ts';
import {
  Fsm,
  importDirectory,
  Recorder,
  walkDirectory,
  type ImportedFigures,
  type Walked,
} from '../../recoverylog/index.ts';
import { formatBytes, plural } from '../format.ts';
import { Progress } from '../progress.ts';
import { runOnStore } from '../run.ts';
import { parseStoreUrl } from '../../store/index.ts';
import { beginLog, newJournal, tellBegun, type BeginOptions } from './begin.ts';
import { DirectoryUnfitError } from './directory.ts';

export interface ImportFlags extends BeginOptions {
  readonly dir: string;
  readonly store: string;
  readonly journal: string;
  /** 1 */
  readonly skip?: boolean;
  readonly json?: boolean;
}

/** Some of the directory cannot be recorded, and nobody said that it may be left out. */
class NotRecordableError extends HoldfastError {
  constructor(dir: string, count: number, first: Unrecordable) {
    super(
      'NOT_RECORDABLE',
      `${count} things in ${dir} cannot be recorded, ${JSON.stringify(first.path)} (${first.what}) among them; nothing was imported. Remove or replace them, or leave them out with --skip.`,
      { fields: { dir, count, path: first.path } },
    );
  }
}

type Unrecordable = Extract<Walked, { kind: 'unrecordable' }>;

/** @returns the exit code */
export async function importLog(options: ImportFlags): Promise<number> {
  return await runOnStore(options, async (context) => {
    const dir = resolve(options.dir);
    await checkSource(dir, options.store);
    const journal = await newJournal(options.journal, options.generation, context);
    const { bytes: total, skipped } = await survey(dir, options.skip ?? false, context.signal);
    const progress = new Progress(process.stderr, context.clock, 'imported');
    let figures: Readonly<ImportedFigures> | undefined;
    try {
      const hints = await beginLog(journal, context, options, async (session) => {
        const fsm = new Fsm({ log: journal.name, liveNodes: [], properties: [] });
        const imported = await importDirectory(dir, new Recorder({ session, fsm }), {
          signal: context.signal,
          onUnrecordable: (entry) => {
            if (!options.skip) throw new NotRecordableError(dir, 1, entry);
          },
          onProgress: (bytes) => progress.update(bytes, Math.max(total, bytes)),
        });
        figures = imported.figures;
        return imported.hints;
      });
      progress.clear();
      process.stderr.write(
        `imported ${plural(figures!.files, 'file')}, ${plural(figures!.links, 'further link')}, ${formatBytes(figures!.bytes)} into ${journal.name}, generation ${journal.generation}${skipped > 0 ? `; ${plural(skipped, 'thing')} left out` : ''}\n`,
      );
      return await tellBegun(journal, hints, { ...figures, skipped }, context, options);
    } finally {
      progress.clear();
    }
  });
}

/** @throws DirectoryUnfitError when there is no such directory, or the log would become part of what it records */
async function checkSource(dir: string, storeUrl: string): Promise<void> {
  const stats = await stat(dir).catch(() => undefined); // whatever it is, it is no directory that can be read
  if (!stats?.isDirectory()) throw new DirectoryUnfitError(dir, 'is no directory', 'name the one to import');
  const store = parseStoreUrl(storeUrl);
  if (store.scheme === 'file' && `${store.path}/`.startsWith(`${dir}/`))
    throw new DirectoryUnfitError(dir, 'holds the store itself', 'keep the store elsewhere');
}

/** Looks at everything (1). @throws NotRecordableError */
async function survey(
  dir: string,
  skip: boolean,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly skipped: number }> {
  let [bytes, skipped] = [0, 0];
  let first: Unrecordable | undefined;
  for await (const entry of walkDirectory(dir)) {
    signal.throwIfAborted();
    if (entry.kind === 'file') {
      bytes += entry.size;
      continue;
    }
    first ??= entry;
    skipped++;
    process.stderr.write(
      `${skip ? 'left out' : 'cannot be recorded'}: ${JSON.stringify(entry.path)}, ${entry.what}\n`,
    );
  }
  if (first && !skip) throw new NotRecordableError(dir, skipped, first);
  return { bytes, skipped };
}
