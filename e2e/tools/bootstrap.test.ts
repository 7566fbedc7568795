/**
 * The entry of the npm commands: runs the asked program under the pinned Node, and passes on what comes in and goes out.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Stands where servers.ts does: prints what it sees; on a signal, cleans up for a moment and says how many came. */
const PROGRAM = `
console.log(JSON.stringify({ args: process.argv.slice(2), node: process.versions.node, path: process.env.PATH.split(':')[0] }));
const code = Number(process.argv[2]);
if (code >= 0) process.exit(code);
let seen = 0;
process.on('SIGINT', () => {
  seen += 1;
  setTimeout(() => { console.log('cleaned up after ' + seen); process.exit(7); }, 150);
});
setInterval(() => {}, 1000);
`;

const LOCK = {
  lockfileVersion: 3,
  packages: { '': { name: 'copy' }, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' } },
};

let copy: string;

/** A tree of its own, without npm on PATH: whatever goes wrong here, nobody's node_modules is touched. */
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'holdfast-bootstrap-'));
  mkdirSync(join(copy, 'e2e/tools'), { recursive: true });
  mkdirSync(join(copy, 'node_modules/.bin'), { recursive: true });
  cpSync(join(import.meta.dirname, 'bootstrap.mjs'), join(copy, 'e2e/tools/bootstrap.mjs'));
  symlinkSync(process.execPath, join(copy, 'node_modules/.bin/node'));
  writeFileSync(join(copy, 'package-lock.json'), JSON.stringify(LOCK));
  writeFileSync(join(copy, 'node_modules/.package-lock.json'), JSON.stringify(LOCK));
  writeFileSync(join(copy, 'e2e/tools/servers.ts'), PROGRAM);
});
afterEach(() => rmSync(copy, { recursive: true, force: true }));

function bootstrap(...args: string[]): { readonly child: ChildProcess; readonly output: () => string } {
  const child = spawn(process.execPath, [join(copy, 'e2e/tools/bootstrap.mjs'), ...args], {
    stdio: 'pipe',
    env: { PATH: join(copy, 'nothing') },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return { child, output: () => output };
}

test('runs the program under the Node of node_modules with all arguments, and ends with its exit code', async () => {
  const { child, output } = bootstrap('setup', '3', '--json', 'x y');
  expect(await once(child, 'close')).toEqual([3, null]);
  expect(JSON.parse(output())).toEqual({
    args: ['3', '--json', 'x y'],
    node: process.versions.node,
    path: join(copy, 'node_modules', '.bin'),
  });
});

test('a Ctrl-C that arrives twice in a moment, from terminal and npm, reaches the program once, and its clean-up is waited for', async () => {
  const { child, output } = bootstrap('setup', '-1');
  while (!output().includes('args')) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGINT');
  child.kill('SIGINT');
  expect(await once(child, 'close')).toEqual([7, null]);
  expect(output()).toContain('cleaned up after 1');
});

test('an unknown command is answered with the list of commands', async () => {
  const { child, output } = bootstrap('dance');
  expect(await once(child, 'close')).toEqual([2, null]);
  expect(output()).toContain('setup');
});

test.each([
  ['of another version', { version: '1.0.1', integrity: 'sha512-a' }],
  ['of other content', { version: '1.0.0', integrity: 'sha512-b' }],
])('a package %s than the lockfile says means npm ci', async (_what, entry) => {
  const installed = { ...LOCK, packages: { ...LOCK.packages, 'node_modules/a': entry } };
  writeFileSync(join(copy, 'node_modules/.package-lock.json'), JSON.stringify(installed));
  const { child, output } = bootstrap('setup', '0');
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(output()).toContain('npm ci');
  expect(output()).toContain('npm could not be started'); // there is none on PATH
});

test('an optional package of the lockfile may be absent: it is for other platforms', async () => {
  const packages = {
    ...LOCK.packages,
    'node_modules/b': { version: '1.0.0', integrity: 'sha512-b', optional: true },
  };
  writeFileSync(join(copy, 'package-lock.json'), JSON.stringify({ ...LOCK, packages }));
  const { child } = bootstrap('setup', '0');
  expect(await once(child, 'close')).toEqual([0, null]);
});
