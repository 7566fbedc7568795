/**
 * The one entry of the npm commands that a newcomer types: plain JavaScript for Node 20 or newer, no dependencies.
 *
 * Makes node_modules what package-lock.json says, then runs the asked command under the pinned Node of node_modules.
 *
 * 1. `npm ci` runs only when something of the lockfile is missing or differs; npm's own record of what it installed decides.
 * 2. The command runs in a session of its own, so a Ctrl-C reaches it exactly once, from here; we leave when it has
 *    cleaned up, with its exit code or its signal.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
/** Terminal and npm both send a Ctrl-C to us within moments; a person pressing it again takes longer. */
const SAME_PRESS_MS = 300;

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const bin = join(root, 'node_modules', '.bin');

const COMMANDS = {
  demo: ['e2e/demo/main.ts'],
  test: ['e2e/tools/verify.ts'],
  'test:full': ['e2e/tools/verify.ts', '--full'],
  check: ['e2e/tools/verify.ts', '--only=check'],
  setup: ['e2e/tools/servers.ts'],
};

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds every package of the lockfile (an optional one may be absent: it is for other platforms). */
function isInstalled() {
  const wanted = readLock(join(root, 'package-lock.json'));
  const have = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || have === undefined || !existsSync(join(bin, 'node'))) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const installed = have[path];
    if (installed === undefined) return entry.optional === true || entry.devOptional === true;
    return installed.version === entry.version && installed.integrity === entry.integrity;
  });
}

function install() {
  console.error('Installing dependencies with npm ci (once per lockfile).');
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' });
  if (result.error) {
    console.error(
      `npm could not be started (${result.error.message}); install npm with Node ${OLDEST_NODE} or newer.`,
    );
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function run(name, args) {
  const child = spawn(
    join(bin, 'node'),
    [...COMMANDS[name].map((part) => (part.startsWith('-') ? part : join(root, part))), ...args],
    {
      stdio: 'inherit',
      detached: true,
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
    },
  );
  const last = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const now = Date.now();
      if (now - (last.get(signal) ?? -Infinity) < SAME_PRESS_MS) return;
      last.set(signal, now);
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`could not run ${name}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const [name, ...args] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, name ?? '')) {
  console.error(`usage: node e2e/tools/bootstrap.mjs ${Object.keys(COMMANDS).join('|')} [options]`);
  process.exit(2);
}
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  console.error(`Node ${process.versions.node} is too old; install Node ${OLDEST_NODE} or newer.`);
  process.exit(1);
}
if (!isInstalled()) install();
run(name, args);
