/**
 * LIST over directories, in the byte order of keys.
 *
 * W1  A directory sorts as its name with a slash, because that is what its keys go on with: `a-b` before `a/b` before `a0`.
 * W2  Only directories that can hold an answer are read: those on the way of the prefix, and not those wholly before startAfter.
 * W3  Files in RESERVED_SEGMENT and anything that is no regular file are no objects.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../base/index.ts';
import { compareKeys, keyProblem, RESERVED_SEGMENT, sortKeys } from '../keys.ts';

/** Keys below `root` that begin with `prefix` and come after `startAfter`, ascending. */
export async function* walk(root: string, prefix: string, startAfter = ''): AsyncGenerator<string, void> {
  yield* walkDirectory(root, '', prefix, startAfter);
}

/** `base`: the keys' common beginning in this directory, '' or ending with a slash. */
async function* walkDirectory(
  root: string,
  base: string,
  prefix: string,
  startAfter: string,
): AsyncGenerator<string, void> {
  for (const entry of await sortedEntries(join(root, base))) {
    const key = base + entry;
    if (entry.endsWith('/')) {
      if (key === `${RESERVED_SEGMENT}/`) continue; // W3
      const onTheWay = key.startsWith(prefix) || prefix.startsWith(key);
      const past = compareKeys(key, startAfter) < 0 && !startAfter.startsWith(key); // W2: every key in it is below startAfter
      if (onTheWay && !past) yield* walkDirectory(root, key, prefix, startAfter);
    } else if (key.startsWith(prefix) && compareKeys(key, startAfter) > 0) {
      yield key;
    }
  }
}

/** Names in a directory in key order, directories with a slash (W1). A directory that is not there has none. */
async function sortedEntries(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) names.push(`${entry.name}/`);
    else if (entry.isFile() && keyProblem(entry.name) === undefined) names.push(entry.name);
  }
  return sortKeys(names);
}
