/**
 * read-export: an exported snapshot, checked and read.
 *
 * H1  A directory is a snapshot only as a whole: manifest, state and every file as the manifest says, and nothing else beside them.
 * H2  Nothing of it is given on before all of it was read once and found whole.
 */
import { join } from 'node:path';
import { errorCode, systemFiles, type FileSystemCalls } from '../../base/index.ts';
import { openPlainFile, type PlainFile } from '../../stateio/index.ts';
import { openSnapshot, type OpenedSnapshot } from '../envelope.ts';
import { SnapshotDamagedError } from './errors.ts';
import { checkFile } from './linked-files.ts';
import { decodeManifest, MANIFEST_FILE, MAX_MANIFEST_BYTES, STATE_FILE, type Manifest } from './manifest.ts';
import { openSnapshotFile } from './read-file.ts';

/**
 * Reads every byte of an exported snapshot (H1).
 * @throws SnapshotDamagedError, SnapshotVersionError, EnvelopeError, system errors other than that a file is missing, the signal's reason
 */
export async function checkExport(
  dir: string,
  signal?: AbortSignal,
  files: FileSystemCalls = systemFiles,
): Promise<Manifest> {
  const manifest = await readManifest(dir, files);
  const expected = [MANIFEST_FILE, STATE_FILE, ...manifest.files.map(({ file }) => file)].sort();
  const found = (await files.readdir(dir)).sort();
  const missing = expected.find((name) => !found.includes(name));
  if (missing !== undefined) throw new SnapshotDamagedError(`its file ${missing} is missing`, 0);
  const stray = found.find((name) => !expected.includes(name));
  if (stray !== undefined) throw new SnapshotDamagedError(`${stray} does not belong to it`, 0);
  for (const file of manifest.files) await checkFile(file, join(dir, file.file), signal, files);
  await withState(dir, manifest, files, async ({ header, state }) => {
    if (header.kind !== 'full' || header.index !== manifest.index || header.term !== manifest.term)
      throw new SnapshotDamagedError('its state is of another index than its manifest', 0);
    for await (const chunk of state) if (chunk.length > 0) signal?.throwIfAborted();
  });
  return manifest;
}

/** Checks a snapshot, then reads it again for as long as `use` runs (H2). @throws as checkExport */
export async function withExport<T>(
  dir: string,
  use: (manifest: Manifest, snapshot: OpenedSnapshot) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const manifest = await checkExport(dir, signal);
  return await withState(dir, manifest, systemFiles, (snapshot) => use(manifest, snapshot));
}

async function withState<T>(
  dir: string,
  manifest: Manifest,
  files: FileSystemCalls,
  use: (snapshot: OpenedSnapshot) => Promise<T>,
): Promise<T> {
  const file: PlainFile = await openPlainFile(join(dir, STATE_FILE), 'r', files);
  try {
    const { prologue, state, figures } = await openSnapshotFile(file);
    if (
      figures.fileBytes !== manifest.state?.bytes ||
      figures.payloadChecksum !== manifest.state.payloadChecksum
    )
      throw new SnapshotDamagedError('its state is of another snapshot', 0);
    return await use(await openSnapshot(behind(prologue, state)));
  } finally {
    await file.close();
  }
}

async function* behind(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield first;
  yield* rest;
}

async function readManifest(dir: string, files: FileSystemCalls): Promise<Manifest> {
  const file = await openManifest(dir, files);
  try {
    const size = await file.size();
    if (size > MAX_MANIFEST_BYTES)
      throw new SnapshotDamagedError('its manifest is too long', MAX_MANIFEST_BYTES);
    const manifest = decodeManifest(await file.read(0, size));
    if (manifest.state === undefined) throw new SnapshotDamagedError('its manifest names no state', 0);
    return manifest;
  } finally {
    await file.close();
  }
}

async function openManifest(dir: string, files: FileSystemCalls): Promise<PlainFile> {
  try {
    return await openPlainFile(join(dir, MANIFEST_FILE), 'r', files);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new SnapshotDamagedError(`${dir} has no manifest, so it is no whole snapshot`, 0, error);
  }
}
