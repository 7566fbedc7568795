/**
 * An existing directory as the beginning of a log: every file with its content, every further name of it as a link.
 *
 * I1  The directory must not change meanwhile; a file that does is an error, and the log is of no use then.
 * I2  Memory holds what the session may buffer and one piece of a file, however large the directory; of files with several names their identities.
 * I3  Hints are given once everything is durable.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { HoldfastError, raceAbort } from '../../base/index.ts';
import type { FsmHints } from '../format/hints.ts';
import { walkDirectory, type Walked } from './directory-walk.ts';
import { MAX_WRITE_BYTES, type Recorder } from './recorder.ts';

/** A file was written to while it was read (I1). */
export class SourceChangedError extends HoldfastError {
  constructor(path: string) {
    super(
      'SOURCE_CHANGED',
      `${path} was changed while it was imported. Stop whoever writes to the directory, then import it again.`,
      { fields: { path } },
    );
  }
}

export interface ImportedFigures {
  files: number;
  /** Further names of files. */
  links: number;
  bytes: number;
}

export interface ImportOptions {
  readonly signal?: AbortSignal | undefined;
  /** What was found and cannot be recorded; throw to end the import. */
  readonly onUnrecordable: (entry: Extract<Walked, { kind: 'unrecordable' }>) => void;
  /** Bytes recorded so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Records everything below `dir` (I1-I3).
 * @throws SourceChangedError, RecorderBrokenError, what the file system says, what onUnrecordable throws, the signal's reason
 */
export async function importDirectory(
  dir: string,
  recorder: Recorder,
  { signal, onUnrecordable, onProgress }: ImportOptions,
): Promise<{ readonly hints: FsmHints; readonly figures: Readonly<ImportedFigures> }> {
  const figures: ImportedFigures = { files: 0, links: 0, bytes: 0 };
  const fnodes = new Map<string, number>();
  for await (const entry of walkDirectory(dir)) {
    signal?.throwIfAborted();
    if (entry.kind === 'unrecordable') {
      onUnrecordable(entry);
      continue;
    }
    const { path, local, identity } = entry;
    const known = identity === undefined ? undefined : fnodes.get(identity);
    await raceAbort(recorder.whenWritable(), signal);
    if (known !== undefined) {
      recorder.record([{ link: { fnode: known, path } }]);
      figures.links++;
      continue;
    }
    const fnode = recorder.nextSeqNo;
    recorder.record([{ create: { path } }]);
    if (identity !== undefined) fnodes.set(identity, fnode);
    figures.files++;
    for await (const { bytes, offset } of pieces(local)) {
      await raceAbort(recorder.whenWritable(), signal);
      recorder.record([{ write: { fnode, offset, length: bytes.length } }], bytes);
      figures.bytes += bytes.length;
      onProgress?.(figures.bytes);
    }
  }
  return { hints: await raceAbort(recorder.buildHints(), signal), figures };
}

/** The content of a file, each piece in memory of its own: a recorder keeps it until it is durable. @throws SourceChangedError (I1) */
async function* pieces(
  local: string,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly offset: number }, void> {
  const handle = await open(local, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const before = await stateOf(handle);
    for (let offset = 0; offset < before.size; offset += MAX_WRITE_BYTES) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(MAX_WRITE_BYTES, before.size - offset));
      for (let at = 0, read = 0; at < bytes.length; at += read) {
        read = (await handle.read(bytes, at, bytes.length - at, offset + at)).bytesRead;
        if (read === 0) throw new SourceChangedError(local);
      }
      yield { bytes, offset };
    }
    const after = await stateOf(handle);
    if (after.size !== before.size || after.changedNs !== before.changedNs)
      throw new SourceChangedError(local);
  } finally {
    await handle.close();
  }
}

async function stateOf(handle: FileHandle): Promise<{ readonly size: number; readonly changedNs: bigint }> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  return { size: Number(size), changedNs: mtimeNs };
}
