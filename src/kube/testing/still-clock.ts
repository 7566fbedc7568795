/**
 * Virtual time beside real connections: it stands still until a test moves it, so that a deadline is reached exactly when the test says so.
 */
import { systemClock } from '../../base/index.ts';
import { SimulationStalledError, VirtualClock } from '../../base/testing/index.ts';

export class StillClock extends VirtualClock {
  /** Every pause that was asked for, ms, in order. */
  readonly pauses: number[] = [];
  /** Whether pauses are over at once; else they take virtual time. */
  skipsPauses = true;

  override async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    this.pauses.push(delayMs);
    signal?.throwIfAborted();
    if (!this.skipsPauses) await super.sleep(delayMs, signal);
  }

  /** Moves time, and fires what becomes due. */
  async advance(byMs: number): Promise<void> {
    await this.run(new Promise<void>((resolve) => void this.timer(byMs, resolve)));
  }

  /** Whether no timer is set. Timers that are set fire by asking: for the end of a test. */
  async isIdle(): Promise<boolean> {
    const atMs = this.monotonicMs();
    try {
      await this.run(new Promise<never>(() => undefined));
    } catch (error) {
      if (!(error instanceof SimulationStalledError)) throw error;
    }
    return this.monotonicMs() === atMs;
  }
}

/** Waits, in real time, for what real connections bring about. The test's own time limit is its end. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(1);
}
