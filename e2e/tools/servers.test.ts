/**
 * Where the real servers come from: cache, build, environment, or advice. The compiler is a script here: what it
 * builds takes minutes, and only the order of events around it is in question.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HoldfastError } from '../../src/base/index.ts';
import { cacheDirectory, ensureServers, serverBinaries } from './servers.ts';

const BUILT = [
  'server',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'helm',
  'versitygw',
];
const INSTALLED = BUILT.map((name) => (name === 'server' ? 'etcd' : name));

let root: string;
let bin: string;
let env: NodeJS.ProcessEnv;
const progress: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-servers-'));
  bin = join(root, 'path');
  mkdirSync(bin);
  env = { PATH: bin, XDG_CACHE_HOME: join(root, 'cache') };
  progress.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(path: string, text = '#!/bin/sh\n'): void {
  writeFileSync(path, text, { mode: 0o755 });
}

/** A `go` of that version whose install runs `body`; it notes every install. */
function installGo(version: string, body: string): void {
  program(
    join(bin, 'go'),
    `#!/bin/sh\nPATH=/usr/bin:/bin\nif [ "$1" = env ]; then echo go${version}; exit 0; fi\necho "$@" >> ${root}/installs\n${body}\n`,
  );
}

const installs = (): number => readFileSync(join(root, 'installs'), 'utf8').trimEnd().split('\n').length;
const GOOD = `for name in ${BUILT.join(' ')}; do printf '#!/bin/sh\\n' > "$GOBIN/$name"; chmod +x "$GOBIN/$name"; done; sleep 0.1`;
const ensure = () => ensureServers({ progress: (line) => progress.push(line) }, env);
const leftovers = (): string[] =>
  readdirSync(dirname(cacheDirectory(env))).filter((name) => name !== cacheDirectory(env).split('/').pop());

describe('with a Go that is new enough', () => {
  test('the servers are built once, however many ask at the same time, and found without Go afterwards', async () => {
    installGo('1.26.8', GOOD);
    const [one, two] = await Promise.all([ensure(), ensure()]);
    expect(one).toEqual(two);
    expect(installs()).toBe(1);
    expect(Object.values(one)).toEqual(INSTALLED.map((name) => join(cacheDirectory(env), 'bin', name)));
    expect(leftovers()).toEqual([]);
    expect(progress.join('\n')).toContain('minutes');
    rmSync(join(bin, 'go'));
    expect(serverBinaries(env)).toEqual(one);
  });

  test('a build that fails tells the last words of the compiler and leaves nothing behind', async () => {
    installGo('1.26.0', 'echo "no space left on device" >&2; exit 1');
    const error = (await ensure().catch((thrown: unknown) => thrown)) as HoldfastError;
    expect(error.code).toBe('SERVERS_BUILD_FAILED');
    expect(error.message).toContain('no space left on device');
    expect(leftovers()).toEqual([]);
    expect(existsSync(cacheDirectory(env))).toBe(false);
  });

  test('a cache directory without its marker is built anew', async () => {
    installGo('1.27.1', GOOD);
    mkdirSync(join(cacheDirectory(env), 'bin'), { recursive: true });
    for (const name of INSTALLED) program(join(cacheDirectory(env), 'bin', name));
    await ensure();
    expect(installs()).toBe(1);
  });

  test('the lock of a builder that died is taken over', async () => {
    installGo('1.26.8', GOOD);
    mkdirSync(dirname(cacheDirectory(env)), { recursive: true });
    const dead = spawnSync('/bin/true').pid;
    writeFileSync(`${cacheDirectory(env)}.lock`, `${dead} 12345\n`);
    await ensure();
    expect(installs()).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  test('an aborted build ends its compiler and leaves nothing behind', async () => {
    installGo('1.26.8', 'echo $$ > "$GOBIN/../../pid"; exec sleep 1000');
    const stop = new AbortController();
    const building = ensureServers({ progress: () => {}, signal: stop.signal }, env);
    const pidFile = join(dirname(cacheDirectory(env)), 'pid');
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 10));
    const pid = Number(readFileSync(pidFile, 'utf8'));
    stop.abort();
    await expect(building).rejects.toMatchObject({ code: 'SERVERS_BUILD_FAILED' });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(leftovers()).toEqual(['pid']);
  });
});

describe('without such a Go', () => {
  test('programs named by KUBEBUILDER_ASSETS serve, and those on PATH beside them', async () => {
    const assets = join(root, 'assets');
    mkdirSync(assets);
    for (const name of INSTALLED) program(join(name.startsWith('k') ? assets : bin, name));
    env['KUBEBUILDER_ASSETS'] = assets;
    expect(await ensure()).toMatchObject({ kubectl: join(assets, 'kubectl'), etcd: join(bin, 'etcd') });
  });

  test('one sentence says what to install', async () => {
    await expect(ensure()).rejects.toMatchObject({
      code: 'SERVERS_MISSING',
      message:
        'Install Go 1.26 or newer (https://go.dev/dl; no go on PATH) so that the real servers can be built, or put etcd, ' +
        'kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, helm, versitygw on PATH or into the directory named by ' +
        'KUBEBUILDER_ASSETS.',
    });
    installGo('1.25.4', 'exit 9');
    program(join(bin, 'helm'));
    const error = (await ensure().catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toContain('go on PATH is 1.25');
    expect(error.message).not.toContain('helm');
    expect(() => serverBinaries(env)).toThrow('npm run setup');
  });
});
