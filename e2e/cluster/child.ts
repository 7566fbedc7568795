/**
 * A server program as a child process of the harness: output to a file, a group of its own, signals to the whole group.
 *
 * 1. The harness is the direct parent, so an exit is news at once (an orphan's reaper can be seconds late).
 * 2. A child leads its own process group: a signal to the group reaches everything it started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { HarnessError } from './errors.ts';

/** How a process ended: one of the two is set. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to run and where its output goes. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly cwd?: string;
  /** As whom it runs; by default as the harness does. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A started program. `exited` resolves once and never rejects. */
export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly logFile: string;
  isAlive(): boolean;
  /** Sends to the process only; false when it has ended. */
  signal(signal: NodeJS.Signals): boolean;
  /** Sends to the process and everything in its group; false when nothing of it is left. */
  signalGroup(signal: NodeJS.Signals): boolean;
}

/** Sends a signal to a pid, or to a group when negative; false when there is nobody to receive it. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Starts a program; rejects with the operating system's error when it cannot be started at all (ENOENT, EACCES). */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn(options.command, [...options.args], {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.user,
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const pid = child.pid!;
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid,
    exited,
    logFile: options.logFile,
    isAlive,
    // Once reaped, the pid may belong to somebody else; the group's number stays taken while it has members.
    signal: (signal) => isAlive() && sendSignal(pid, signal),
    signalGroup: (signal) => sendSignal(-pid, signal),
  };
}

/** Polls `ready` until it holds. Throws HarnessError NOT_STARTED with the end of the log when it exits or takes too long. */
export async function waitReady(
  name: string,
  child: Child,
  ready: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const ok = await ready().catch(() => false);
    if (ok && child.isAlive()) return;
    if (!child.isAlive() || Date.now() > deadline) {
      const why = child.isAlive() ? `was not ready after ${timeoutMs} ms` : 'ended while starting';
      throw new HarnessError('NOT_STARTED', `${name} ${why}; the end of its log:\n${tail(child.logFile)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A stop reaches a thread when it is scheduled, milliseconds on a busy machine; but one that waits for the disk stops when it has what it waits for. */
const STOP_LIMIT_MS = 10_000;

/**
 * SIGSTOP to the process, or to its whole group when it is named as one by a negative number; returns when no thread of the
 * process runs any more. Until then a server with many threads still answers, and what was meant to be silence is not.
 * (Elsewhere than on Linux nobody can be asked, and it returns at once.)
 */
export function freeze(target: number): void {
  sendSignal(target, 'SIGSTOP');
  const pid = Math.abs(target);
  const tasks = `/proc/${pid}/task`;
  const stopped = (task: string): boolean => {
    try {
      return /\) [TtZX] /.test(readFileSync(`${tasks}/${task}/stat`, 'latin1'));
    } catch {
      return true; // the thread has ended
    }
  };
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const deadline = Date.now() + STOP_LIMIT_MS;
  while (existsSync(tasks) && !readdirSync(tasks).every(stopped)) {
    if (Date.now() > deadline)
      throw new HarnessError('NOT_FROZEN', `process ${pid} still runs ${STOP_LIMIT_MS} ms after SIGSTOP`);
    Atomics.wait(pause, 0, 0, 1); // a millisecond: what comes after must find it frozen
  }
}

/** The last lines of a log file, for error messages. */
export function tail(file: string, lines = 20): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return `(no log at ${file})`;
  }
}
