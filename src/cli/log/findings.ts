/**
 * What a check finds, on its way out: printed as it comes, or kept for a JSON report.
 */
import type { Finding } from '../../journal/index.ts';
import type { LogFinding } from '../../recoverylog/index.ts';
import type { Context } from '../run.ts';

/** Findings that one JSON report lists; all are counted. */
const MAX_LISTED = 10_000;

export class Findings {
  readonly listed: (Finding | LogFinding)[] = [];
  /** Aborted when nobody reads any more: no reason to go on. */
  readonly signal: AbortSignal;
  readonly #out: Context['out'] | undefined;
  readonly #stop = new AbortController();
  #printing: Promise<void> = Promise.resolve();

  constructor({ out, signal }: Context, json: boolean) {
    this.#out = json ? undefined : out;
    this.signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  add(finding: Finding | LogFinding, line: string): void {
    if (!this.#out) {
      if (this.listed.length < MAX_LISTED) this.listed.push(finding);
      return;
    }
    const out = this.#out;
    this.#printing = this.#printing.then(() => out.line(line));
    this.#printing.catch((error: unknown) => this.#stop.abort(error));
  }

  /** Everything is printed. @throws as Output.line */
  async printed(): Promise<void> {
    await this.#printing;
  }
}
