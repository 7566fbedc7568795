/**
 * export: a snapshot as a directory outside the log, for a copy elsewhere or a new log (seeds.md F4.26, F4.30).
 *
 *   <parent>/snapshot-<index, 16 hex digits>/{state.snapshot, external-file-<id>…, manifest.json}
 *
 * D1  It is written under a name of its own that ends in `.generating`, every file and the directory synced, then renamed, then the parent synced. So a
 *     directory of the final name is whole whenever there is one, also after a power cut.
 * D2  What an export that died has left is removed by the next one into the same parent: one export at a time has a parent.
 * D3  A snapshot that is there is not replaced.
 */
import { basename, dirname, join } from 'node:path';
import { EMPTY_BYTES, errorCode, systemFiles, type FileSystemCalls } from '../../base/index.ts';
import type { RecordedFile, RecordedFs } from '../../recoverylog/index.ts';
import { openPlainFile, type PlainFile } from '../../stateio/index.ts';
import type { SnapshotCollector } from '../ports.ts';
import type { Place } from '../position.ts';
import type { MachineKind, WriteChunk } from '../types.ts';
import { describeFile, FileCollector } from './collect.ts';
import { SnapshotExistsError } from './errors.ts';
import {
  encodeManifest,
  externalFileName,
  MANIFEST_FILE,
  STATE_FILE,
  type Manifest,
  type ManifestFile,
} from './manifest.ts';
import { writeSnapshotFile, type SnapshotFigures } from './write-file.ts';

/** What can be exported: a runtime. */
export interface Exportable {
  readonly kind: MachineKind;
  /** Writes the whole state, header first in one chunk. @returns what it is of */
  save(write: WriteChunk, signal: AbortSignal, files: SnapshotCollector): Promise<Place>;
}

export interface ExportOptions {
  readonly signal?: AbortSignal;
  /** Where it is written; the file system of this machine by default. */
  readonly files?: FileSystemCalls;
}

/** An exported snapshot. */
export interface Exported {
  /** Its directory. */
  readonly path: string;
  readonly manifest: Manifest;
}

const UNFINISHED = 'snapshot.generating';

/** Name of the directory of the snapshot at `index`. */
export function snapshotName(index: number): string {
  return `snapshot-${index.toString(16).toUpperCase().padStart(16, '0')}`;
}

/**
 * Writes a snapshot of this moment into a new directory below `parent`, which is made if it is not there (D1). It must not be a recorded directory: the log
 * would hold everything twice.
 * @param fs where the machine's files are
 * @throws SnapshotExistsError (D3), SnapshotFilesError, what the machine, the log and the disk throw, the signal's reason
 */
export async function exportSnapshot(
  source: Exportable,
  fs: RecordedFs,
  parent: string,
  { signal = new AbortController().signal, files = systemFiles }: ExportOptions = {},
): Promise<Exported> {
  await makeDirectory(files, parent);
  const unfinished = join(parent, UNFINISHED);
  await files.rm(unfinished, { recursive: true, force: true }); // D2
  await files.mkdir(unfinished);
  try {
    const manifest = await writeFiles(source, fs, unfinished, { signal, files });
    await writeDurably(files, join(unfinished, MANIFEST_FILE), (file) =>
      file.write(encodeManifest(manifest), 0),
    );
    await syncDirectory(files, unfinished);
    signal.throwIfAborted();
    const path = join(parent, snapshotName(manifest.index));
    await publish(files, unfinished, path);
    await syncDirectory(files, parent);
    return { path, manifest };
  } catch (error) {
    await files.rm(unfinished, { recursive: true, force: true }).catch(() => undefined); // the next export removes it (D2); what failed first is told
    throw error;
  }
}

async function writeFiles(
  source: Exportable,
  fs: RecordedFs,
  dir: string,
  { signal, files: disk }: Required<ExportOptions>,
): Promise<Manifest> {
  const { kind } = source;
  const files = new CopiedFiles(fs, dir, disk, signal);
  let place: Place | undefined;
  let figures: SnapshotFigures;
  try {
    figures = await writeDurably(disk, join(dir, STATE_FILE), (file) =>
      writeSnapshotFile(file, async (write) => {
        const stopping: WriteChunk = async (chunk) => {
          signal.throwIfAborted();
          await write(chunk);
        };
        place = await source.save(stopping, signal, files);
      }),
    );
  } finally {
    await files.close();
  }
  const { fileBytes: bytes, payloadChecksum } = figures;
  const { index, term } = place!; // saved
  return { kind, index, term, state: { bytes, payloadChecksum }, files: files.copies };
}

/** Copies the files that a machine adds, and lists them; the state's own header has no part in that. */
class CopiedFiles implements SnapshotCollector {
  readonly #dir: string;
  readonly #disk: FileSystemCalls;
  readonly #signal: AbortSignal;
  readonly #files: FileCollector<RecordedFile>;
  copies: readonly ManifestFile[] = [];

  constructor(fs: RecordedFs, dir: string, disk: FileSystemCalls, signal: AbortSignal) {
    this.#dir = dir;
    this.#disk = disk;
    this.#signal = signal;
    this.#files = new FileCollector((_, path) => fs.open(path, { readOnly: true }));
  }

  add(id: number, path: string, metadata?: Uint8Array): void {
    this.#files.add(id, path, metadata);
  }

  async seal(): Promise<Uint8Array> {
    const copies: ManifestFile[] = [];
    for (const added of await this.#files.seal())
      copies.push(
        await writeDurably(this.#disk, join(this.#dir, externalFileName(added.id)), (copy) =>
          describeFile(added, added.held, this.#signal, (piece, offset) => copy.write(piece, offset)),
        ),
      );
    this.copies = copies;
    return EMPTY_BYTES; // they are named in the manifest beside them
  }

  async close(): Promise<void> {
    for (const file of await this.#files.held()) await file.close();
  }
}

async function writeDurably<T>(
  files: FileSystemCalls,
  path: string,
  use: (file: PlainFile) => Promise<T>,
): Promise<T> {
  const file = await openPlainFile(path, 'w+', files);
  try {
    const result = await use(file);
    await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

/** @throws SnapshotExistsError (D3): nobody else exports here (D2), so what is not there now is not there a moment later */
async function publish(files: FileSystemCalls, unfinished: string, path: string): Promise<void> {
  if ((await files.readdir(dirname(path))).includes(basename(path))) throw new SnapshotExistsError(path);
  await files.rename(unfinished, path);
}

/** Makes a directory, and those above it, so that a power cut does not take them away again with what is put there (D1). */
async function makeDirectory(files: FileSystemCalls, path: string): Promise<void> {
  try {
    await files.mkdir(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      await makeDirectory(files, dirname(path));
      await files.mkdir(path);
    } else if (errorCode(error) !== 'EEXIST') throw error;
  }
  try {
    await syncDirectory(files, dirname(path));
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error; // not ours to look into: whoever made it has seen to its name
  }
}

async function syncDirectory(files: FileSystemCalls, path: string): Promise<void> {
  const handle = await files.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
