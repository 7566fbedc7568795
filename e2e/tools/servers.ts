/**
 * The real servers and tools that tests and the demo run: where they are, and how they come to be.
 *
 * 1. In this order: the per-user cache; a build with `go install tool` from the go.mod beside this file; programs
 *    in $KUBEBUILDER_ASSETS or on PATH; otherwise one sentence that says what to install.
 * 2. The cache is keyed by everything that decides the programs: go.mod, go.sum, flags, platform. A cache directory counts only with
 *    its marker, which is written last (build-servers.ts).
 * 3. All seven come from the same place: a mixture of versions would be a fault nobody can name.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HoldfastError } from '../../src/base/index.ts';
import { BUILD_FLAGS, buildServers, goVersion } from './build-servers.ts';
import { isProgram, moduleKey, onPath, userCache } from './programs.ts';

/** Absolute paths of the programs. */
export interface ServerBinaries {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubeScheduler: string;
  readonly kubectl: string;
  readonly helm: string;
  readonly versitygw: string;
}

/** How `ensureServers` reports. */
export interface EnsureOptions {
  /** Receives progress lines of a build; by default they go to stderr. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** The programs are nowhere and cannot be built; the message is the whole advice. */
export class ServersMissingError extends HoldfastError {}

/** Oldest Go that can build the servers (the `go` line of go.mod). */
const OLDEST_GO: readonly [number, number] = [1, 26];
const MARKER = 'complete';
const HERE = fileURLToPath(new URL('.', import.meta.url));

const FILE_NAMES: Record<keyof ServerBinaries, string> = {
  etcd: 'etcd',
  kubeApiserver: 'kube-apiserver',
  kubeControllerManager: 'kube-controller-manager',
  kubeScheduler: 'kube-scheduler',
  kubectl: 'kubectl',
  helm: 'helm',
  versitygw: 'versitygw',
};

/** The cache directory that belongs to this checkout's go.mod, go.sum, flags and platform. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return userCache(env, 'servers', moduleKey(HERE, BUILD_FLAGS));
}

/** The programs found by `locate`, or the names of those it does not find. */
function collect(locate: (name: string) => string | undefined): ServerBinaries | readonly string[] {
  const missing: string[] = [];
  const found: Partial<Record<keyof ServerBinaries, string>> = {};
  for (const [key, name] of Object.entries(FILE_NAMES) as [keyof ServerBinaries, string][]) {
    const path = locate(name);
    if (path === undefined) missing.push(name);
    else found[key] = path;
  }
  return missing.length > 0 ? missing : (found as ServerBinaries);
}

function fromCache(env: NodeJS.ProcessEnv): ServerBinaries | undefined {
  const directory = cacheDirectory(env);
  if (!existsSync(join(directory, MARKER))) return undefined;
  const found = collect((name) => {
    const path = join(directory, 'bin', name);
    return isProgram(path) ? path : undefined;
  });
  return 'etcd' in found ? found : undefined;
}

function fromEnvironment(env: NodeJS.ProcessEnv): ServerBinaries | readonly string[] {
  const assets = env['KUBEBUILDER_ASSETS'];
  return collect(onPath(env, assets ? [assets] : []));
}

function advice(missing: readonly string[], go: string): ServersMissingError {
  return new ServersMissingError(
    'SERVERS_MISSING',
    `Install Go ${OLDEST_GO.join('.')} or newer (https://go.dev/dl; ${go}) so that the real servers can be built, ` +
      `or put ${missing.join(', ')} on PATH or into the directory named by KUBEBUILDER_ASSETS.`,
  );
}

/**
 * The programs as they are on this machine now, without building anything: what tests use after set-up.
 * Throws ServersMissingError SERVERS_MISSING.
 */
export function serverBinaries(env: NodeJS.ProcessEnv = process.env): ServerBinaries {
  const cached = fromCache(env);
  if (cached !== undefined) return cached;
  const found = fromEnvironment(env);
  if ('etcd' in found) return found;
  throw new ServersMissingError(
    'SERVERS_MISSING',
    `The real servers are not set up (missing: ${found.join(', ')}); run \`npm run setup\` once.`,
  );
}

/**
 * The programs, built first when this machine can build them and does not have them (about nine minutes on two cores,
 * once). Throws ServersMissingError SERVERS_MISSING when they can be neither built nor found, ServersBuildError when a build fails.
 */
export async function ensureServers(
  options: EnsureOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<ServerBinaries> {
  const cached = fromCache(env);
  if (cached !== undefined) return cached;
  const go = await goVersion(env);
  if (go !== undefined && (go[0] > OLDEST_GO[0] || (go[0] === OLDEST_GO[0] && go[1] >= OLDEST_GO[1]))) {
    await buildServers({
      moduleDirectory: HERE,
      cacheDirectory: cacheDirectory(env),
      marker: MARKER,
      programs: Object.values(FILE_NAMES),
      progress: options.progress ?? ((line) => process.stderr.write(`${line}\n`)),
      env,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const built = fromCache(env);
    if (built !== undefined) return built;
  }
  const found = fromEnvironment(env);
  if ('etcd' in found) return found;
  throw advice(found, go === undefined ? 'no go on PATH' : `go on PATH is ${go.join('.')}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  try {
    const binaries = await ensureServers({ signal: stop.signal });
    if (values.json) console.log(JSON.stringify(binaries, null, 2));
    else for (const path of Object.values(binaries)) console.log(path);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    console.error(error.message);
    process.exitCode = stop.signal.aborted ? 130 : 1;
  }
}

if (import.meta.main) await main();
