/**
 * Runs a bench by name, each in a process of its own: `npm run bench -- <name> [options]`; without a name, lists them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const NOT_BENCHES = new Set(['main.ts', 'stats.ts']);
const [name, ...args] = process.argv.slice(2);
const file = join(import.meta.dirname, `${name}.ts`);
if (name === undefined || !existsSync(file)) {
  const names = readdirSync(import.meta.dirname).filter(
    (entry) => entry.endsWith('.ts') && !NOT_BENCHES.has(entry),
  );
  console.error(
    `usage: npm run bench -- <name> [options]; benches: ${names.map((entry) => entry.slice(0, -3)).join(', ')}`,
  );
  process.exitCode = 2;
} else {
  process.exitCode = spawnSync(process.execPath, [file, ...args], { stdio: 'inherit' }).status ?? 1;
}
