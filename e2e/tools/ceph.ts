/**
 * The programs of a Ceph RGW for the full test run: where they are, and how they come to be (docs/decisions/0024).
 *
 * 1. In this order: on PATH; the per-user cache; on Debian and its descendants, the distribution's own packages, downloaded by apt and
 *    unpacked into the cache; otherwise one sentence that says what to install. Never a skip.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { HoldfastError } from '../../src/base/index.ts';
import { fetchPackages, multiarch, packageCache, type EnsureOptions } from './debian-packages.ts';
import { isProgram, onPath } from './programs.ts';

/** Everything that starting a single-host RGW runs; none of them needs Python. */
const PROGRAMS = [
  'ceph-mon',
  'ceph-osd',
  'radosgw',
  'radosgw-admin',
  'ceph-authtool',
  'monmaptool',
  'osdmaptool',
] as const;
export type CephProgram = (typeof PROGRAMS)[number];

/** Debian's packages that hold them, without what those depend on. */
const PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];

export interface CephPrograms {
  path(program: CephProgram): string;
  /** Directory of Ceph's loadable parts (`…/rados-classes`, `…/ceph`) when it is not where the programs look for it by themselves. */
  readonly libraries: string | undefined;
  /** Additional environment of every program. */
  readonly env: NodeJS.ProcessEnv;
}

/** The programs are nowhere and cannot be fetched; the message is the whole advice. */
export class CephMissingError extends HoldfastError {}

/** The cache directory that belongs to this distribution and processor. */
export function cephCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return packageCache('ceph', env);
}

function fromPath(env: NodeJS.ProcessEnv): CephPrograms | undefined {
  const find = onPath(env);
  if (PROGRAMS.some((name) => find(name) === undefined)) return undefined;
  return { path: (program) => find(program)!, libraries: undefined, env: {} };
}

/** Unpacked packages; what this machine had installed before was not downloaded and is found on PATH. */
function fromCache(env: NodeJS.ProcessEnv): CephPrograms | undefined {
  const root = cephCacheDirectory(env);
  const find = (name: string): string | undefined =>
    [join(root, 'usr/bin', name), join(root, 'usr/sbin', name)].find(isProgram) ?? onPath(env)(name);
  if (!existsSync(root) || PROGRAMS.some((name) => find(name) === undefined)) return undefined;
  const places = ['usr/lib', 'lib'].flatMap((part) => multiarch(join(root, part)));
  const libraries = places.find((place) => existsSync(join(place, 'rados-classes')));
  const search = [...places, ...places.map((place) => join(place, 'ceph')), env['LD_LIBRARY_PATH'] ?? ''];
  return {
    path: (program) => find(program)!,
    libraries,
    env: { LD_LIBRARY_PATH: search.filter((place) => place !== '').join(delimiter) },
  };
}

function missing(why: string): CephMissingError {
  return new CephMissingError(
    'CEPH_MISSING',
    `Install Ceph's programs (${PROGRAMS.join(', ')}; on Debian: apt-get install --no-install-recommends ${PACKAGES.join(' ')}), ` +
      `because the full run tests against a Ceph RGW and ${why}.`,
  );
}

/** The programs as they are on this machine now: what tests use. Throws CephMissingError CEPH_MISSING. */
export function cephPrograms(env: NodeJS.ProcessEnv = process.env): CephPrograms {
  const found = fromPath(env) ?? fromCache(env);
  if (found) return found;
  throw missing('they are neither on PATH nor in the cache that `npm run test:full` fills');
}

/**
 * The programs, fetched first when this machine does not have them and is a Debian (about 20 s, 70 MB, 260 MB on disk, once).
 * Throws CephMissingError CEPH_MISSING.
 */
export async function ensureCeph(
  options: EnsureOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<CephPrograms> {
  const there = fromPath(env) ?? fromCache(env);
  if (there) return there;
  await fetchPackages({
    ...options,
    packages: PACKAGES,
    what: 'Ceph’s',
    size: '70 MB',
    root: cephCacheDirectory(env),
    env,
    complete: () => fromCache(env) !== undefined,
    missing,
  });
  const fetched = fromCache(env);
  if (fetched) return fetched;
  throw missing('the packages of this distribution do not hold all of them');
}
