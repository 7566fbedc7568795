/**
 * Super-journals that nobody needs. SQLite removes one with the last journal that names it; a crash before the first one does leaves a file that no
 * journal will ever name, and that would keep its bytes in the log for good.
 */
import type { DatabaseFiles } from './files.ts';

/** What SQLite puts between a database's name and a random number. */
const SUPER_JOURNAL = '-mj';

/** Removes those of a database that was opened, as long as no journal at all has anything in it. `paths`: of the whole directory. */
export function removeSuperJournals(files: DatabaseFiles, path: string, paths: readonly string[]): void {
  if (paths.some((each) => each.endsWith('-journal') && files.hasContent(each))) return;
  for (const each of paths) if (each.startsWith(path + SUPER_JOURNAL)) files.unlink(each);
}
