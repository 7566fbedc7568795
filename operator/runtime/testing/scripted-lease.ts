/**
 * A scripted Lease object that several electors share, on a virtual clock: latency, lost requests, lost answers, outages per client.
 *
 * Known gaps: one object; no watch; versions are a counter.
 */
import type { Clock } from '../../../src/base/index.ts';
import type { SeededRandom } from '../../../src/base/testing/index.ts';
import type { LeaseRecord, LeaseStore, LeaseWrite, ObservedLease } from '../ports.ts';

export class ScriptedLease {
  current: ObservedLease | undefined;
  /** Every accepted write, in order, with its moment. */
  readonly writes: { readonly atMs: number; readonly record: LeaseRecord }[] = [];
  #version = 0;

  write(record: LeaseRecord, version: string | undefined, atMs: number): LeaseWrite {
    if (this.current?.version !== version) return { kind: 'conflict' };
    this.current = { record, version: String(++this.#version) };
    this.writes.push({ atMs, record });
    return { kind: 'written', version: this.current.version };
  }
}

export interface ClientFaults {
  /** Requests get no answer until their signal aborts. */
  cut: boolean;
  /** Chance that a request never arrives. */
  loseRequest: number;
  /** Chance that a request is done and its answer lost. */
  loseAnswer: number;
  /** Chance that a lost request fails at once instead of hanging. */
  failFast: number;
  maxLatencyMs: number;
}

/** One process's way to the lease. */
export class LeaseClient implements LeaseStore {
  readonly faults: ClientFaults = {
    cut: false,
    loseRequest: 0,
    loseAnswer: 0,
    failFast: 0.5,
    maxLatencyMs: 10,
  };
  readonly #lease: ScriptedLease;
  readonly #clock: Clock;
  readonly #random: SeededRandom;

  constructor(lease: ScriptedLease, clock: Clock, random: SeededRandom) {
    this.#lease = lease;
    this.#clock = clock;
    this.#random = random;
  }

  read(signal: AbortSignal): Promise<ObservedLease | undefined> {
    return this.#call(signal, () => this.#lease.current);
  }

  create(record: LeaseRecord, signal: AbortSignal): Promise<LeaseWrite> {
    return this.#call(signal, () => this.#lease.write(record, undefined, this.#clock.monotonicMs()));
  }

  update(record: LeaseRecord, version: string, signal: AbortSignal): Promise<LeaseWrite> {
    return this.#call(signal, () => this.#lease.write(record, version, this.#clock.monotonicMs()));
  }

  async #call<T>(signal: AbortSignal, act: () => T): Promise<T> {
    const { faults } = this;
    if (faults.cut || this.#random.chance(faults.loseRequest)) await this.#noAnswer(signal);
    // The request is under way: it arrives even if its sender gives up (which is how a late write lands).
    const arrival = this.#clock.sleep(this.#random.below(faults.maxLatencyMs) + 1).then(act);
    const loses = this.#random.chance(faults.loseAnswer);
    const result = await Promise.race([arrival, whenAborted(signal)]);
    if (loses || faults.cut) await this.#noAnswer(signal);
    await this.#clock.sleep(this.#random.below(faults.maxLatencyMs) + 1, signal);
    return result;
  }

  async #noAnswer(signal: AbortSignal): Promise<never> {
    if (this.#random.chance(this.faults.failFast)) throw new Error('connection reset by the scripted API');
    return await whenAborted(signal);
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
