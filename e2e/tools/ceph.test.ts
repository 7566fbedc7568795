/**
 * Where Ceph's programs come from: PATH, cache, the distribution's packages, or advice. apt and dpkg are scripts here: what they fetch is
 * in question in the full run, here it is the order of events around them.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { cephCacheDirectory, cephPrograms, ensureCeph } from './ceph.ts';

const PROGRAMS = [
  'ceph-mon',
  'ceph-osd',
  'radosgw',
  'radosgw-admin',
  'ceph-authtool',
  'monmaptool',
  'osdmaptool',
];

let root: string;
let bin: string;
let env: NodeJS.ProcessEnv;
const progress: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-ceph-tools-'));
  bin = join(root, 'path');
  mkdirSync(bin);
  env = { PATH: bin, XDG_CACHE_HOME: join(root, 'cache') };
  progress.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(name: string, text = ''): void {
  writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${text}\n`, { mode: 0o755 });
}

/** An apt that notes its arguments and leaves one archive for each name, and a dpkg-deb that unpacks it as that program. */
function installApt(names: readonly string[], install = ''): void {
  const archives = `for option in "$@"; do case "$option" in Dir::Cache=*) cache="\${option#Dir::Cache=}";; esac; done`;
  const fetch = `case "$*" in *install*) ${install}
    for name in ${names.join(' ')}; do echo $name > "$cache/archives/$name.deb"; done;; esac`;
  program('apt-get', `echo "$@" >> ${root}/apt\n${archives}\n${fetch}`);
  program(
    'dpkg-deb',
    'mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu/rados-classes"; printf "#!/bin/sh\\n" > "$3/usr/bin/$(cat "$2")"; chmod +x "$3/usr/bin/$(cat "$2")"',
  );
}

const ensure = () => ensureCeph({ progress: (line) => progress.push(line) }, env);
const cached = (name: string): string => join(cephCacheDirectory(env), 'usr/bin', name);

describe('Ceph’s programs', () => {
  test('on PATH are taken as they are, and nothing is fetched', async () => {
    for (const name of PROGRAMS) program(name);
    const found = await ensure();
    expect(found.path('radosgw')).toBe(join(bin, 'radosgw'));
    expect(found).toMatchObject({ libraries: undefined, env: {} });
    expect(progress).toEqual([]);
  });

  test('are fetched once with lists and archives of their own, and found in the cache afterwards', async () => {
    installApt(PROGRAMS);
    const found = await ensure();
    expect(found.path('ceph-osd')).toBe(cached('ceph-osd'));
    expect(found.libraries).toBe(join(cephCacheDirectory(env), 'usr/lib/x86_64-linux-gnu'));
    expect(found.env['LD_LIBRARY_PATH']).toContain(join(found.libraries!, 'ceph'));
    const calls = readFileSync(join(root, 'apt'), 'utf8').trimEnd().split('\n');
    expect(calls.length).toBe(2);
    for (const call of calls) expect(call).toContain(`Dir::State::lists=${join(root, 'cache')}`);
    expect(calls[1]).toContain('--download-only');
    rmSync(join(bin, 'apt-get'));
    expect((await ensure()).path('monmaptool')).toBe(cached('monmaptool'));
    expect(cephPrograms(env).path('osdmaptool')).toBe(cached('osdmaptool'));
    expect(readdirSync(dirname(cephCacheDirectory(env))).length).toBe(1);
  });

  test('are fetched by several at once without harm, and what killed fetches left is swept away', async () => {
    installApt(PROGRAMS);
    const parent = dirname(cephCacheDirectory(env));
    for (const name of ['.fetching-old', '.fetching-new']) mkdirSync(join(parent, name), { recursive: true });
    utimesSync(join(parent, '.fetching-old'), 0, 0);
    const found = await Promise.all([ensure(), ensure(), ensure()]);
    expect(found.map((programs) => programs.path('radosgw'))).toEqual(Array(3).fill(cached('radosgw')));
    expect(readdirSync(parent).toSorted()).toEqual(['.fetching-new', basename(cephCacheDirectory(env))]);
  });

  test('that this machine has already are not fetched again: the rest joins them', async () => {
    program('ceph-authtool');
    installApt(PROGRAMS.filter((name) => name !== 'ceph-authtool'));
    const found = await ensure();
    expect(found.path('ceph-authtool')).toBe(join(bin, 'ceph-authtool'));
    expect(found.path('ceph-mon')).toBe(cached('ceph-mon'));
  });
});

describe('one sentence says what to install', () => {
  const advice = (why: string): object => ({
    code: 'CEPH_MISSING',
    message: expect.stringMatching(
      new RegExp(`^Install Ceph's programs .*ceph-mon ceph-osd radosgw ceph-common.*${why}[^.]*\\.$`, 's'),
    ),
  });

  test('where there is no apt', async () => {
    await expect(ensure()).rejects.toMatchObject(advice('there is no apt-get'));
  });

  test('where apt fails, in its own words, and nothing is left behind', async () => {
    installApt(PROGRAMS, 'echo "E: Unable to locate package ceph-mon" >&2; exit 100;');
    await expect(ensure()).rejects.toMatchObject(advice('Unable to locate package ceph-mon'));
    expect(existsSync(cephCacheDirectory(env))).toBe(false);
    expect(readdirSync(dirname(cephCacheDirectory(env)))).toEqual([]);
  });

  test('where the packages lack a program', async () => {
    installApt(PROGRAMS.slice(1));
    await expect(ensure()).rejects.toMatchObject(advice('do not hold all of them'));
  });

  test('where tests are run without the full run’s preparation', () => {
    expect(() => cephPrograms(env)).toThrow('neither on PATH nor in the cache');
  });
});
