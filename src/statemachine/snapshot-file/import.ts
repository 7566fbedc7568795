/**
 * import: an exported snapshot becomes the state of a log, whatever state the log had (seeds.md F4.30).
 *
 * J1  All of it is checked before anything is written (read-export H2), and what is written is checked to be that.
 * J2  It is put into place as a snapshot of the log is: files, then `next`, then the rename (current-file E1). A crash on the way leaves the state
 *     there was, or, in a new log, none.
 * J3  It is marked as forced: whoever opens the state restores it, also over newer state in the files of an on-disk machine.
 * J4  It has the term of whoever imports it, since terms belong to a log; the index goes on where the export was.
 */
import { join } from 'node:path';
import { EMPTY_BYTES } from '../../base/index.ts';
import type { RecordedFile, RecordedFs } from '../../recoverylog/index.ts';
import { openPlainFile, StateWriter } from '../../stateio/index.ts';
import { encodeSnapshotHeader, type OpenedSnapshot } from '../envelope.ts';
import { CURRENT, NEXT } from '../paths.ts';
import { logIndex, logTerm } from '../types.ts';
import { digestOf } from './collect.ts';
import { SnapshotDamagedError } from './errors.ts';
import { linkedFiles, linkPath } from './linked-files.ts';
import { encodeManifest, type Manifest, type ManifestFile } from './manifest.ts';
import { withExport } from './read-export.ts';

/** Bytes that may be on their way to the log at once: the journal's buffer stays small. */
const UNSYNCED_BYTES: number = 8 * 1024 * 1024;

export interface ImportTarget {
  /** Of a log that this process is the primary of, without a runtime: nobody else writes to its state. */
  readonly fs: RecordedFs;
  /** Of this primary (J4). */
  readonly term: number;
}

/**
 * Replaces the state of a log by the exported snapshot in `dir`. Durable when it resolves.
 * @throws as checkExport before anything is written (J1), then what the log and the disk throw, the signal's reason
 */
export async function importSnapshot(
  dir: string,
  { fs, term }: ImportTarget,
  signal: AbortSignal = new AbortController().signal,
): Promise<Manifest> {
  return await withExport(
    dir,
    async (exported, snapshot) => {
      const manifest: Manifest = { ...exported, term }; // J4
      const { kind, index, files } = manifest;
      for (const file of files)
        await copyFile(fs, file, join(dir, file.file), linkPath(manifest, file.file), signal);
      const named = files.length === 0 ? EMPTY_BYTES : encodeManifest({ kind, index, term, files });
      await writeState(fs, manifest, named, snapshot, signal);
      await fs.rename(NEXT, CURRENT); // J2
      await fs.barrier();
      await linkedFiles(fs, kind).keepOnly(index);
      await fs.barrier();
      return manifest;
    },
    signal,
  );
}

/** @throws RecordedFsError EEXIST when this was imported already, in this very term; SnapshotDamagedError when it is not the file that was checked (J1) */
async function copyFile(
  fs: RecordedFs,
  { id, bytes, sha256 }: ManifestFile,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const source = await openPlainFile(from, 'r');
  try {
    const copy = await fs.open(to, { create: true, exclusive: true });
    try {
      const copied = await digestOf(source, signal, gently(copy));
      if (copied.bytes !== bytes || copied.sha256 !== sha256)
        throw new SnapshotDamagedError(`its file ${id} was changed while it was imported`, 0);
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}

async function writeState(
  fs: RecordedFs,
  { index, term }: Manifest,
  manifest: Uint8Array,
  { header, state }: OpenedSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const file = await fs.open(NEXT, { create: true, truncate: true });
  const place = { index: logIndex(index), term: logTerm(term) };
  const forced = encodeSnapshotHeader({ kind: 'forced', ...place, clients: header.clients, manifest }); // J3
  const writer = new StateWriter({
    size: () => file.size(),
    read: (offset, length) => file.read(offset, length),
    write: gently(file),
    sync: () => file.sync(),
  });
  try {
    await writer.streamSnapshot(async (write) => {
      await write(forced);
      for await (const chunk of state) {
        signal.throwIfAborted();
        await write(chunk);
      }
    });
  } finally {
    await file.close();
  }
}

/** Writes to a file so that at most UNSYNCED_BYTES are on their way to the log. */
function gently(file: RecordedFile): (data: Uint8Array, offset: number) => Promise<void> {
  let unsynced = 0;
  return async (data, offset) => {
    await file.write(data, offset);
    unsynced += data.length;
    if (unsynced < UNSYNCED_BYTES) return;
    await file.sync();
    unsynced = 0;
  };
}
