/**
 * How far a long command is: a bar on a terminal, a line every few seconds anywhere else.
 *
 * 1. Goes to standard error: standard output is for results.
 * 2. A failure to draw is nobody's problem.
 */
import type { Clock } from '../base/index.ts';
import { formatBytes, formatDuration } from './format.ts';

/** Where it is drawn; standard error in life. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Redrawn at most this often, ms: smoother than the eye asks for, cheaper than a request. */
const REDRAW_MS = 100;
/** Lines in a log come at most this often, ms. */
const LINE_MS = 5000;
const BAR_WIDTH = 20;
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001B[K';

export class Progress {
  readonly #stream: ProgressStream;
  readonly #clock: Clock;
  readonly #what: string;
  readonly #startedMs: number;
  #shownMs: number;
  #drawn = false;

  /** `what`: the verb in front, as in "verified 3 MiB of 4 MiB". */
  constructor(stream: ProgressStream, clock: Clock, what: string) {
    this.#stream = stream;
    this.#clock = clock;
    this.#what = what;
    this.#startedMs = this.#shownMs = clock.monotonicMs();
  }

  /** Bytes done of those in all. */
  update(done: number, total: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#shownMs < (this.#stream.isTTY ? REDRAW_MS : LINE_MS)) return;
    this.#shownMs = nowMs;
    const text = this.#text(Math.min(done, total), total, nowMs - this.#startedMs);
    if (!this.#stream.isTTY) {
      this.#stream.write(`${this.#what} ${text}\n`);
      return;
    }
    const filled = total === 0 ? 0 : Math.round((Math.min(done, total) / total) * BAR_WIDTH);
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${text}`;
    this.#stream.write(CLEAR_LINE + bar.slice(0, (this.#stream.columns ?? DEFAULT_COLUMNS) - 1));
    this.#drawn = true;
  }

  /** Takes the bar away, so that something else can be printed. */
  clear(): void {
    if (this.#drawn) this.#stream.write(CLEAR_LINE);
    this.#drawn = false;
  }

  #text(done: number, total: number, elapsedMs: number): string {
    const share = total === 0 ? 100 : Math.floor((done / total) * 100);
    const perMs = elapsedMs > 0 ? done / elapsedMs : 0;
    const left = perMs > 0 ? `, ${formatDuration((total - done) / perMs)} left` : '';
    return `${formatBytes(done)} of ${formatBytes(total)} (${share} %), ${formatBytes(perMs * 1000)}/s${left}`;
  }
}
