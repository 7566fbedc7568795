/**
 * Changes in the order of their numbers, oldest first, in columns: beside its operations a change that is kept is numbers in arrays, and nothing that the garbage
 * collector has to carry through its generations (docs/decisions/0052).
 *
 * K1  A ring whose room doubles as it fills, and never shrinks: it is bounded by what its owner keeps.
 */
import { assert } from '../../base/index.ts';
import { HISTORY_BYTES, type History } from './history.ts';
import { type Stored } from './table.ts';

/** A key and what it holds from then on; undefined: it is gone. */
export interface KeyOperation {
  readonly key: string;
  readonly stored: Stored | undefined;
}

const FIRST_ROOM = 64;
const NOTHING: readonly KeyOperation[] = [];

interface Columns {
  readonly numbers: Float64Array;
  /** Time of the store after each. */
  readonly nows: Float64Array;
  readonly histories: Buffer;
  readonly operations: (readonly KeyOperation[])[];
}

export class KeptChanges {
  #columns: Columns = columnsOf(FIRST_ROOM);
  /** Where in the columns the oldest stands. */
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(number: number, now: number, history: History, operations: readonly KeyOperation[]): void {
    if (this.#length === this.#columns.operations.length) this.#grow();
    const at = this.#placeOf(this.#length++);
    const { numbers, nows, histories, operations: all } = this.#columns;
    numbers[at] = number;
    nows[at] = now;
    histories.write(history, at * HISTORY_BYTES, HISTORY_BYTES, 'hex');
    all[at] = operations;
  }

  /** Forgets the oldest. */
  shift(): void {
    assert(this.#length > 0, 'there is one to forget');
    this.#columns.operations[this.#first] = NOTHING; // lets go of its values
    this.#first = this.#placeOf(1);
    this.#length--;
  }

  numberAt(n: number): number {
    return this.#columns.numbers[this.#placeOf(n)]!;
  }

  nowAt(n: number): number {
    return this.#columns.nows[this.#placeOf(n)]!;
  }

  historyAt(n: number): History {
    const begin = this.#placeOf(n) * HISTORY_BYTES;
    return this.#columns.histories.toString('hex', begin, begin + HISTORY_BYTES);
  }

  operationsAt(n: number): readonly KeyOperation[] {
    return this.#columns.operations[this.#placeOf(n)]!;
  }

  /** Of the first with at least this number; `length` when there is none. */
  indexOf(number: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.numberAt(middle) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #placeOf(n: number): number {
    return (this.#first + n) & (this.#columns.operations.length - 1); // room is a power of two
  }

  #grow(): void {
    const larger = columnsOf(2 * this.#length);
    const { histories } = this.#columns;
    for (let n = 0; n < this.#length; n++) {
      const at = this.#placeOf(n);
      larger.numbers[n] = this.numberAt(n);
      larger.nows[n] = this.nowAt(n);
      histories.copy(larger.histories, n * HISTORY_BYTES, at * HISTORY_BYTES, (at + 1) * HISTORY_BYTES);
      larger.operations[n] = this.operationsAt(n);
    }
    this.#columns = larger;
    this.#first = 0;
  }
}

function columnsOf(room: number): Columns {
  return {
    numbers: new Float64Array(room),
    nows: new Float64Array(room),
    histories: Buffer.alloc(room * HISTORY_BYTES),
    operations: Array.from({ length: room }, () => NOTHING),
  };
}
