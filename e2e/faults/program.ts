/**
 * A writer or tailer process of a test: started, told what to do, frozen and killed, and everything it reported.
 *
 * 1. It lives no longer than the test: it carries the mark of the test's lifeline, and ends when its standard input does.
 * 2. Signals go to its own pid only, and only while it runs.
 * 3. Whatever it writes that is no report, and any end that nobody asked for, is a fault that the test must see.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Lifeline } from '../cluster/index.ts';
import { HarnessError } from '../cluster/index.ts';
import type { Command, Line } from './report.ts';

/** A command without its number. */
export type Order = Command extends infer C ? (C extends Command ? Omit<C, 'command'> : never) : never;

/** A program that was told to end has this long: longer than every patience of a session together, on a busy machine. */
const END_MS = 60_000;
/** What is kept of its standard error. */
const MAX_ERROR_BYTES = 10_000;

export interface ProgramOptions {
  readonly lifeline: Lifeline;
  readonly file: 'writer.ts' | 'tailer.ts';
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export class Program {
  /** Everything it reported, in order. */
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #over: Promise<void>;
  readonly #waiting = new Map<number, () => void>();
  #commands = 0;
  #errors = '';
  /** Set when its end was asked for. */
  #asked = false;

  constructor({ lifeline, file, args, env }: ProgramOptions) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
      env: lifeline.marked({ PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = this.#child;
    stdin!.on('error', () => {}); // a program that has ended reads nothing; its end is told by `failure`
    stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (this.#errors.length < MAX_ERROR_BYTES) this.#errors += text;
    });
    createInterface({ input: stdout! }).on('line', (text) => this.#take(text));
    this.#over = new Promise((resolve) => {
      this.#child.once('close', () => {
        for (const done of this.#waiting.values()) done();
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What went wrong with it that nobody asked for (3). */
  get failure(): string | undefined {
    if (this.#errors !== '') return this.#errors;
    if (this.isRunning || this.#asked) return undefined;
    return `ended with ${this.#child.exitCode ?? this.#child.signalCode}`;
  }

  /** Gives a command; resolves when it is done, or the program over. */
  tell(order: Order): Promise<void> {
    const command = this.#commands++;
    this.#child.stdin!.write(`${JSON.stringify({ ...order, command })}\n`);
    return new Promise((resolve) => {
      if (this.isRunning) this.#waiting.set(command, resolve);
      else resolve();
    });
  }

  /** SIGSTOP. What it was doing just then may still happen. */
  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  /** SIGKILL; resolves when everything it had reported is here. */
  async kill(): Promise<void> {
    this.#asked = true;
    this.#signal('SIGKILL');
    await this.#over;
  }

  /** Tells it to end and waits for it. @throws HarnessError PROGRAM_HANGS */
  async end(order?: Order): Promise<void> {
    this.#asked = true;
    if (order) void this.tell(order);
    else this.#child.stdin!.end();
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<'late'>((resolve) => (late = setTimeout(() => resolve('late'), END_MS)));
    const outcome = await Promise.race([this.#over, limit]);
    clearTimeout(late);
    if (outcome !== 'late') return;
    await this.kill();
    throw new HarnessError('PROGRAM_HANGS', `a program did not end within ${END_MS} ms; ${this.#errors}`);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  #take(text: string): void {
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      this.#errors += `no report: ${text}\n`;
      return;
    }
    this.lines.push(line);
    if (line.kind !== 'done') return;
    this.#waiting.get(line.command)?.();
    this.#waiting.delete(line.command);
  }
}
