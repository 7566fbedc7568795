/**
 * compact-file: rewrite for a plain file of this machine that nobody appends to meanwhile.
 *
 * K1  Whenever the machine dies, the file is the old one or the new one, whole; what `.next` holds means nothing and is taken away by the next run.
 */
import { dirname } from 'node:path';
import { systemFiles, type FileSystemCalls } from '../base/index.ts';
import { openPlainFile } from './file.ts';
import type { Placed } from './log-writer.ts';
import { restore, type Restored } from './restore.ts';
import { rewrite } from './rewrite.ts';

/**
 * Rewrites the state file at `path` so that it begins with a snapshot of everything in it.
 * @param snapshotOf makes the snapshot's bytes of what was restored; it reads the updates itself (`updatesOf`)
 * @returns where the snapshot stands in the new file
 * @throws what reading and writing throw; the old file is then unchanged
 */
export async function compactFile(
  path: string,
  snapshotOf: (restored: Restored) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  files: FileSystemCalls = systemFiles,
): Promise<Placed> {
  const beside = `${path}.next`;
  const source = await openPlainFile(path, 'r', files);
  try {
    const restored = await restore(source);
    const next = await openPlainFile(beside, 'w+', files);
    try {
      const { snapshot } = await rewrite({
        source,
        from: restored.end, // everything intact is in the snapshot
        epoch: restored.epoch,
        limit: restored.end,
        next,
        snapshot: async (write) => {
          for await (const chunk of snapshotOf(restored)) await write(chunk);
        },
        pause: (work) => work(),
        place: {
          ordered: false,
          rename: () => files.rename(beside, path),
          settle: () => syncDirectory(files, dirname(path)),
        },
      });
      return snapshot;
    } finally {
      await next.close();
      await files.rm(beside, { recursive: true, force: true }); // K1; nothing is there any more when it was renamed
    }
  } finally {
    await source.close();
  }
}

/** Makes what happened to the names of a directory durable. */
async function syncDirectory(files: FileSystemCalls, path: string): Promise<void> {
  const directory = await files.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
