/**
 * What can be wrong with the state of an on-disk machine in SQLite, beside what SQLite itself says.
 */
import { HoldfastError } from '../../base/index.ts';

/** Bytes that are not a whole snapshot of a database; nothing was changed. */
export class SqliteSnapshotError extends HoldfastError {
  constructor(problem: string, cause?: unknown) {
    super('STATE_SQLITE_SNAPSHOT', `The snapshot cannot be used: ${problem}. Take it again.`, {
      fields: { problem },
      cause,
    });
  }
}

/** The database was made by a later version of the service: it has had more of its schema's steps than this one knows. */
export class SchemaTooNewError extends HoldfastError {
  constructor(done: number, known: number) {
    super(
      'STATE_SCHEMA_TOO_NEW',
      `The database has had ${done} steps of its schema, and this version of the service knows ${known}. Run the version that made it, or a later one.`,
      { fields: { done, known } },
    );
  }
}
