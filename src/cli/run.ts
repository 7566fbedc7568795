/**
 * What every command on journals and logs shares: somewhere to print to, an end on request, a store, and one exit code for each way to fail.
 *
 * 1. An error is one line that says what to do: on standard error, or with --json as one object on standard output.
 * 2. The exit code is that of the deepest cause that has one: what went wrong, not what was being done.
 */
import { EXIT } from '../api/index.ts';
import {
  createLogger,
  ensureError,
  errorCode,
  isAbortOf,
  systemClock,
  systemRandom,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import { findJournal, type Journal } from '../journal/index.ts';
import { openStore, StoreError, type ObjectStore } from '../store/index.ts';
import { Output, OutputClosedError } from './output.ts';

/** Ended by SIGINT or SIGTERM before it was done: 128 + 2, as shells have it. */
export const INTERRUPTED = 130;

export interface Subject {
  readonly store: string;
  readonly journal: string | undefined;
}

export interface CommonOptions extends Subject {
  readonly generation?: string;
  readonly json?: boolean;
}

/** What a command works with, besides a store. */
export interface Surroundings {
  readonly out: Output;
  readonly clock: Clock;
  readonly random: Random;
  /** Hiccups of the store, on standard error. */
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Context extends Surroundings {
  readonly store: ObjectStore;
}

const EXIT_OF: Readonly<Record<string, number>> = {
  STORE_URL_INVALID: EXIT.configuration,
  JOURNAL_NAME_INVALID: EXIT.configuration,
  JOURNAL_NOT_FOUND: EXIT.configuration,
  GENERATION_NOT_FOUND: EXIT.configuration,
  GENERATION_AMBIGUOUS: EXIT.configuration,
  JOURNAL_TOO_NEW: EXIT.configuration,
  JOURNAL_DELETED: EXIT.configuration,
  RANGE_NOT_THERE: EXIT.configuration,
  METRICS_UNUSABLE: EXIT.configuration,
  WRITE_RATE_UNKNOWN: EXIT.configuration,
  FENCE_NOT_CONFIRMED: EXIT.configuration,
  HINTS_UNUSABLE: EXIT.configuration,
  HINTS_INVALID: EXIT.configuration,
  LOG_NOT_NAMED: EXIT.configuration,
  LOG_NOT_NEW: EXIT.configuration,
  DIRECTORY_UNFIT: EXIT.configuration,
  NOT_RECORDABLE: EXIT.configuration,
  NOTHING_TO_FORK: EXIT.configuration,
  SNAPSHOT_VERSION: EXIT.configuration,
  STATE_ENVELOPE: EXIT.configuration,
  STATE_MISSING: EXIT.configuration,
  STATE_KIND: EXIT.configuration,
  MACHINE_UNUSABLE: EXIT.configuration,
  SNAPSHOT_EXISTS: EXIT.configuration,
  STATE_DAMAGED: EXIT.dataLoss,
  STATE_BEHIND: EXIT.dataLoss,
  SOURCE_CHANGED: EXIT.configuration,
  INVALID_KEY: EXIT.configuration,
  INVALID_QUERY: EXIT.configuration,
  INVALID_REQUEST_ID: EXIT.configuration,
  REQUEST_ID_REUSED: EXIT.configuration,
  TOO_LARGE: EXIT.configuration,
  BACKUP_FAILED: EXIT.storeRefused,
  STALE_TERM: EXIT.fenced,
  FENCED: EXIT.fenced,
  CORRUPT_SLOT: EXIT.dataLoss,
  CORRUPT_FRAGMENT: EXIT.dataLoss,
  DATA_LOSS: EXIT.dataLoss,
  RANGE_PRUNED: EXIT.dataLoss,
  REPLAY_FAILED: EXIT.dataLoss,
  HISTORY_LOST: EXIT.dataLoss,
  SNAPSHOT_DAMAGED: EXIT.dataLoss,
  OUTPUT_FAILED: EXIT.localDisk,
  RAW_FILE_FAILED: EXIT.localDisk,
  ENOSPC: EXIT.localDisk,
  EDQUOT: EXIT.localDisk,
  EACCES: EXIT.localDisk,
  EROFS: EXIT.localDisk,
  EIO: EXIT.localDisk,
  ENOENT: EXIT.localDisk,
  ENOTDIR: EXIT.localDisk,
  EISDIR: EXIT.localDisk,
};

/** Deepest chain of causes that is looked through; ours are half as long. */
const MAX_CAUSES = 8;

/** 2 */
function exitCodeOf(thrown: unknown): number {
  let exit: number = EXIT.internal;
  for (let at: unknown = thrown, depth = 0; Error.isError(at) && depth < MAX_CAUSES; at = at.cause, depth++)
    exit = at instanceof StoreError ? EXIT.storeRefused : (EXIT_OF[errorCode(at) ?? ''] ?? exit);
  return exit;
}

/** Runs a command on the store and the journal that are named; @returns the exit code. Never throws. */
export async function runOnJournal(
  options: CommonOptions,
  command: (journal: Journal, context: Context) => Promise<number>,
): Promise<number> {
  return await runOnStore(options, async (context) => {
    const { store, signal } = context;
    return await command(
      await findJournal(store, options.journal ?? '', options.generation, { signal }),
      context,
    );
  });
}

/** The same without a journal. */
export async function runOnStore(
  options: Pick<CommonOptions, 'store' | 'json'>,
  command: (context: Context) => Promise<number>,
): Promise<number> {
  return await run(options.json ?? false, async (surroundings) => {
    const store = openStore(options.store, surroundings);
    try {
      return await command({ ...surroundings, store });
    } finally {
      await store.close();
    }
  });
}

/** The same without a store. */
export async function run(
  json: boolean,
  command: (surroundings: Surroundings) => Promise<number>,
): Promise<number> {
  const out = new Output(process.stdout);
  const stop = stopOnSignals();
  process.stderr.on('error', () => undefined); // whoever does not want to hear of problems need not
  try {
    const log = createLogger({ level: 'warn', format: 'text', stream: process.stderr });
    return await command({ clock: systemClock, random: systemRandom, log, out, signal: stop.signal });
  } catch (thrown) {
    if (thrown instanceof OutputClosedError) return EXIT.ok;
    if (isAbortOf(stop.signal, thrown)) return INTERRUPTED;
    return await tell(thrown, out, json);
  }
}

async function tell(thrown: unknown, out: Output, json: boolean): Promise<number> {
  const error = ensureError(thrown);
  const code = errorCode(error) ?? 'INTERNAL';
  const exit = exitCodeOf(error);
  if (!json) console.error(`${code}: ${error.message}`);
  else {
    try {
      await out.json({ ok: false, error: { code, message: error.message } });
    } catch {
      return exit; // nobody reads it any more; the code still tells
    }
  }
  return exit;
}

function stopOnSignals(): AbortController {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(INTERRUPTED);
      stop.abort(new Error(name));
    });
  return stop;
}
