/**
 * A database on a disk that can be full.
 */
import { plainDatabase, type SqlDatabase } from '../sqlite/database.ts';

export const FULL: Error = new Error('database or disk is full');

/** The database at `path`, which takes nothing while the disk is full. */
export function databaseOn(path: string, disk: { isFull: boolean }): SqlDatabase {
  const db = plainDatabase(path);
  return {
    limits: db.limits,
    read: (work) => db.read(work),
    transaction: (work) => (disk.isFull ? Promise.reject(FULL) : db.transaction(work)),
    compact: (signal) => db.compact(signal),
    close: () => db.close(),
  };
}
