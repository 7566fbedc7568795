/**
 * ports: what this room needs of a recorded directory. The recorder's file system and the player's live view have these shapes.
 */
import type { StateFile } from '../stateio/index.ts';
import type { Place } from './position.ts';
import type { SnapshotFile, SnapshotFiles } from './types.ts';

/** A file whose writes are recorded. `sync` resolves when every operation of the recorder so far is in the log. */
export interface RecordedStateFile extends StateFile {
  close(): void | Promise<void>;
}

/** Takes the files that a machine names while it is saved. */
export interface SnapshotCollector extends SnapshotFiles {
  /** Makes what was added part of the snapshot; afterwards nothing can be added. @returns the manifest, which names it all; empty when there is nothing */
  seal(): Promise<Uint8Array>;
}

/** Keeps the files of snapshots in the recorded directory. */
export interface SnapshotKeeper {
  /** For the snapshot of one index. */
  collect(place: Place): SnapshotCollector;
  /** The snapshot of `index` is the one that a restart finds, undefined when there is none: files of others may go. */
  keepOnly(index: number | undefined): Promise<void>;
}

/** Files that can be read until they are closed, whatever becomes of their names. */
export interface OpenedFiles {
  readonly files: readonly SnapshotFile[];
  close(): Promise<void>;
}

/** Opens the files that a manifest names, and sees that they are whole. */
export type FilesOf = (manifest: Uint8Array, signal: AbortSignal) => Promise<OpenedFiles>;

export interface LiveChange {
  readonly path: string;
  readonly kind: 'write' | 'link' | 'unlink';
}

/** The directory of a standby as its player brings it up to date. A change is announced after it was made. */
export interface LiveDirectory {
  /** Every path that is linked now. */
  paths(): readonly string[];
  /** Absolute local path of that file's bytes now; undefined when it is not linked. */
  resolve(path: string): string | undefined;
  /** @returns a function that ends the subscription */
  subscribe(listener: (change: LiveChange) => void): () => void;
}
