/**
 * The packed package in the hands of a stranger: the programs of the rooms' READMEs, type-checked and run by nothing but what `npm pack` makes
 * and the dependencies that package.json names.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'node_modules', '.bin');
/** What a compiler needs besides, and no program. */
const FOR_THE_COMPILER = ['@types/node', 'undici-types'];

interface Manifest {
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
}

let place: string;
/** The stranger's own project. */
let app: string;

/** The first program of a README. */
async function programOf(room: string): Promise<string> {
  const readme = await readFile(join(ROOT, 'src', room, 'README.md'), 'utf8');
  const program = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1];
  if (program === undefined) throw new Error(`src/${room}/README.md has no program`);
  return program;
}

/** Compiles and packs the package as it stands, in a directory of its own. */
async function pack(): Promise<string> {
  const source = join(place, 'source');
  await mkdir(source);
  const build = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(source, 'dist')];
  await run(join(BIN, 'tsc'), [...build, '--tsBuildInfoFile', join(place, '.tsbuildinfo')]);
  const generated = join('src', 'recoverylog', 'gen');
  await cp(join(ROOT, generated), join(source, 'dist', generated), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(source, 'package.json'));
  await run('npm', ['pack', '--ignore-scripts', '--offline', '--pack-destination', place], { cwd: source });
  const packed = (await readdir(place)).find((name) => name.endsWith('.tgz'));
  return join(place, packed!);
}

async function install(tarball: string): Promise<void> {
  const modules = join(app, 'node_modules');
  await mkdir(join(modules, 'holdfast'), { recursive: true });
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(modules, 'holdfast')]);
  const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  for (const name of [...Object.keys(dependencies), ...FOR_THE_COMPILER]) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
}

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'holdfast-package-'));
  app = join(place, 'app');
  await mkdir(app);
  await install(await pack());
  await writeFile(join(app, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  for (const room of ['journal', 'store']) await writeFile(join(app, `${room}.ts`), await programOf(room));
}, 300_000);

afterAll(async () => {
  await rm(place, { recursive: true, force: true });
});

test('the programs type-check against the types that the package carries, all of which are there', async () => {
  const options = {
    module: 'nodenext',
    target: 'es2024',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false, // a type that the package names and does not carry is an error
    noEmit: true,
    types: ['node'],
  };
  await writeFile(
    join(app, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, include: ['*.ts'] }),
  );
  const { stdout } = await run(join(BIN, 'tsc'), ['-p', app]).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
}, 120_000);

test('the journal of its README is written, compacted, read back, and taken over by a second run', async () => {
  const store = join(place, 'store');
  await mkdir(store);
  const tell = async (): Promise<string> =>
    (await run(process.execPath, ['journal.ts', pathToFileURL(store).href], { cwd: app })).stdout;
  expect(await tell()).toMatch(/^term 1, 1 fragments: tea;milk;sugar;\n$/);
  expect(await tell()).toMatch(/^term 2, \d fragments: tea;milk;sugar;tea;milk;sugar;\n$/);
  const fragments = await readdir(join(store, 'orders', 'log'));
  expect(fragments.length).toBeGreaterThan(0);
}, 120_000);

test('the store of its README is probed and used', async () => {
  const store = join(place, 'other store');
  await mkdir(store);
  const { stdout } = await run(process.execPath, ['store.ts', pathToFileURL(store).href], { cwd: app });
  expect(stdout).toBe('created fir\n');
}, 120_000);
