/**
 * rclone, the peer of the read benches: built once from the go.mod in rclone/, pinned there, into the per-user cache.
 *
 * 1. A module of its own beside that of the servers: their cache is keyed by their go.mod, and nobody who only runs tests should build rclone.
 * 2. Built into a directory of this process, then renamed: the cache directory is whole or absent, and builders at the same time cost only time.
 * 3. No other rclone serves instead: a figure against an unknown version would be none.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../src/base/index.ts';
import { goVersion } from './build-servers.ts';
import { moduleKey, userCache } from './programs.ts';

/** rclone cannot be built here; the message says what is needed. */
export class RcloneMissingError extends HoldfastError {}

const MODULE = join(import.meta.dirname, 'rclone');
const FLAGS: readonly string[] = ['-trimpath', '-ldflags', '-s -w'];
/** How much of the compiler's last words an error carries. */
const LAST_WORDS_CHARACTERS = 2000;

/** Path of the pinned rclone, built first when it is not there yet (about three minutes on two cores, once). @throws RcloneMissingError */
export async function ensureRclone(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const directory = userCache(env, 'rclone', moduleKey(MODULE, FLAGS));
  const program = join(directory, 'rclone');
  if (existsSync(program)) return program;
  if ((await goVersion(env)) === undefined)
    throw new RcloneMissingError(
      'RCLONE_MISSING',
      'Install Go (https://go.dev/dl) so that rclone can be built.',
    );
  process.stderr.write('Building rclone from source: about three minutes on two cores, once.\n');
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(`${directory}.building-`); // 2
  try {
    await install(work, env);
    await rename(work, directory).catch((error: unknown) => {
      if (!existsSync(program)) throw error; // another builder was first, with the same program
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}

async function install(bin: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('go', ['install', ...FLAGS, 'tool'], {
    cwd: MODULE,
    env: { ...env, GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  // The whole group: the compilers that go started would work on otherwise.
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS_CHARACTERS);
  });
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `go ended with ${code ?? signal}`),
    );
  });
  process.off('exit', kill);
  if (failure !== undefined)
    throw new RcloneMissingError('RCLONE_BUILD_FAILED', `Building rclone failed (${failure}):\n${words}`);
}
