/**
 * Paths of a recovery log: rooted, clean, and never outside the directory they are played into (gazette.md §2.6-4).
 */
import { join, posix } from 'node:path';

/** Files being restored stand here until the directory is live. */
export const STAGING = '.fnodes';

/** The canonical form of a path given by an application: rooted, without `.`, `..` or double slashes; undefined when it leads outside. */
export function cleanPath(path: string): string | undefined {
  if (path.includes('\0')) return undefined;
  const clean = posix.normalize(`/${path}`);
  const wouldEscape = posix.normalize(path).split('/').includes('..');
  const trimmed = clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
  return wouldEscape || trimmed === '/' || isStaging(trimmed) ? undefined : trimmed;
}

/** Components that are neither empty nor `.` nor `..`: what cleanPath leaves as it is, found faster. A log has a path in every other operation. */
const CANONICAL = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/;

/** Whether a path found in a log may be played: exactly the canonical form of itself. */
export function isPlayable(path: string): boolean {
  return CANONICAL.test(path) && !isStaging(path);
}

function isStaging(path: string): boolean {
  return path === `/${STAGING}` || path.startsWith(`/${STAGING}/`);
}

/** The local file of a canonical path. */
export function localPath(dir: string, path: string): string {
  return join(dir, path);
}

export function stagedPath(dir: string, fnode: number): string {
  return join(dir, STAGING, String(fnode));
}
