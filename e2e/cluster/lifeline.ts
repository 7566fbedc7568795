/**
 * One run of servers that live exactly as long as their harness: a mark for every child, a temporary directory, and the watchdog that
 * ends both when the harness is gone (watchdog.ts).
 *
 * 1. Nothing is spawned before the watchdog runs.
 * 2. `end()` is idempotent and resolves when no marked process is left and the directory is removed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HarnessError } from './errors.ts';
import { MARK_VARIABLE } from './watchdog.ts';

const WATCHDOG = fileURLToPath(new URL('watchdog.ts', import.meta.url));

/** A run's mark and directory; see the header. */
export class Lifeline {
  readonly run: string;
  /** The temporary directory of the run; removed by `end()` and by the harness' death. */
  readonly directory: string;
  readonly #watchdog: ChildProcess;
  readonly #exited: Promise<unknown>;
  #ending: Promise<void> | undefined;

  private constructor(run: string, directory: string, watchdog: ChildProcess) {
    this.run = run;
    this.directory = directory;
    this.#watchdog = watchdog;
    this.#exited = once(watchdog, 'exit');
  }

  /** Makes the directory `holdfast-<name>-…` under the system's temporary directory and starts the watchdog. */
  static async start(name: string): Promise<Lifeline> {
    const run = randomUUID();
    const directory = await mkdtemp(join(tmpdir(), `holdfast-${name}-`));
    const watchdog = spawn(process.execPath, [WATCHDOG, run], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'] },
    });
    const lifeline = new Lifeline(run, directory, watchdog);
    await once(watchdog, 'spawn');
    watchdog.stdin?.on('error', () => {}); // a watchdog that died is reported by end(), not by its pipe
    watchdog.stdin?.write(`${directory}\n`);
    watchdog.unref();
    const pipe = watchdog.stdin as unknown as { unref?: () => void };
    pipe.unref?.(); // an idle watchdog must not keep its harness from exiting
    return lifeline;
  }

  /** `environment` with the run's mark: give it to every child. */
  marked(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return { ...environment, [MARK_VARIABLE]: this.run };
  }

  /** One more directory that goes when the run ends. */
  alsoRemove(directory: string): void {
    this.#watchdog.stdin?.write(`${directory}\n`);
  }

  /** Ends everything marked and removes the directory. Throws HarnessError SURVIVORS when something would not die. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#watchdog.ref();
    this.#watchdog.stdin?.end();
    if (this.#watchdog.exitCode === null && this.#watchdog.signalCode === null) await this.#exited;
    if (this.#watchdog.exitCode !== 0) {
      throw new HarnessError(
        'SURVIVORS',
        `the watchdog of run ${this.run} could not end every process of it`,
      );
    }
  }
}
