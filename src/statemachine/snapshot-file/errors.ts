/**
 * errors: what snapshot files, their directories and the files beside them can be refused for.
 */
import { HoldfastError } from '../../base/index.ts';

/** The bytes are not those that were written: something was changed, cut off or added. Nothing of such a snapshot may be served. */
export class SnapshotDamagedError extends HoldfastError {
  readonly offset: number;

  constructor(what: string, offset: number, cause?: unknown) {
    super(
      'SNAPSHOT_DAMAGED',
      `The snapshot is damaged at byte ${offset}: ${what}. Take another copy of it, or another snapshot.`,
      { fields: { what, offset }, cause },
    );
    this.offset = offset;
  }
}

/** Intact, and in a form that this version does not know. */
export class SnapshotVersionError extends HoldfastError {
  constructor(what: string) {
    super(
      'SNAPSHOT_VERSION',
      `The snapshot cannot be read: ${what}. It was written by another version, or is no snapshot of this service.`,
      { fields: { what } },
    );
  }
}

/** A state machine gave a snapshot a file that cannot travel with it (F4.24); the snapshot is not taken. */
export class SnapshotFilesError extends HoldfastError {
  constructor(id: number, path: string, why: string) {
    super('SNAPSHOT_FILES', `File ${id} (${path}) cannot belong to the snapshot: ${why}.`, {
      fields: { id, path, why },
    });
  }
}

/** A directory that is to hold an exported snapshot has one of that index already. */
export class SnapshotExistsError extends HoldfastError {
  constructor(path: string) {
    super(
      'SNAPSHOT_EXISTS',
      `${path} is there already and is not replaced. Name another directory, or remove that snapshot first.`,
      { fields: { path } },
    );
  }
}

/** A file of a snapshot is not in the directory. On a standby that means the snapshot was replaced by the next one while it was being read. */
export class SnapshotFilesGoneError extends HoldfastError {
  constructor(path: string) {
    super(
      'SNAPSHOT_FILES_GONE',
      `The snapshot's file ${path} is not in the recorded directory. Restore this replica from the log again.`,
      { fields: { path } },
    );
  }
}
