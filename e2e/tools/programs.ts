/**
 * What all finders of real programs share (servers.ts, ceph.ts, rclone.ts): what a program is, where PATH has it, and the per-user cache.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Whether this is a file that may be run. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Finds a program by its name: in the directories `first`, then on PATH. */
export function onPath(
  env: NodeJS.ProcessEnv,
  first: readonly string[] = [],
): (name: string) => string | undefined {
  const places = [...first, ...(env['PATH'] ?? '').split(delimiter)].filter((place) => place !== '');
  return (name) => places.map((place) => join(place, name)).find(isProgram);
}

/** A directory of the per-user cache. */
export function userCache(env: NodeJS.ProcessEnv, ...parts: readonly string[]): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast', ...parts);
}

/** Names everything that decides what is built from a Go module: go.mod, go.sum, flags, platform. */
export function moduleKey(directory: string, flags: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(directory, file)));
  hash.update(JSON.stringify([flags, process.platform, process.arch]));
  return hash.digest('hex').slice(0, 16);
}
