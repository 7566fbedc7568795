/**
 * Settings that would take from a recorded database what it promises. Pure.
 *
 * P1  A rollback journal on the disk, which every commit removes or empties: what is not in the log does not survive, and a journal that stays
 *     (PERSIST, or exclusive locking) would keep its whole history in the log for good.
 * P2  Synchronous stays FULL: with OFF a transaction over several databases is not atomic, and nothing would be won, since a sync costs nothing here.
 */
import { SqliteRefusedError } from './errors.ts';

const JOURNAL_MODES: readonly string[] = ['delete', 'truncate'];
const SYNCHRONOUS: readonly string[] = ['full', 'extra', '2', '3'];

/** @throws SqliteRefusedError */
export function checkPragma(name: string, value: string | undefined): void {
  if (value === undefined) return;
  const [pragma, wanted] = [name.toLowerCase(), value.toLowerCase()];
  if (pragma === 'journal_mode' && !JOURNAL_MODES.includes(wanted))
    throw new SqliteRefusedError(`journal mode ${value} cannot be recorded`, 'use DELETE or TRUNCATE');
  if (pragma === 'locking_mode' && wanted === 'exclusive')
    throw new SqliteRefusedError(
      'exclusive locking keeps journals alive in the log',
      'leave locking_mode as it is; a recorded database has one connection anyway',
    );
  if (pragma === 'synchronous' && !SYNCHRONOUS.includes(wanted))
    throw new SqliteRefusedError(
      `synchronous = ${value} makes transactions over several databases tear`,
      'leave it at FULL; it costs nothing here',
    );
}
