/**
 * collect: takes the files that a machine adds to its snapshot (F4.24).
 *
 * A1  A file is held from the moment of `add`: what the machine unlinks or replaces afterwards is in the snapshot as it was.
 * A2  A second file of one id, one that is missing, a directory or empty, one that is named when bytes were written already: the snapshot is not taken. A
 *     mistake must not become a snapshot without its files.
 */
import { createHash } from 'node:crypto';
import { EMPTY_BYTES, ensureError } from '../../base/index.ts';
import type { ReadableStateFile } from '../../stateio/index.ts';
import type { SnapshotFiles } from '../types.ts';
import { SnapshotFilesError } from './errors.ts';
import { externalFileName, type ManifestFile } from './manifest.ts';

/** Bytes of a file in memory at a time. */
const PIECE_BYTES: number = 1024 * 1024;

/** A file that was added, and what it is held by. */
export interface Collected<Held> {
  readonly id: number;
  readonly path: string;
  readonly metadata: Uint8Array;
  readonly held: Held;
}

export class FileCollector<Held> implements SnapshotFiles {
  readonly #hold: (id: number, path: string) => Promise<Held>;
  readonly #added = new Map<number, { path: string; metadata: Uint8Array; held: Promise<Held> }>();
  #sealed = false;

  /** @param hold called within `add` (A1); rejects when there is no such file */
  constructor(hold: (id: number, path: string) => Promise<Held>) {
    this.#hold = hold;
  }

  /** @throws SnapshotFilesError (A2) */
  add(id: number, path: string, metadata: Uint8Array = EMPTY_BYTES): void {
    if (this.#sealed)
      throw new SnapshotFilesError(id, path, 'files are added before the first byte of the state is written');
    if (!Number.isSafeInteger(id) || id < 0)
      throw new SnapshotFilesError(id, path, 'its id is no whole number from 0 on');
    if (this.#added.has(id)) throw new SnapshotFilesError(id, path, 'there is a file of this id already');
    const held = this.#hold(id, path);
    held.catch(() => undefined); // `seal` tells, unless the snapshot has failed by then
    this.#added.set(id, { path, metadata: metadata.slice(), held });
  }

  /** The files, in order of their ids; afterwards none can be added. @throws SnapshotFilesError (A2) */
  async seal(): Promise<readonly Collected<Held>[]> {
    this.#sealed = true;
    const all: Collected<Held>[] = [];
    for (const [id, { path, metadata, held }] of [...this.#added].sort(([a], [b]) => a - b)) {
      try {
        all.push({ id, path, metadata, held: await held });
      } catch (error) {
        throw new SnapshotFilesError(id, path, ensureError(error).message);
      }
    }
    return all;
  }

  /** What is held so far, also if the snapshot has failed. */
  async held(): Promise<readonly Held[]> {
    const outcomes = await Promise.allSettled([...this.#added.values()].map(({ held }) => held));
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }
}

/** Reads a file to its end, piece by piece. */
async function* piecesOf(file: ReadableStateFile): AsyncGenerator<Uint8Array, void> {
  const size = await file.size();
  for (let at = 0; at < size;) {
    const piece = await file.read(at, Math.min(PIECE_BYTES, size - at));
    if (piece.length === 0) return; // it became shorter: its digest tells
    yield piece;
    at += piece.length;
  }
}

/** Length and SHA-256 of a file, whose bytes `use` gets to see as well. @throws what they throw, the signal's reason */
export async function digestOf(
  file: ReadableStateFile,
  signal: AbortSignal | undefined,
  use?: (piece: Uint8Array, offset: number) => Promise<void>,
): Promise<Pick<ManifestFile, 'bytes' | 'sha256'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of piecesOf(file)) {
    signal?.throwIfAborted();
    hash.update(piece);
    await use?.(piece, bytes);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** A file's entry in the manifest. @throws SnapshotFilesError when it is empty (A2), and as digestOf */
export async function describeFile(
  { id, path, metadata }: Collected<unknown>,
  file: ReadableStateFile,
  signal: AbortSignal | undefined,
  use?: (piece: Uint8Array, offset: number) => Promise<void>,
): Promise<ManifestFile> {
  const { bytes, sha256 } = await digestOf(file, signal, use);
  if (bytes === 0) throw new SnapshotFilesError(id, path, 'it is empty');
  return {
    id,
    file: externalFileName(id),
    bytes,
    sha256,
    metadata: Buffer.from(metadata).toString('base64'),
  };
}
