/** no-files: for snapshots to which no files belong: a copy of the state alone, and those of on-disk machines, which are offered none (F4.24). */
import { NotOfferedError } from '../errors.ts';
import type { FilesOf, SnapshotCollector } from '../ports.ts';

/** Takes none. */
export const NO_FILES: SnapshotCollector = {
  add: () => {
    throw new NotOfferedError('files beside a snapshot');
  },
  seal: () => Promise.resolve(new Uint8Array(0)),
};

/** Finds none. */
export const noFilesOf: FilesOf = () => Promise.reject(new NotOfferedError('files beside a snapshot'));
