/**
 * The programs of a Ceph RGW for the full test run: where they are, and how they come to be (docs/decisions/0024).
 *
 * 1. In this order: on PATH; the per-user cache; on Debian and its descendants, the distribution's own packages, downloaded by apt and
 *    unpacked into the cache; otherwise one sentence that says what to install. Never a skip.
 * 2. Nothing of the machine changes: apt works on lists and archives of its own below the cache, nothing is installed, no script of a
 *    package runs, and no rights are needed.
 * 3. A cache directory counts only when it is complete: it is unpacked under another name and renamed at the end.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, HoldfastError } from '../../src/base/index.ts';
import { isProgram, onPath, userCache } from './programs.ts';

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
/** The download is 70 MB: on a slow line minutes, but not for ever. */
const APT_LIMIT_MS = 15 * 60_000;
/** What the directories of a fetch under way begin with. */
const FETCHING = '.fetching-';

export interface CephPrograms {
  path(program: CephProgram): string;
  /** Directory of Ceph's loadable parts (`…/rados-classes`, `…/ceph`) when it is not where the programs look for it by themselves. */
  readonly libraries: string | undefined;
  /** Additional environment of every program. */
  readonly env: NodeJS.ProcessEnv;
}

/** How `ensureCeph` reports. */
export interface EnsureCephOptions {
  /** Receives progress lines; by default they go to stderr. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** The programs are nowhere and cannot be fetched; the message is the whole advice. */
export class CephMissingError extends HoldfastError {}

const run = promisify(execFile);

/** The cache directory that belongs to this distribution and processor. */
export function cephCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return userCache(env, 'ceph', `${distribution()}-${process.arch}`);
}

/** `debian-12`, or the platform where no distribution names itself. */
function distribution(): string {
  if (!existsSync('/etc/os-release')) return process.platform;
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (name: string): string =>
    new RegExp(`^${name}="?([\\w.]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_ID')}`;
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

/** `…/x86_64-linux-gnu` and its like. */
function multiarch(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((name) => (/-linux-gnu/.test(name) ? [join(directory, name)] : []));
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
  options: EnsureCephOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<CephPrograms> {
  const there = fromPath(env) ?? fromCache(env);
  if (there) return there;
  const find = onPath(env);
  const [apt, unpack] = [find('apt-get'), find('dpkg-deb')];
  if (apt === undefined || unpack === undefined) throw missing('there is no apt-get to fetch them with');
  await fetchPackages({ apt, unpack, root: cephCacheDirectory(env), env, ...options });
  const fetched = fromCache(env);
  if (fetched) return fetched;
  throw missing('the packages of this distribution do not hold all of them');
}

interface FetchOptions extends EnsureCephOptions {
  readonly apt: string;
  readonly unpack: string;
  /** Where the unpacked packages go. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
}

async function fetchPackages(options: FetchOptions): Promise<void> {
  const { root, progress = (line) => process.stderr.write(`${line}\n`) } = options;
  const parent = dirname(root);
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const work = await mkdtemp(join(parent, FETCHING));
  try {
    progress(`Fetching Ceph's packages (${PACKAGES.join(', ')}) with apt into ${root}: 70 MB, once.`);
    const archives = await download(work, options);
    progress(`Unpacking ${archives.length} packages.`);
    await mkdir(join(work, 'root'));
    for (const archive of archives)
      await run(options.unpack, ['-x', archive, join(work, 'root')], limits(options));
    await place(work, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    const said =
      error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : '';
    throw missing(`apt could not fetch them (${said || String(error)})`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Puts what was unpacked into its place (3). Whoever was faster has put as good there, and may run it already: it is never removed. */
async function place(work: string, { root, env }: FetchOptions): Promise<void> {
  try {
    await rename(join(work, 'root'), root);
  } catch (error) {
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    if (fromCache(env)) return;
    await rename(root, join(work, 'incomplete')); // not of a fetch: those are whole from the beginning
    await rename(join(work, 'root'), root);
  }
}

/** Removes what fetches left that were killed: whatever is older than a fetch can be. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(FETCHING)) continue;
    const place = join(parent, name);
    const found = await stat(place).catch(() => undefined); // its owner has just ended, or may keep it
    if (found && Date.now() - found.mtimeMs > 3 * APT_LIMIT_MS)
      await rm(place, { recursive: true, force: true });
  }
}

/** Downloads the packages and all they need that is not installed here; @returns the files. */
async function download(work: string, options: FetchOptions): Promise<string[]> {
  const [lists, cache] = [join(work, 'lists'), join(work, 'cache')];
  for (const place of [lists, join(cache, 'archives')])
    await mkdir(join(place, 'partial'), { recursive: true });
  const own = ['-q', '-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`]; // 2
  own.push('-o', 'Debug::NoLocking=true', '-o', 'APT::Sandbox::User=root');
  await run(options.apt, [...own, 'update'], limits(options));
  const install = ['--yes', '--no-install-recommends', '--download-only', 'install', ...PACKAGES];
  await run(options.apt, [...own, ...install], limits(options));
  const names = await readdir(join(cache, 'archives'));
  return names.flatMap((name) => (name.endsWith('.deb') ? [join(cache, 'archives', name)] : []));
}

function limits({ signal, env }: FetchOptions): {
  env: NodeJS.ProcessEnv;
  timeout: number;
  maxBuffer: number;
  signal?: AbortSignal;
} {
  const limited = { env: { ...env, LC_ALL: 'C' }, timeout: APT_LIMIT_MS, maxBuffer: 16 * 1024 * 1024 };
  return signal ? { ...limited, signal } : limited;
}
