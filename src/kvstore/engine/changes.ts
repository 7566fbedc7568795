/**
 * The latest changes of a store, for those who follow it by number.
 *
 * G1  It holds every change from `base` (exclusive) to `latest`; what is asked for below that is a GapError, never fewer changes than there were.
 * G2  It is bounded by changes and by bytes; the oldest go first. It lives in memory only: replay fills it again, a snapshot starts it anew.
 * G3  Whoever says which history led to the number before `from` is told when it is not this one: a DivergedError, never changes of another history.
 */
import { bytesOf } from '../key.ts';
import { AheadError, DivergedError, GapError } from './errors.ts';
import { NO_HISTORY, type History } from './history.ts';
import { KeptChanges, type KeyOperation } from './kept-changes.ts';
import { KEPT_CHANGE_BYTES, KEPT_CHANGES } from './limits.ts';
import { type ChangeRecord, type Operation } from './types.ts';

export class ChangeLog {
  readonly #most: number;
  readonly #mostBytes: number;
  #kept = new KeptChanges();
  #bytes = 0;
  #base = 0;
  #latest = 0;
  #baseHistory: History = NO_HISTORY;
  #history: History = NO_HISTORY;

  constructor(most: number = KEPT_CHANGES, mostBytes: number = KEPT_CHANGE_BYTES) {
    this.#most = most;
    this.#mostBytes = mostBytes;
  }

  /** Number of the latest change; 0: none is known. */
  get latest(): number {
    return this.#latest;
  }

  /** Identity of the history up to and with the latest change. */
  get history(): History {
    return this.#history;
  }

  /** Oldest `from` that is answered. */
  get oldest(): number {
    return this.#base + 1;
  }

  /** Forgets all; the next change comes after `latest`, to which `history` led. */
  restart(latest: number, history: History): void {
    this.#kept = new KeptChanges();
    this.#bytes = 0;
    this.#base = latest;
    this.#latest = latest;
    this.#baseHistory = history;
    this.#history = history;
  }

  /** `number` is beyond the latest. Without any before, the changes that led here are not known. */
  add(number: number, now: number, history: History, operations: readonly KeyOperation[]): void {
    if (this.#latest === 0) this.restart(number - 1, this.#history);
    this.#kept.push(number, now, history, operations);
    this.#latest = number;
    this.#history = history;
    this.#bytes += bytesIn(operations);
    while (this.#kept.length > this.#most || this.#bytes > this.#mostBytes) this.#forgetOldest();
  }

  /**
   * @param history what led to `from` - 1, where that is to be checked (G3)
   * @throws GapError, AheadError (I5, G1), DivergedError
   */
  load(from: number, max: number, history?: History): readonly ChangeRecord[] {
    if (from > this.#latest + 1) throw new AheadError(from, this.#latest);
    if (from <= this.#base) throw new GapError(from, this.oldest);
    if (history !== undefined && history !== this.#historyAt(from - 1))
      throw new DivergedError(from - 1, history);
    const start = this.#kept.indexOf(from);
    const count = Math.min(max, this.#kept.length - start);
    return Array.from({ length: count }, (_, n) => this.#recordAt(start + n));
  }

  /** Undefined: there is no such change. */
  #historyAt(number: number): History | undefined {
    if (number === this.#base) return this.#baseHistory;
    const at = this.#kept.indexOf(number);
    const isThere = at < this.#kept.length && this.#kept.numberAt(at) === number;
    return isThere ? this.#kept.historyAt(at) : undefined;
  }

  #recordAt(n: number): ChangeRecord {
    const kept = this.#kept;
    return {
      number: kept.numberAt(n),
      previous: n === 0 ? this.#base : kept.numberAt(n - 1),
      now: kept.nowAt(n),
      history: kept.historyAt(n),
      operations: kept.operationsAt(n).map(operationOf),
    };
  }

  #forgetOldest(): void {
    this.#bytes -= bytesIn(this.#kept.operationsAt(0));
    this.#base = this.#kept.numberAt(0);
    this.#baseHistory = this.#kept.historyAt(0);
    this.#kept.shift();
  }
}

function bytesIn(operations: readonly KeyOperation[]): number {
  let bytes = 0;
  for (const { key, stored } of operations) bytes += key.length + (stored?.value.length ?? 0);
  return bytes;
}

function operationOf({ key, stored }: KeyOperation): Operation {
  const bytes = bytesOf(key);
  if (stored === undefined) return { kind: 'delete', key: bytes };
  return { kind: 'put', key: bytes, value: bytesOf(stored.value), expiresAt: stored.expiresAt };
}
