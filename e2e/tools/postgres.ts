/**
 * The programs of a PostgreSQL for the full test run: where they are, and how they come to be (docs/decisions/0024).
 *
 * 1. In this order: on PATH; where Debian installs them, which is not on PATH; the per-user cache; on Debian and its descendants, the
 *    distribution's own packages, unpacked into the cache; otherwise one sentence that says what to install. Never a skip.
 */
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { HoldfastError } from '../../src/base/index.ts';
import { fetchPackages, multiarch, packageCache, type EnsureOptions } from './debian-packages.ts';
import { isProgram } from './programs.ts';

/** Both in one directory: the first runs the second from there. */
const PROGRAMS = ['initdb', 'postgres'] as const;
/** The one that Debian points at its newest server. */
const PACKAGES = ['postgresql'];
/** Below the root of a file system or of unpacked packages; one directory a major version. */
const DEBIAN_VERSIONS = 'usr/lib/postgresql';

export interface PostgresPrograms {
  /** Directory of `initdb` and `postgres`. */
  readonly directory: string;
  /** Root of the unpacked packages; undefined when they are installed on this machine. */
  readonly unpacked: string | undefined;
  /** Additional environment of every program. */
  readonly env: NodeJS.ProcessEnv;
}

/** The programs are nowhere and cannot be fetched; the message is the whole advice. */
export class PostgresMissingError extends HoldfastError {}

export function postgresCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return packageCache('postgres', env);
}

function inOne(directories: readonly string[]): string | undefined {
  return directories.find((place) => PROGRAMS.every((name) => isProgram(join(place, name))));
}

/** Newest version first. */
function versionsBelow(root: string): string[] {
  const versions = join(root, DEBIAN_VERSIONS);
  if (!existsSync(versions)) return [];
  return readdirSync(versions)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, 'bin'));
}

function installed(env: NodeJS.ProcessEnv, root: string): PostgresPrograms | undefined {
  const path = (env['PATH'] ?? '').split(delimiter).filter((place) => place !== '');
  const directory = inOne([...path, ...versionsBelow(root)]);
  return directory === undefined ? undefined : { directory, unpacked: undefined, env: {} };
}

/** The programs of packages that were unpacked at `root`; they find their other files by where they are themselves. */
export function unpackedPrograms(root: string): PostgresPrograms | undefined {
  const directory = inOne(versionsBelow(root));
  if (directory === undefined) return undefined;
  const libraries = ['usr/lib', 'lib'].flatMap((part) => multiarch(join(root, part)));
  return { directory, unpacked: root, env: { LD_LIBRARY_PATH: libraries.join(delimiter) } };
}

function missing(why: string): PostgresMissingError {
  return new PostgresMissingError(
    'POSTGRES_MISSING',
    `Install PostgreSQL's server (on Debian: apt-get install --no-install-recommends ${PACKAGES.join(' ')}), ` +
      `because the full run tests against one and ${why}.`,
  );
}

/**
 * The programs as they are on this machine now: what tests use. Throws PostgresMissingError POSTGRES_MISSING.
 * @param root where Debian's own places are looked for
 */
export function postgresPrograms(env: NodeJS.ProcessEnv = process.env, root = '/'): PostgresPrograms {
  const found = installed(env, root) ?? unpackedPrograms(postgresCacheDirectory(env));
  if (found) return found;
  throw missing('it is neither installed nor in the cache that `npm run test:full` fills');
}

/**
 * The programs, fetched first when this machine does not have them and is a Debian (about 10 s, 50 MB, once).
 * Throws PostgresMissingError POSTGRES_MISSING.
 */
export async function ensurePostgres(
  options: EnsureOptions = {},
  env: NodeJS.ProcessEnv = process.env,
  root = '/',
): Promise<PostgresPrograms> {
  const cache = postgresCacheDirectory(env);
  const there = installed(env, root) ?? unpackedPrograms(cache);
  if (there) return there;
  await fetchPackages({
    ...options,
    packages: PACKAGES,
    what: 'PostgreSQL’s',
    size: '50 MB',
    root: cache,
    env,
    complete: () => unpackedPrograms(cache) !== undefined,
    missing,
  });
  const fetched = unpackedPrograms(cache);
  if (fetched) return fetched;
  throw missing('the packages of this distribution do not hold it');
}
