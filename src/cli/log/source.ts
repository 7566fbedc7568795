/**
 * Which log a command looks at, and from which hints: a journal of a store, or plain bytes in a file.
 *
 * S1  Exactly one of --store with --journal, and --raw. Plain bytes are read as a journal that cannot be written to (journal: plain-store).
 * S2  Hints are of the log that is looked at; for plain bytes without --journal, the log has the name that they say.
 * S3  Hints may begin in another log: it is looked for in the same store, or among the plain files given as NAME=FILE.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { ensureError, HoldfastError } from '../../base/index.ts';
import {
  findJournal,
  isJournalName,
  plainJournal,
  plainStore,
  type Journal,
  type PlainContent,
} from '../../journal/index.ts';
import { run, runOnStore, type Context } from '../run.ts';
import { readHints, type NamedHints } from './hints-file.ts';

export interface LogOptions {
  readonly store?: string;
  readonly journal?: string;
  readonly generation?: string;
  /** FILE or NAME=FILE; the first is the log itself. */
  readonly raw?: readonly string[];
  readonly hints?: readonly string[];
  readonly json?: boolean;
}

/** The log of a command. */
export interface OpenedLog {
  readonly journal: Journal;
  readonly hints: readonly NamedHints[];
  /** S3. @throws what findJournal throws, LogNotNamedError */
  readonly openLog: (name: string) => Promise<Journal>;
  /** Plain bytes: nothing of theirs has a checksum. */
  readonly isRaw: boolean;
}

/** The name of a log of plain bytes that nobody names. */
const UNNAMED = 'raw/log';

export class LogNotNamedError extends HoldfastError {
  constructor(problem: string) {
    super(
      'LOG_NOT_NAMED',
      `${problem}. Name a log with --store URL --journal NAME, or plain journal bytes with --raw FILE.`,
      {
        fields: { problem },
      },
    );
  }
}

/** A file of plain bytes that cannot be read as it stood when the command began. */
class RawFileError extends HoldfastError {
  constructor(file: string, problem: string, cause?: unknown) {
    super('RAW_FILE_FAILED', `${file} cannot be read: ${problem}.`, { fields: { file, problem }, cause });
  }
}

/** Runs a command on the log that is named; @returns the exit code. Never throws. */
export async function runOnLog(
  options: LogOptions,
  command: (log: OpenedLog, context: Context) => Promise<number>,
): Promise<number> {
  if (options.raw) return await run(options.json ?? false, (around) => onRaw(options, around, command));
  const { store, journal: name } = options;
  if (store === undefined || name === undefined)
    return await run(options.json ?? false, () => {
      throw new LogNotNamedError('No log is named'); // S1
    });
  return await runOnStore({ ...options, store }, async (context) => {
    const { signal } = context;
    const openLog = (other: string): Promise<Journal> =>
      findJournal(context.store, other, undefined, { signal });
    const hints = await readHints(options.hints ?? [], name);
    const journal = await findJournal(context.store, name, options.generation, { signal });
    return await command({ journal, hints, openLog, isRaw: false }, context);
  });
}

async function onRaw(
  { store, journal, hints: hintFiles = [], raw = [] }: LogOptions,
  around: Omit<Context, 'store'>,
  command: (log: OpenedLog, context: Context) => Promise<number>,
): Promise<number> {
  if (store !== undefined) throw new LogNotNamedError('Both a store and plain bytes are given'); // S1
  const hints = await readHints(hintFiles, journal);
  const name = journal ?? hints[0]?.hints.log ?? UNNAMED; // S2
  const handles: FileHandle[] = [];
  try {
    const contents = new Map<string, PlainContent>();
    for (const [i, given] of raw.entries()) {
      const [log, file] = i === 0 ? [name, given] : namedFile(given);
      const handle = await open(file).catch((error: unknown) => {
        throw new RawFileError(file, ensureError(error).message, error);
      });
      handles.push(handle);
      contents.set(log, await contentOf(file, handle));
    }
    const plain = plainStore(`raw:${raw.join(',')}`, contents);
    const openLog = async (other: string): Promise<Journal> => {
      if (!contents.has(other))
        throw new LogNotNamedError(`The hints begin in log ${other}: give it as --raw ${other}=FILE`);
      return plainJournal(plain, other);
    };
    const log: OpenedLog = { journal: plainJournal(plain, name), hints, openLog, isRaw: true };
    return await command(log, { ...around, store: plain });
  } finally {
    for (const handle of handles) await handle.close();
  }
}

function namedFile(given: string): readonly [string, string] {
  const at = given.indexOf('=');
  const name = given.slice(0, at);
  if (at < 0 || !isJournalName(name))
    throw new LogNotNamedError(`${given} does not say whose bytes it has: NAME=FILE`);
  return [name, given.slice(at + 1)];
}

async function contentOf(file: string, handle: FileHandle): Promise<PlainContent> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new RawFileError(file, 'it is no regular file');
  return {
    size: stats.size,
    read: async (offset, length) => {
      const bytes = Buffer.allocUnsafeSlow(length);
      for (let at = 0; at < length;) {
        const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw new RawFileError(file, `it ended at byte ${offset + at} of ${stats.size}`);
        at += bytesRead;
      }
      return bytes;
    },
  };
}
