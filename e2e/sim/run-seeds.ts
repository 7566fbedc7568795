/**
 * Seeds and soaks run by a program of their own, outside of the test runner, whose modules run at half the speed.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { KvTally } from './kv/tally.ts';
import type { SoakReport } from './soak.ts';
import type { Tally } from './tally.ts';

export interface Seeds {
  readonly first: number;
  readonly count: number;
  /** Stop at the first that fails. */
  readonly failFast?: boolean;
}

export interface SeedsRun<Totals = Tally> {
  readonly runs: number;
  /** One text a failed seed, and whatever else went wrong. */
  readonly failures: readonly string[];
  readonly totals: Totals;
}

const ROOT = join(import.meta.dirname, '..', '..');

/** Runs the simulation of the sources in `dir`. @throws when the program does not even get to its end */
export async function runSeeds(seeds: Seeds, dir = ROOT): Promise<SeedsRun> {
  return await runMain<SeedsRun>(argumentsOf(seeds), dir);
}

/** The same of the key-value service (kv/kv.ts). */
export async function runKvSeeds(seeds: Seeds, dir = ROOT): Promise<SeedsRun<KvTally>> {
  return await runMain<SeedsRun<KvTally>>(['--kv', ...argumentsOf(seeds)], dir);
}

function argumentsOf({ first, count, failFast = false }: Seeds): string[] {
  const args = ['--json', '--seed', String(first), '--seeds', String(count)];
  return failFast ? [...args, '--fail-fast'] : args;
}

/** The long life of soak.ts, with a standby that follows for that many days. */
export async function runSoak(standbyDays: number): Promise<SoakReport> {
  return await runMain<SoakReport>(['--soak', '--standby-days', String(standbyDays)], ROOT);
}

async function runMain<T>(args: readonly string[], dir: string): Promise<T> {
  const all = ['e2e/sim/main.ts', ...args];
  const child = spawn(process.execPath, all, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (texts.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (texts.stderr += chunk));
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (!texts.stdout) throw new Error(`the simulation broke off: ${texts.stderr}`);
  return JSON.parse(texts.stdout) as T;
}
