/**
 * ports: what this room needs of a recorded directory. The recorder's file system and the player's live view have these shapes.
 */
import type { StateFile } from '../stateio/index.ts';

/** A file whose writes are recorded. `sync` resolves when every operation of the recorder so far is in the log. */
export interface RecordedStateFile extends StateFile {
  close(): void | Promise<void>;
}

/** The recorded file system. Operations take effect in the log in the order they were called. */
export interface RecordedDirectory {
  open(
    path: string,
    options: { readonly create?: boolean; readonly exclusive?: boolean; readonly truncate?: boolean },
  ): Promise<RecordedStateFile>;
  exists(path: string): boolean;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Resolves when every operation so far is in the log. */
  barrier(): Promise<void>;
}

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
