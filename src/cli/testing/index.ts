/**
 * cli/testing: the program as a process of its own.
 */
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const MAIN = join(import.meta.dirname, '..', 'main.ts');
/** Where Node keeps what it compiled: starting the program takes a quarter of the time then, and tests start it hundreds of times. */
const COMPILED = join(tmpdir(), 'holdfast-compile-cache');
/** More than any test prints. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', NODE_COMPILE_CACHE: COMPILED, ...env };
}

/** Runs it to its end. */
export function holdfast(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return new Promise((resolve) => {
    const options = { env: environment(env), maxBuffer: MAX_OUTPUT_BYTES };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

/** Starts it; the caller ends it. */
export function startHoldfast(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [MAIN, ...args], {
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
