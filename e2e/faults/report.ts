/**
 * What the processes of a test tell, one JSON line each, and what they are told.
 *
 * 1. Times are microseconds of the machine's monotonic clock since the test's epoch: the same clock for every process of it.
 * 2. A call is written before anything of it happens, and a return after everything: a process that dies in between has called.
 */
import { writeSync } from 'node:fs';
import type { JournalInput, JournalOutput } from '../harness/journal-model.ts';

export type Line =
  | { readonly kind: 'call'; readonly op: number; readonly at: number; readonly input: JournalInput }
  /** Never written for an operation of unknown outcome. */
  | { readonly kind: 'return'; readonly op: number; readonly at: number; readonly output: JournalOutput }
  /** Why an operation has no answer, or a session is over. */
  | { readonly kind: 'note'; readonly at: number; readonly what: string; readonly code: string }
  /** Records a tailer met. */
  | { readonly kind: 'tailed'; readonly begin: number; readonly records: readonly number[] }
  /** The command of this number has been done. */
  | { readonly kind: 'done'; readonly command: number };

export type Command = { readonly command: number } &
  /** hello: nothing but to be done. */
  (
    | { readonly do: 'hello' | 'open' | 'append' | 'read' }
    /** Opens, appends, reads and compacts on its own until told to end. */
    | { readonly do: 'roam'; readonly seed: number }
    /** Ends once everything under way has come to something. */
    | { readonly do: 'end' }
  );

const STDOUT = 1;

/** Writes lines of this process. `epochNs`: process.hrtime.bigint() of the test's beginning. */
export class Reporter {
  readonly #epochNs: bigint;
  #ops = 0;

  constructor(epochNs: bigint) {
    this.#epochNs = epochNs;
  }

  nowUs(): number {
    return Number(process.hrtime.bigint() - this.#epochNs) / 1000;
  }

  tell(line: Line): void {
    writeSync(STDOUT, `${JSON.stringify(line)}\n`); // at once: what follows may be a SIGKILL
  }

  /** Tells a call; returns how to tell its return. */
  call(input: JournalInput): (output: JournalOutput) => void {
    const op = this.#ops++;
    this.tell({ kind: 'call', op, at: this.nowUs(), input });
    return (output) => this.tell({ kind: 'return', op, at: this.nowUs(), output });
  }

  note(what: string, code: string): void {
    this.tell({ kind: 'note', at: this.nowUs(), what, code });
  }
}
