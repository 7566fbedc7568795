/**
 * The program that outlives a harness which dies hard, and ends what the harness had started.
 *
 * Node offers no parent-death signal, so the harness holds the other end of this program's stdin. When the pipe closes, for whatever
 * reason (stop, exit, SIGKILL), everything that carries the harness' mark in its environment is ended.
 *
 * 1. Found by mark, not by a list of pids: children that nobody told us about, and children of children that left
 *    their process group, carry the mark as well.
 * 2. Runs in a session of its own, so a Ctrl-C on the terminal does not take it along.
 * 3. Directories to remove arrive as lines on stdin; they are removed after the last process is gone.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Every marked process carries this variable with its run's id. */
export const MARK_VARIABLE = 'HOLDFAST_E2E_RUN';

/** A process can fork while it is being looked for; more rounds than this would mean a fork bomb. */
const SWEEP_ROUNDS = 100;
const SWEEP_PAUSE_MS = 20;

/** Pids of all living processes marked with `run`, this one excepted. Zombies have no environment and do not count. */
export function markedProcesses(run: string): number[] {
  const mark = `${MARK_VARIABLE}=${run}`;
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    try {
      if (readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0').includes(mark))
        found.push(Number(entry));
    } catch {
      // The process ended while we looked, or belongs to somebody else: either way not ours to end.
    }
  }
  return found;
}

/** Kills every process marked with `run` until none is left; returns those that could not be ended. */
export async function sweep(run: string): Promise<number[]> {
  let left = markedProcesses(run);
  for (let round = 0; left.length > 0 && round < SWEEP_ROUNDS; round += 1) {
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone between the look and the kill.
      }
    }
    await sleep(SWEEP_PAUSE_MS);
    left = markedProcesses(run);
  }
  return left;
}

async function main(run: string): Promise<void> {
  let input = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) input += String(chunk);
  const left = await sweep(run);
  for (const directory of input.split('\n')) {
    if (directory !== '') rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
  process.exitCode = left.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  await main(process.argv[2] ?? '');
}
