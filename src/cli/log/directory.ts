/**
 * The local directories that commands read from and write into.
 */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, HoldfastError } from '../../base/index.ts';

export class DirectoryUnfitError extends HoldfastError {
  constructor(dir: string, problem: string, help: string) {
    super('DIRECTORY_UNFIT', `${dir} ${problem}: ${help}.`, { fields: { dir, problem } });
  }
}

/** A directory that is empty, or may be emptied; whether it had to be made. @throws DirectoryUnfitError, what the file system says */
export async function prepare(dir: string, force: boolean): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR')
      throw new DirectoryUnfitError(dir, 'is no directory', 'name another with --out');
    if (errorCode(error) !== 'ENOENT') throw error;
    await mkdir(dir, { recursive: true });
    return true;
  }
  if (names.length > 0 && !force)
    throw new DirectoryUnfitError(
      dir,
      'is not empty',
      'name another with --out, or have it emptied first with --force',
    );
  return false;
}

/** Takes away what was put into it. */
export async function clear(dir: string, isNew: boolean): Promise<void> {
  for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true, force: true });
  if (isNew) await rmdir(dir);
}
