/**
 * When a primary writes hints of its log.
 *
 * N1  Hints that this process could not restore from are replaced, not pushed back: they would take the place of backups that can be used.
 * N2  A hints write that fails never stops a healthy primary: it is logged, counted, and tried again at the next turn (DESIGN §4.4).
 * N3  The term guards the slot (I6). A refusal because of a later term is a line in the log only: what stops us is the journal's fence.
 * N4  Backups are what was stored before: the first hints of a primary push the older ones back, and so does every rotation interval that changed something.
 *     Each hints value keeps everything behind its end from being pruned (recoverylog: needs W1), so without the second the log of a primary that
 *     lives long would only grow.
 */
import {
  equalBytes,
  isAbortOf,
  type Clock,
  type CounterMetric,
  type GaugeMetric,
  type Logger,
  type Metrics,
} from '../base/index.ts';
import type { HintsSlots } from '../persistence/index.ts';
import { encodeHintsJson, type FsmHints } from '../recoverylog/index.ts';

/** What builds hints of everything that is durable. */
export interface HintsSource {
  buildHints(): Promise<FsmHints>;
}

export interface HintsKeeperOptions {
  readonly slots: HintsSlots;
  readonly source: HintsSource;
  readonly term: number;
  readonly intervalMs: number;
  /** N4 */
  readonly rotationMs: number;
  /** The hints in the primary slot are known to be of no use (N1). */
  readonly primaryIsUseless?: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Writes a primary's hints for as long as it serves. */
export class HintsKeeper {
  readonly #options: HintsKeeperOptions;
  readonly #writes: CounterMetric;
  readonly #failures: CounterMetric;
  readonly #spilled: CounterMetric;
  readonly #written: GaugeMetric;
  readonly #bytes: GaugeMetric;
  /** What the last rotation put into the primary slot. */
  #rotated: Uint8Array | undefined;

  constructor(options: HintsKeeperOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#writes = metrics.counter({ name: 'holdfast_hints_writes_total', help: 'Hints written.' });
    this.#failures = metrics.counter({
      name: 'holdfast_hints_write_failures_total',
      help: 'Hints that could not be written; older ones stay and cost restore time.',
    });
    this.#spilled = metrics.counter({
      name: 'holdfast_hints_spilled_total',
      help: 'Hints written that were too large for an annotation and went to the object store.',
    });
    this.#bytes = metrics.gauge({
      name: 'holdfast_hints_bytes',
      help: 'Size of the hints that were last written, before they were packed.',
    });
    this.#written = metrics.gauge({
      name: 'holdfast_hints_written_timestamp_seconds',
      help: 'When hints were last written, by the wall clock.',
    });
  }

  /** New hints every interval (N4). Ends by abort only; never rejects (N2). */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, rotationMs, primaryIsUseless = false } = this.#options;
    let rotateAtMs = Number.NEGATIVE_INFINITY;
    let replaces = primaryIsUseless; // N1
    while (!signal.aborted) {
      const rotate = clock.monotonicMs() >= rotateAtMs;
      const outcome = await this.#write(rotate && !replaces, signal);
      if (outcome === 'rotated' || (outcome === 'written' && replaces))
        rotateAtMs = clock.monotonicMs() + rotationMs;
      if (outcome !== 'failed') replaces = false;
      try {
        await clock.sleep(intervalMs, signal);
      } catch {
        return; // only an abort rejects a sleep
      }
    }
  }

  /** Hints of all that is durable now, to be written after the session has ended. @throws the log's errors */
  async last(): Promise<(signal: AbortSignal) => Promise<void>> {
    const hints = await this.#options.source.buildHints();
    return async (signal) => {
      await this.#store(encodeHintsJson(hints), false, signal);
    };
  }

  /** Never rejects (N2). */
  async #write(due: boolean, signal: AbortSignal): Promise<'rotated' | 'written' | 'failed'> {
    let value: Uint8Array;
    try {
      value = encodeHintsJson(await this.#options.source.buildHints());
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn('no hints can be built', { error });
      return 'failed';
    }
    const rotate = due && !(this.#rotated && equalBytes(value, this.#rotated));
    if (!(await this.#store(value, rotate, signal))) return 'failed';
    if (rotate) this.#rotated = value;
    return rotate ? 'rotated' : 'written';
  }

  /** Never rejects (N2). */
  async #store(value: Uint8Array, rotate: boolean, signal: AbortSignal): Promise<boolean> {
    const { slots, term, clock, log } = this.#options;
    try {
      if ((await slots.write({ term, value, rotate }, signal)) === 'object') this.#spilled.add(1);
    } catch (error) {
      if (isAbortOf(signal, error)) return false;
      this.#failures.add(1);
      log.warn('hints could not be written; the older ones stay in force', { term, error });
      return false;
    }
    this.#writes.add(1);
    this.#bytes.set(value.length);
    this.#written.set(clock.wallMs() / 1000);
    return true;
  }
}
