/**
 * The time and the randomness that SQL sees while a command is applied: the command's own, so that replay gives the same (types.ts Y2).
 *
 * T1  Time never goes back from one command to a later one, whoever stamped them.
 * T2  Randomness follows from the command's index alone.
 */
import { createHash } from 'node:crypto';
import { systemClock, type Clock } from '../../base/index.ts';

export class CommandTime implements Clock {
  readonly #real: Clock;
  #lastMs = 0;
  /** The command that is being applied. */
  #index: number | undefined;
  #drawn = 0;

  constructor(real: Clock = systemClock) {
    this.#real = real;
  }

  /** Time of the last command, ms since 1970. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** What came before is known from elsewhere. */
  restore(lastMs: number): void {
    this.#lastMs = lastMs;
  }

  /** Runs `apply` in the time of a command that was stamped with `stampedMs`; it is told the time that counts (T1). */
  during<T>(index: number, stampedMs: number, apply: (nowMs: number) => T): T {
    this.#lastMs = Math.max(this.#lastMs, stampedMs);
    this.#index = index;
    this.#drawn = 0;
    try {
      return apply(this.#lastMs);
    } finally {
      this.#index = undefined;
    }
  }

  /** Of the command that is being applied; else the real time. */
  wallMs(): number {
    return this.#index === undefined ? this.#real.wallMs() : this.#lastMs;
  }

  /** What SQL draws (T2). */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const digest = (): Buffer =>
      createHash('sha256')
        .update(`${this.#index ?? 'lookup'}/${this.#drawn++}`)
        .digest();
    for (let at = 0; at < length;) {
      const part = digest().subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  monotonicMs(): number {
    return this.#real.monotonicMs();
  }

  timer(...given: Parameters<Clock['timer']>): ReturnType<Clock['timer']> {
    return this.#real.timer(...given);
  }

  sleep(...given: Parameters<Clock['sleep']>): Promise<void> {
    return this.#real.sleep(...given);
  }
}
