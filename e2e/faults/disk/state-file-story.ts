/**
 * A state file on a plain disk that fails it, and the verdict: its two ways to grow (entries behind entries, and a new file renamed over the old one), and
 * what restoring finds afterwards.
 *
 *   S1  Every entry that a sync has answered for is restored, in its order, and behind them only entries that were written, without a gap.
 *   S2  The first failure of a write or sync breaks the writer for good: nothing is acknowledged after it.
 *   S3  Restoring never fails because of what the disk has lost, and whoever goes on behind it loses nothing.
 *   S4  Nobody leaves a file open.
 */
import { ensureError, fromUtf8, utf8, type FileSystemCalls } from '../../../src/base/index.ts';
import {
  openPlainFile,
  restore,
  resumeWriter,
  StateWriter,
  updatesOf,
  type PlainFile,
} from '../../../src/stateio/index.ts';
import type { DiskProcess } from './volume.ts';

const DIR = '/state';
const CURRENT = `${DIR}/current`;
const NEXT = `${DIR}/next`;

/** What a life was told, and what it had begun. */
export interface Told {
  /** Entries that were written or begun, in order. */
  readonly written: string[];
  /** How many of them were acknowledged. */
  acknowledged: number;
  /** What failed first. */
  failure: Error | undefined;
  answeredAfterFailure: number;
}

export function nothingTold(): Told {
  return { written: [], acknowledged: 0, failure: undefined, answeredAfterFailure: 0 };
}

/** Makes the directory durable: where a file is in it is no business of stateio. */
async function syncDirectory(files: FileSystemCalls, path: string): Promise<void> {
  const directory = await files.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Whether a file of this name is there. */
async function isThere(files: FileSystemCalls, path: string): Promise<boolean> {
  return (await files.readdir(DIR)).includes(path.slice(DIR.length + 1));
}

/** One life of a writer: goes on where the last one has ended, and notes what it is told. Never rejects. */
export async function liveStateFile(disk: DiskProcess, told: Told, names: readonly string[]): Promise<void> {
  const open: PlainFile[] = [];
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
      if (told.failure !== undefined) told.answeredAfterFailure++;
    } catch (error) {
      told.failure ??= ensureError(error);
    }
  };
  const { files } = disk;
  let writer: StateWriter | undefined;
  await attempt(async () => {
    writer = await begin(files, open, told);
  });
  const write = async (name: string): Promise<void> => {
    told.written.push(name);
    await writer!.update(utf8(name));
  };
  const sync = async (): Promise<void> => {
    const count = told.written.length;
    await writer!.sync();
    told.acknowledged = count;
  };
  if (writer) {
    for (const [n, name] of names.entries()) {
      await attempt(() => write(name)); // whatever has failed before: that is how S2 shows
      if (n % 2 === 1) await attempt(sync);
    }
    const compacting = told.failure === undefined;
    if (compacting)
      await attempt(async () => {
        writer = await compact(files, open, told);
      });
    if (!compacting || told.failure === undefined) {
      await attempt(() => write(`${names[0]}, behind the snapshot`));
      await attempt(sync);
    }
  }
  for (const file of open)
    await file.close().catch((error: unknown) => (told.failure ??= ensureError(error)));
}

/** Opens the file, and goes on behind what it holds. A first one is made durable as a name before anything is acknowledged in it. */
async function begin(files: FileSystemCalls, open: PlainFile[], told: Told): Promise<StateWriter> {
  await files.mkdir(DIR, { recursive: true });
  await syncDirectory(files, '/');
  if (await isThere(files, CURRENT)) {
    const restored = await entriesOf(files);
    told.written.splice(0, Infinity, ...restored.entries);
    if (restored.isWhole) {
      const file = await opened(open, openPlainFile(CURRENT, 'r+', files));
      return resumeWriter(file, await restore(file));
    }
    return await compact(files, open, told);
  }
  const file = await opened(open, openPlainFile(CURRENT, 'w+', files));
  await syncDirectory(files, DIR);
  return new StateWriter(file);
}

async function opened(open: PlainFile[], opening: Promise<PlainFile>): Promise<PlainFile> {
  const file = await opening;
  open.push(file);
  return file;
}

/** Writes all of it as one snapshot into a new file, and renames that over the old one (decision 14). */
async function compact(files: FileSystemCalls, open: PlainFile[], told: Told): Promise<StateWriter> {
  const file = await opened(open, openPlainFile(NEXT, 'w+', files));
  const writer = new StateWriter(file);
  const entries = told.written.slice();
  await writer.streamSnapshot(async (write) => {
    for (const entry of entries) await write(utf8(`${entry}\n`));
  });
  await writer.sync();
  await files.rename(NEXT, CURRENT);
  await syncDirectory(files, DIR);
  told.acknowledged = entries.length;
  return writer;
}

/** What a restore finds: the snapshot's entries and those behind it, up to the first damage. */
export async function entriesOf(
  files: FileSystemCalls,
): Promise<{ readonly entries: readonly string[]; readonly isWhole: boolean }> {
  if (!(await files.readdir('/')).includes(DIR.slice(1)) || !(await isThere(files, CURRENT)))
    return { entries: [], isWhole: true };
  const file = await openPlainFile(CURRENT, 'r', files);
  try {
    const restored = await restore(file);
    const entries: string[] = [];
    if (restored.snapshot)
      entries.push(
        ...fromUtf8(await restored.snapshot.bytes())
          .split('\n')
          .slice(0, -1),
      );
    const updates = updatesOf(file, restored);
    for (;;) {
      const outcome = await updates.next();
      if (outcome.kind !== 'update')
        return { entries, isWhole: outcome.kind === 'end' && restored.skipped.length === 0 };
      entries.push(fromUtf8(outcome.payload));
    }
  } finally {
    await file.close();
  }
}

/** S1, S2, S4: what is wrong with what was found, in words. */
export function wrongWith(told: Told, found: readonly string[], disk: DiskProcess): string[] {
  const wrong: string[] = [];
  const { written, acknowledged } = told;
  if (found.length < acknowledged || found.some((entry, n) => entry !== written[n]))
    wrong.push(`S1: of [${written.join(' ')}], ${acknowledged} acknowledged, there is [${found.join(' ')}]`);
  if (told.answeredAfterFailure > 0)
    wrong.push(`S2: ${told.answeredAfterFailure} steps were answered after a failure`);
  if (disk.open.length > 0) wrong.push(`S4: left open: ${disk.open.join(', ')}`);
  return wrong;
}
