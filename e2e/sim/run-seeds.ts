/**
 * Seeds run by a program of their own, outside of the test runner, whose modules run at half the speed.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Tally } from './tally.ts';

export interface Seeds {
  readonly first: number;
  readonly count: number;
  /** Stop at the first that fails. */
  readonly failFast?: boolean;
}

export interface SeedsRun {
  readonly runs: number;
  /** One text a failed seed, and whatever else went wrong. */
  readonly failures: readonly string[];
  readonly totals: Tally;
}

const ROOT = join(import.meta.dirname, '..', '..');

/** Runs the simulation of the sources in `dir`. @throws when the program does not even get to its end */
export async function runSeeds({ first, count, failFast = false }: Seeds, dir = ROOT): Promise<SeedsRun> {
  const args = ['e2e/sim/main.ts', '--json', '--seed', String(first), '--seeds', String(count)];
  if (failFast) args.push('--fail-fast');
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (texts.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (texts.stderr += chunk));
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (!texts.stdout) throw new Error(`the simulation broke off: ${texts.stderr}`);
  return JSON.parse(texts.stdout) as SeedsRun;
}
