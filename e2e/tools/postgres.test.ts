/**
 * Where PostgreSQL's programs come from. apt and dpkg are scripts here, as in ceph.test.ts, which has the order of events around a fetch.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensurePostgres, postgresCacheDirectory, postgresPrograms } from './postgres.ts';

let root: string;
let bin: string;
let debian: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-postgres-tools-'));
  bin = join(root, 'path');
  debian = join(root, 'debian');
  mkdirSync(bin);
  env = { PATH: bin, XDG_CACHE_HOME: join(root, 'cache') };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(path: string, text = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${text}\n`, { mode: 0o755 });
}

const versioned = (version: number, name: string): string =>
  join('usr/lib/postgresql', String(version), 'bin', name);
const ensure = () => ensurePostgres({ progress: () => undefined }, env, debian);

test('one directory of PATH with both programs is taken; one of them alone is not', async () => {
  for (const name of ['initdb', 'postgres']) program(join(debian, versioned(15, name)));
  program(join(bin, 'postgres'));
  expect(postgresPrograms(env, debian).directory).toBe(dirname(join(debian, versioned(15, 'initdb'))));
  program(join(bin, 'initdb'));
  expect(await ensure()).toEqual({ directory: bin, unpacked: undefined, env: {} });
});

test('of several installed versions the newest is taken', () => {
  for (const version of [9, 17, 15])
    for (const name of ['initdb', 'postgres']) program(join(debian, versioned(version, name)));
  expect(postgresPrograms(env, debian).directory).toContain('/17/bin');
});

test('they are fetched once, and found in the cache afterwards with their libraries', async () => {
  program(
    join(bin, 'apt-get'),
    `echo "$@" >> ${root}/apt
    for option in "$@"; do case "$option" in Dir::Cache=*) cache="\${option#Dir::Cache=}";; esac; done
    case "$*" in *install*) echo x > "$cache/archives/postgresql.deb";; esac`,
  );
  program(
    join(bin, 'dpkg-deb'),
    `mkdir -p "$3/usr/lib/postgresql/15/bin" "$3/usr/lib/x86_64-linux-gnu"
    for name in initdb postgres; do echo x > "$3/usr/lib/postgresql/15/bin/$name"; chmod +x "$3/usr/lib/postgresql/15/bin/$name"; done`,
  );
  const cache = postgresCacheDirectory(env);
  const fetched = await ensure();
  expect(fetched).toEqual({
    directory: join(cache, 'usr/lib/postgresql/15/bin'),
    unpacked: cache,
    env: { LD_LIBRARY_PATH: join(cache, 'usr/lib/x86_64-linux-gnu') },
  });
  expect(readFileSync(join(root, 'apt'), 'utf8')).toContain('--download-only install postgresql');
  rmSync(join(bin, 'apt-get'));
  expect(await ensure()).toEqual(fetched);
  expect(postgresPrograms(env, debian)).toEqual(fetched);
});

test('one sentence says what to install, and nothing is left behind', async () => {
  await expect(ensure()).rejects.toMatchObject({
    code: 'POSTGRES_MISSING',
    message: expect.stringMatching(/^Install PostgreSQL's server .* there is no apt-get[^.]*\.$/),
  });
  program(join(bin, 'apt-get'), 'echo "E: Unable to locate package postgresql" >&2; exit 100');
  program(join(bin, 'dpkg-deb'));
  await expect(ensure()).rejects.toThrow('Unable to locate package');
  expect(existsSync(postgresCacheDirectory(env))).toBe(false);
  expect(() => postgresPrograms(env, debian)).toThrow('neither installed nor in the cache');
});
