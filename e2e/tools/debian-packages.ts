/**
 * Programs from the packages of a Debian, for the full test run, without installing anything (docs/decisions/0024): downloaded by apt, unpacked into the
 * per-user cache.
 *
 * 1. Nothing of the machine changes: apt works on lists and archives of its own below the cache, no script of a package runs, and no rights are
 *    needed.
 * 2. A cache directory counts only when it is complete: it is unpacked under another name and renamed at the end.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../src/base/index.ts';
import { onPath, userCache } from './programs.ts';

/** On a slow line a download takes minutes, but not for ever. */
const APT_LIMIT_MS = 15 * 60_000;
/** What the directories of a fetch under way begin with. */
const FETCHING = '.fetching-';

const run = promisify(execFile);

/** How a fetch reports. */
export interface EnsureOptions {
  /** Receives progress lines; by default they go to stderr. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** The cache directory of these packages, which belongs to this distribution and processor. */
export function packageCache(name: string, env: NodeJS.ProcessEnv): string {
  return userCache(env, name, `${distribution()}-${process.arch}`);
}

/** `debian-12`, or the platform where no distribution names itself. */
function distribution(): string {
  if (!existsSync('/etc/os-release')) return process.platform;
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (name: string): string =>
    new RegExp(`^${name}="?([\\w.]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_ID')}`;
}

/** `…/x86_64-linux-gnu` and its like, in an unpacked directory of libraries. */
export function multiarch(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((name) => (/-linux-gnu/.test(name) ? [join(directory, name)] : []));
}

export interface FetchOptions extends EnsureOptions {
  readonly packages: readonly string[];
  /** For people: whose packages, and how much is downloaded. */
  readonly what: string;
  readonly size: string;
  /** Where the unpacked packages go. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Whether `root` holds what was wanted. */
  readonly complete: () => boolean;
  /** The error to throw, with why nothing was fetched. */
  readonly missing: (why: string) => Error;
}

/** Downloads and unpacks packages with all they depend on. Throws what `missing` makes. */
export async function fetchPackages(options: FetchOptions): Promise<void> {
  const { root, env, missing, progress = (line) => process.stderr.write(`${line}\n`) } = options;
  const find = onPath(env);
  const [apt, unpack] = [find('apt-get'), find('dpkg-deb')];
  if (apt === undefined || unpack === undefined) throw missing('there is no apt-get to fetch them with');
  const parent = dirname(root);
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const work = await mkdtemp(join(parent, FETCHING));
  try {
    progress(
      `Fetching ${options.what} packages (${options.packages.join(', ')}) with apt into ${root}: ${options.size}, once.`,
    );
    const archives = await download(apt, work, options);
    progress(`Unpacking ${archives.length} packages.`);
    await mkdir(join(work, 'root'));
    for (const archive of archives) await run(unpack, ['-x', archive, join(work, 'root')], limits(options));
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

/** Puts what was unpacked into its place (2). Whoever was faster has put as good there, and may run it already: it is never removed. */
async function place(work: string, { root, complete }: FetchOptions): Promise<void> {
  try {
    await rename(join(work, 'root'), root);
  } catch (error) {
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    if (complete()) return;
    await rename(root, join(work, 'incomplete')); // not of a fetch: those are whole from the beginning
    await rename(join(work, 'root'), root);
  }
}

/** Removes what fetches left that were killed: whatever is older than a fetch can be. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(FETCHING)) continue;
    const left = join(parent, name);
    const found = await stat(left).catch(() => undefined); // its owner has just ended, or may keep it
    if (found && Date.now() - found.mtimeMs > 3 * APT_LIMIT_MS)
      await rm(left, { recursive: true, force: true });
  }
}

/** Downloads the packages and all they need that is not installed here; @returns the files. */
async function download(apt: string, work: string, options: FetchOptions): Promise<string[]> {
  const [lists, cache] = [join(work, 'lists'), join(work, 'cache')];
  for (const directory of [lists, join(cache, 'archives')])
    await mkdir(join(directory, 'partial'), { recursive: true });
  const own = ['-q', '-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`]; // 1
  own.push('-o', 'Debug::NoLocking=true', '-o', 'APT::Sandbox::User=root');
  await run(apt, [...own, 'update'], limits(options));
  const install = ['--yes', '--no-install-recommends', '--download-only', 'install', ...options.packages];
  await run(apt, [...own, ...install], limits(options));
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
