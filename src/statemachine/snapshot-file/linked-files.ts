/**
 * linked-files: the files of a snapshot in the recorded directory (F4.24, F4.26, seeds.md C5.8).
 *
 *   /state/snapshots/<index, 16 hex digits>-<term>.external-file-<id>    a link to each
 *
 * The header of the snapshot in the state file names them, with sizes and digests (manifest.ts).
 *
 * R1  They are linked before the state file that names them is renamed into place. The log keeps the order of operations, so whoever finds that name
 *     finds the files: no flag file, no barrier in between (seeds.md decision 14).
 * R2  Those of an older snapshot go once the newer one is durable. A link that no snapshot names means nothing, and goes with them, or when the next primary
 *     opens.
 * R3  No name is used twice: an index has one snapshot in a term, and terms grow.
 * R4  What is handed to a machine goes on being readable until it is closed, whatever becomes of the name: the path leads through an open descriptor.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { EMPTY_BYTES, errorCode, systemFiles, type Clock, type FileSystemCalls } from '../../base/index.ts';
import type { RecordedFs } from '../../recoverylog/index.ts';
import { openPlainFile } from '../../stateio/index.ts';
import { FILE_MOVE_PATIENCE_MS } from '../limits.ts';
import { SNAPSHOTS } from '../paths.ts';
import type { FilesOf, LiveDirectory, OpenedFiles, SnapshotCollector, SnapshotKeeper } from '../ports.ts';
import type { Place } from '../position.ts';
import type { MachineKind, SnapshotFile } from '../types.ts';
import { describeFile, digestOf, FileCollector, type Collected } from './collect.ts';
import { SnapshotDamagedError, SnapshotFilesGoneError } from './errors.ts';
import {
  decodeManifest,
  encodeManifest,
  externalFileName,
  type Manifest,
  type ManifestFile,
} from './manifest.ts';

/** Between two looks for a file that is being moved, ms. */
const MOVE_POLL_MS = 5;
const INDEX_DIGITS = 16;

/** What the names of the files of all snapshots at `index` begin with. */
function stemOf(index: number): string {
  return `${SNAPSHOTS}/${index.toString(16).toUpperCase().padStart(INDEX_DIGITS, '0')}-`;
}

/** Name of a file of a snapshot (R3). */
export function linkPath({ index, term }: Pick<Manifest, 'index' | 'term'>, file: string): string {
  return `${stemOf(index)}${term}.${file}`;
}

/** Keeps the files of one machine's snapshots (R1, R2). */
export function linkedFiles(fs: RecordedFs, kind: MachineKind): SnapshotKeeper {
  return {
    collect: (place) => collectLinks(fs, kind, place),
    keepOnly: async (index) => {
      const kept = index === undefined ? undefined : stemOf(index);
      for (const name of await namesOf(fs)) {
        const path = `${SNAPSHOTS}/${name}`;
        if (kept === undefined || !path.startsWith(kept)) await fs.unlink(path);
      }
    },
  };
}

function collectLinks(fs: RecordedFs, kind: MachineKind, { index, term }: Place): SnapshotCollector {
  const links = new FileCollector(async (id, path) => {
    const link = linkPath({ index, term }, externalFileName(id));
    await fs.link(path, link);
    return link;
  });
  return {
    add: (id, path, metadata) => links.add(id, path, metadata),
    seal: async () => {
      const files: ManifestFile[] = [];
      for (const added of await links.seal()) files.push(await describeLink(fs, added));
      return files.length === 0 ? EMPTY_BYTES : encodeManifest({ kind, index, term, files });
    },
  };
}

async function describeLink(fs: RecordedFs, added: Collected<string>): Promise<ManifestFile> {
  const file = await fs.open(added.held, { readOnly: true });
  try {
    return await describeFile(added, file, undefined);
  } finally {
    await file.close();
  }
}

async function namesOf(fs: RecordedFs): Promise<readonly string[]> {
  try {
    return await fs.readdir(SNAPSHOTS);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Finds the files that the snapshot of a state file names, and checks that they are those. */
export function linkedFilesOf(live: Pick<LiveDirectory, 'resolve'>, clock: Clock): FilesOf {
  return async (manifest, signal) => {
    const { index, term, files } = decodeManifest(manifest);
    const opened: { readonly file: SnapshotFile; readonly handle: FileHandle }[] = [];
    const close = async (): Promise<void> => {
      for (const { handle } of opened) await handle.close();
    };
    try {
      for (const expected of files) {
        const handle = await openLink(live, linkPath({ index, term }, expected.file), clock, signal);
        const file = asFile(expected, handle);
        opened.push({ file, handle });
        await checkFile(expected, file.path, signal);
      }
      return { files: opened.map(({ file }) => file), close } satisfies OpenedFiles;
    } catch (error) {
      await close();
      throw error;
    }
  };
}

/** A file that the player moves from the staging directory into place is looked for again. @throws SnapshotFilesGoneError */
async function openLink(
  live: Pick<LiveDirectory, 'resolve'>,
  path: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<FileHandle> {
  const giveUpMs = clock.monotonicMs() + FILE_MOVE_PATIENCE_MS;
  for (;;) {
    const local = live.resolve(path);
    if (local === undefined) throw new SnapshotFilesGoneError(path);
    try {
      return await open(local, 'r');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || clock.monotonicMs() > giveUpMs) throw error;
    }
    await clock.sleep(MOVE_POLL_MS, signal);
  }
}

/** @throws SnapshotDamagedError unless the file is the one that was described */
export async function checkFile(
  { id, bytes, sha256 }: ManifestFile,
  path: string,
  signal: AbortSignal | undefined,
  files: FileSystemCalls = systemFiles,
): Promise<void> {
  const file = await openPlainFile(path, 'r', files);
  try {
    const found = await digestOf(file, signal);
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw new SnapshotDamagedError(`its file ${id} is not the one that was added`, 0);
  } finally {
    await file.close();
  }
}

/** R4 */
function asFile({ id, metadata }: ManifestFile, handle: FileHandle): SnapshotFile {
  return { id, path: `/dev/fd/${handle.fd}`, metadata: new Uint8Array(Buffer.from(metadata, 'base64')) };
}
