/**
 * What commands do to a store's tables. No time, no randomness, no I/O: the same for every engine, on the primary, on a standby and in a replay (I7).
 *
 * S1  The same commands in the same order give the same state and the same results everywhere.
 * S2  Time is the commands' own, and never goes back: the latest that any command said.
 * S3  A batch is applied whole. Nothing here fails on a command that decoded.
 * S4  Stored values are copies; the log entry that they came from is free to go.
 * S5  Every command removes some of the pairs that have expired by its time, those that expired first: as many as it could write, and some more.
 * S6  Replacing the contents is begun, fed part by part and committed by commands. Reads see the old contents until the commit and the new ones from it
 *     on. Until then other writes are told RESULT_BUSY; who does not feed it for REPLACE_PATIENCE_MS has given it up.
 */
import { createHash } from 'node:crypto';
import { unreachable } from '../../base/index.ts';
import {
  type AnyCommand,
  type CommandMark,
  type Pair,
  type ReplaceStep,
  type StampedCommand,
} from '../command.ts';
import { bytesOf, keyOf } from '../key.ts';
import { ChangeLog } from './changes.ts';
import { DivergedError, GapError } from './errors.ts';
import { historyAfter, historyFrom, NO_HISTORY, type History } from './history.ts';
import { type KeyOperation } from './kept-changes.ts';
import { PURGE_LEAST, REPLACE_PATIENCE_MS } from './limits.ts';
import { isLive, type Stored, type Table, type Tables } from './table.ts';
import { type ChangeRecord } from './types.ts';

/** The result of a write that was not made because the contents are being replaced (S6): no count of anything. */
export const RESULT_BUSY: number = 2 ** 32;

/** A replacement under way; its pairs are in the staged table. */
export interface Replacement {
  /** As a key string. */
  readonly id: string;
  readonly nextPart: number;
  /** Time of its latest step, ms since 1970. */
  readonly at: number;
}

/** What a state is beside its tables. */
export interface Attributes {
  /** Number of the latest change; 0: not known. */
  readonly change: number;
  /** What led to it; undefined: it was written before there were identities (history.ts N3). */
  readonly history: History | undefined;
  /** S2, ms since 1970. */
  readonly now: number;
  readonly replacement: Replacement | undefined;
}

export const NO_ATTRIBUTES: Attributes = {
  change: 0,
  history: NO_HISTORY,
  now: 0,
  replacement: undefined,
};

export class KvState {
  readonly tables: Tables;
  readonly changes: ChangeLog = new ChangeLog();
  #now: number;
  #replacement: Replacement | undefined;
  /** What the command that is being applied has done so far. */
  #operations: KeyOperation[] = [];

  /** A state whose tables hold what `attributes` belong to. */
  constructor(tables: Tables, attributes: Attributes = NO_ATTRIBUTES) {
    this.tables = tables;
    this.#now = attributes.now;
    this.#replacement = attributes.replacement;
    const { change, history } = attributes;
    this.changes.restart(change, history ?? NO_HISTORY);
    if (history === undefined) this.changes.restart(change, historyFrom(this.hash()));
  }

  get attributes(): Attributes {
    const { latest, history } = this.changes;
    return { change: latest, history, now: this.#now, replacement: this.#replacement };
  }

  /**
   * Applies the command of log index `number`. Answers how many pairs were written (put), or whether the key was there (delete), or matched (cas), or the
   * step was taken (of a replacement), as 1 or 0; or RESULT_BUSY. `mark` is the command's.
   */
  apply(number: number, { now = 0, command }: StampedCommand, mark: CommandMark): number {
    this.#now = Math.max(this.#now, now); // S2
    if (this.#replacement && this.#now - this.#replacement.at > REPLACE_PATIENCE_MS) this.#giveUp();
    this.#operations = [];
    const result = this.#run(command);
    this.#purge(command.kind === 'put' ? command.pairs.length : 1);
    const history = historyAfter(this.changes.history, number, mark);
    if (command.kind === 'commit-replace' && result === 1) this.changes.restart(number, history); // no record could hold it
    else this.changes.add(number, this.#now, history, this.#operations.slice()); // without room for more
    return result;
  }

  /**
   * Does what a command did elsewhere. A change that is in already is passed over.
   * @throws GapError when one before it is missing, DivergedError when it does not come after the latest
   */
  applyChange({ number, previous, now, history, operations }: ChangeRecord): void {
    const { latest } = this.changes;
    if (number <= latest) return;
    if (previous > latest) throw new GapError(latest + 1, number);
    if (previous < latest) throw new DivergedError(latest, this.changes.history);
    this.#now = Math.max(this.#now, now);
    this.#operations = [];
    for (const operation of operations) {
      const key = keyOf(operation.key);
      this.#write(key, operation.kind === 'put' ? storedOf(operation.value, operation.expiresAt) : undefined);
    }
    this.changes.add(number, this.#now, history, this.#operations.slice());
  }

  /** SHA-256 over everything that the state is, hex: equal exactly when the contents, the times, the change numbers and their histories are. Takes time in proportion to the data. */
  hash(): string {
    const hash = createHash('sha256').update(JSON.stringify(this.attributes));
    const numbers = new DataView(new ArrayBuffer(16));
    for (const table of [this.tables.current, this.tables.staged]) {
      hash.update(table ? 'table' : 'none');
      for (const [key, { value, expiresAt }] of table?.entries() ?? []) {
        numbers.setUint32(0, key.length);
        numbers.setUint32(4, value.length);
        numbers.setFloat64(8, expiresAt);
        hash.update(numbers).update(key, 'latin1').update(value, 'latin1');
      }
    }
    return hash.digest('hex');
  }

  #run(command: AnyCommand): number {
    switch (command.kind) {
      case 'put':
        return this.#replacement ? RESULT_BUSY : this.#put(this.tables.current, command.pairs);
      case 'delete':
        return this.#replacement ? RESULT_BUSY : this.#delete(keyOf(command.key));
      case 'cas':
        return this.#replacement ? RESULT_BUSY : this.#compareAndSet(command);
      case 'begin-replace':
      case 'replace-part':
      case 'commit-replace':
      case 'abort-replace':
        return this.#replaceStep(command) ? 1 : 0;
      default:
        return unreachable(command);
    }
  }

  #put(table: Table, pairs: readonly Pair[]): number {
    for (const { key, value, expiresAt = 0 } of pairs)
      this.#write(keyOf(key), storedOf(value, expiresAt), table);
    return pairs.length;
  }

  #delete(key: string): number {
    const before = this.tables.current.get(key);
    if (before === undefined) return 0;
    this.#write(key, undefined);
    return isLive(before, this.#now) ? 1 : 0;
  }

  #compareAndSet({
    key: bytes,
    expected,
    value,
    expiresAt = 0,
  }: Extract<AnyCommand, { kind: 'cas' }>): number {
    const key = keyOf(bytes);
    const before = this.tables.current.get(key);
    const now = before && isLive(before, this.#now) ? before.value : undefined;
    const matches = now === (expected && keyOf(expected)); // an empty value is not absence
    if (matches) this.#write(key, storedOf(value, expiresAt));
    return matches ? 1 : 0;
  }

  /** S6 */
  #replaceStep(step: ReplaceStep): boolean {
    const id = keyOf(step.id);
    const under = this.#replacement;
    if (step.kind === 'begin-replace') {
      if (under) return false;
      this.tables.stage();
      this.#replacement = { id, nextPart: 0, at: this.#now };
      return true;
    }
    const staged = this.tables.staged;
    if (!staged || under?.id !== id) return false;
    if (step.kind === 'replace-part') {
      if (step.part !== under.nextPart) return false;
      this.#put(staged, step.pairs);
      this.#replacement = { id, nextPart: under.nextPart + 1, at: this.#now };
      return true;
    }
    const commits = step.kind === 'commit-replace' && staged.size === step.pairs;
    if (commits) this.tables.promote();
    this.#giveUp();
    return commits || step.kind === 'abort-replace';
  }

  #giveUp(): void {
    this.tables.unstage();
    this.#replacement = undefined;
  }

  /** S5 */
  #purge(written: number): void {
    for (const key of this.tables.current.expired(this.#now, PURGE_LEAST + written))
      this.#write(key, undefined);
  }

  #write(key: string, stored: Stored | undefined, table: Table = this.tables.current): void {
    const before = table.write(key, stored);
    if (before === undefined && stored === undefined) return;
    if (table === this.tables.current) this.#operations.push({ key, stored });
  }
}

/** S4 */
function storedOf(value: Uint8Array, expiresAt: number): Stored {
  return { value: keyOf(value), expiresAt };
}

/** A pair as it is given out. */
export function pairOf(key: string, { value, expiresAt }: Stored): Pair {
  const pair = { key: bytesOf(key), value: bytesOf(value) };
  return expiresAt === 0 ? pair : { ...pair, expiresAt };
}
