/**
 * What a directory holds, as a log would have to say it.
 *
 * D1  In the order of the names, bytewise: the same directory gives the same log.
 * D2  What a log cannot say is told with its reason, never left out silently: links that point by name, sockets, pipes, devices, empty directories, names that
 *     are no UTF-8, and the one name that a restore needs for itself.
 * D3  Memory holds the names of one directory at each level.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromUtf8 } from '../../base/index.ts';
import { isPlayable } from '../paths.ts';

export type Walked =
  | {
      readonly kind: 'file';
      /** In the log: rooted at the directory. */
      readonly path: string;
      /** On the disk. */
      readonly local: string;
      readonly size: number;
      /** The same for every name of a file that has several; undefined for one that has one. */
      readonly identity: string | undefined;
    }
  | { readonly kind: 'unrecordable'; readonly path: string; readonly what: string };

/** Everything below `dir` (D1-D3). @throws what the file system says */
export async function* walkDirectory(dir: string, below = ''): AsyncGenerator<Walked, void> {
  const names = await readdir(join(dir, below), { encoding: 'buffer' });
  names.sort((a, b) => Buffer.compare(a, b));
  if (names.length === 0 && below !== '')
    yield { kind: 'unrecordable', path: below, what: 'an empty directory' };
  for (const bytes of names) {
    const name = textOf(bytes);
    if (name === undefined) {
      const shown = `${below}/${bytes.toString('latin1')}`;
      yield { kind: 'unrecordable', path: shown, what: 'a name that is not UTF-8' };
      continue;
    }
    yield* walkEntry(dir, `${below}/${name}`);
  }
}

async function* walkEntry(dir: string, path: string): AsyncGenerator<Walked, void> {
  const local = join(dir, path);
  const stats = await lstat(local, { bigint: true });
  if (!isPlayable(path)) yield { kind: 'unrecordable', path, what: 'a name that a restore needs for itself' };
  else if (stats.isDirectory()) yield* walkDirectory(dir, path);
  else if (stats.isFile())
    yield {
      kind: 'file',
      path,
      local,
      size: Number(stats.size),
      identity: stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined,
    };
  else
    yield {
      kind: 'unrecordable',
      path,
      what: stats.isSymbolicLink()
        ? 'a symbolic link'
        : stats.isSocket()
          ? 'a socket'
          : stats.isFIFO()
            ? 'a pipe'
            : 'a device',
    };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined; // told as such (D2)
  }
}
