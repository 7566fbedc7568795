/**
 * Builds the real servers into a cache directory, once, however many ask for it at the same time.
 *
 * 1. Built in a temporary directory beside the target, marked complete, then renamed: the cache directory is whole or absent.
 * 2. One builder at a time, by a lock file that names its owner (pid and the kernel's start time of that pid); a lock whose owner is
 *    gone is taken over, a living owner is waited for.
 * 3. A build that is aborted or fails leaves neither lock nor temporary directory.
 */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { link, mkdir, readdir, rename, rm, statfs, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../src/base/index.ts';

/** kubectl compares its version with the server's and complains unless both carry one. */
export const BUILD_FLAGS: readonly string[] = [
  '-trimpath',
  '-ldflags',
  '-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 ' +
    '-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36',
];

/** Modules, build cache and programs of a cold build together, rounded up. */
const DISK_NEEDED_BYTES = 8 * 1024 ** 3;
const LOCK_POLL_MS = 1000;
/** Often enough to see that it lives, rarely enough for a CI log. */
const PROGRESS_EVERY_MS = 15_000;
const BUILT_AS: Record<string, string> = { server: 'etcd' };

/** What to build and where. */
export interface BuildOptions {
  readonly moduleDirectory: string;
  readonly cacheDirectory: string;
  /** Name of the file that marks the cache directory complete. */
  readonly marker: string;
  readonly programs: readonly string[];
  readonly progress: (line: string) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** A build did not end well; the message carries the compiler's last words. */
export class ServersBuildError extends HoldfastError {}

/** `[major, minor]` of the go command on PATH, or undefined when there is none. */
export function goVersion(env: NodeJS.ProcessEnv): Promise<readonly [number, number] | undefined> {
  return new Promise((resolve) => {
    execFile('go', ['env', 'GOVERSION'], { env }, (error, stdout) => {
      const match = error === null ? /^go(\d+)\.(\d+)/.exec(stdout) : null;
      resolve(match === null ? undefined : [Number(match[1]), Number(match[2])]);
    });
  });
}

/** The kernel's start time of a living process (clock ticks since boot), which a recycled pid does not share. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function ownerOf(lock: string): { readonly text: string; readonly alive: boolean } | undefined {
  try {
    const text = readFileSync(lock, 'utf8');
    const [pid, started] = text.trim().split(' ');
    return { text, alive: started !== undefined && startTime(Number(pid)) === started };
  } catch {
    return undefined;
  }
}

/** Removes a lock whose owner is gone. The rename makes one of several waiters the one who removes it. */
async function breakStale(lock: string, text: string): Promise<void> {
  const grave = `${lock}.stale-${randomUUID()}`;
  await rename(lock, grave).catch(() => {}); // another waiter was first
  if (existsSync(grave) && readFileSync(grave, 'utf8') !== text) {
    // We took away a lock that was made anew in between: give it back, unless a third one stands there already.
    await link(grave, lock).catch(() => {});
  }
  await rm(grave, { force: true });
}

/** Takes the lock (true), or waits for its owner and returns false when the owner finished the work meanwhile. */
async function takeLock(lock: string, done: () => boolean, options: BuildOptions): Promise<boolean> {
  const ticket = `${lock}.${randomUUID()}`;
  await writeFile(ticket, `${process.pid} ${startTime(process.pid) ?? '?'}\n`);
  try {
    for (let said = false; ;) {
      const taken = await link(ticket, lock).then(
        () => true,
        () => false,
      );
      if (taken) return true;
      if (done()) return false;
      const owner = ownerOf(lock);
      if (owner !== undefined && !owner.alive) await breakStale(lock, owner.text);
      else if (owner !== undefined) {
        if (!said)
          options.progress(`waiting for process ${owner.text.split(' ')[0]}, which builds the servers`);
        said = true;
        await sleep(LOCK_POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
      }
    }
  } finally {
    await unlink(ticket);
  }
}

/** Builds every program into `<cacheDirectory>/bin`. Throws ServersBuildError SERVERS_BUILD_FAILED or SERVERS_BUILD_DISK. */
export async function buildServers(options: BuildOptions): Promise<void> {
  const parent = dirname(options.cacheDirectory);
  await mkdir(parent, { recursive: true });
  const lock = `${options.cacheDirectory}.lock`;
  const done = (): boolean => existsSync(join(options.cacheDirectory, options.marker));
  if (!(await takeLock(lock, done, options))) return;
  const work = join(parent, `.building-${basename(options.cacheDirectory)}`);
  try {
    if (done()) return;
    await rm(work, { recursive: true, force: true });
    await mkdir(join(work, 'bin'), { recursive: true });
    await checkDisk(parent);
    options.signal?.throwIfAborted();
    await compile(join(work, 'bin'), options);
    await writeFile(join(work, options.marker), `${new Date().toISOString()}\n`);
    await rm(options.cacheDirectory, { recursive: true, force: true });
    await rename(work, options.cacheDirectory);
  } finally {
    await rm(work, { recursive: true, force: true });
    await unlink(lock);
  }
}

async function checkDisk(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= DISK_NEEDED_BYTES) return;
  const gib = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);
  throw new ServersBuildError(
    'SERVERS_BUILD_DISK',
    `Building the servers needs ${gib(DISK_NEEDED_BYTES)} GiB in all and ${directory} has ${gib(bavail * bsize)} GiB free; ` +
      'free some, or set XDG_CACHE_HOME (and GOCACHE, GOMODCACHE) to a larger disk.',
  );
}

async function compile(bin: string, options: BuildOptions): Promise<void> {
  const { progress } = options;
  progress('Building the real servers (etcd, Kubernetes, helm, versitygw) from source.');
  progress('About 9 minutes on two cores, once; up to 8 GiB of disk with all caches.');
  const began = process.hrtime.bigint();
  const elapsed = (): string => {
    const seconds = Number((process.hrtime.bigint() - began) / 1_000_000_000n);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  };
  const child = spawn('go', ['install', '-v', ...BUILD_FLAGS, 'tool'], {
    cwd: options.moduleDirectory,
    env: { ...options.env, GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  // The whole group: the compilers and linkers that go started would work on otherwise.
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
  };
  options.signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `go ended with ${code ?? signal}`),
    );
  });
  const lines: string[] = [];
  let packages = 0;
  createInterface(child.stderr).on('line', (line) => {
    if (!line.startsWith('go: ')) packages += 1;
    lines.push(line);
    if (lines.length > 20) lines.shift();
  });
  const report = async (): Promise<void> => {
    const linked = (await readdir(bin)).map((name) => BUILT_AS[name] ?? name);
    const left = options.programs.filter((name) => !linked.includes(name));
    const now = lines.at(-1) ?? 'starting';
    progress(
      `  ${elapsed()}  ${packages} packages; linked ${linked.length}/${options.programs.length}, left: ${left.join(', ') || 'none'}  (${now})`,
    );
  };
  const timer = setInterval(() => void report().catch(() => {}), PROGRESS_EVERY_MS); // progress is only a courtesy
  const failure = await ended;
  clearInterval(timer);
  options.signal?.removeEventListener('abort', kill);
  process.off('exit', kill);
  if (failure !== undefined) {
    throw new ServersBuildError(
      'SERVERS_BUILD_FAILED',
      `Building the servers failed (${failure}):\n${lines.join('\n')}`,
    );
  }
  for (const [from, to] of Object.entries(BUILT_AS)) await rename(join(bin, from), join(bin, to));
  progress(`Servers built in ${elapsed()}.`);
}
