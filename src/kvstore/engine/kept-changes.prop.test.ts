import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HISTORY_BYTES } from './history.ts';
import { KeptChanges, type KeyOperation } from './kept-changes.ts';

interface Change {
  readonly number: number;
  readonly now: number;
  readonly history: string;
  readonly operations: readonly KeyOperation[];
}

/** How many come, how many of the oldest go then, and how far apart their numbers are. */
const step = fc.record({ come: fc.nat(150), go: fc.nat(150), apart: fc.integer({ min: 1, max: 3 }) });

function contents(kept: KeptChanges): Change[] {
  return Array.from({ length: kept.length }, (_, n) => ({
    number: kept.numberAt(n),
    now: kept.nowAt(n),
    history: kept.historyAt(n),
    operations: kept.operationsAt(n),
  }));
}

test('they are as a list has them, whatever comes and goes (K1)', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const kept = new KeptChanges();
      const model: Change[] = [];
      let number = 2 ** 40;
      for (const { come, go, apart } of steps) {
        for (let n = 0; n < come; n++) {
          number += apart;
          const history = number.toString(16).padStart(2 * HISTORY_BYTES, 'c');
          const change = {
            number,
            now: number / 2,
            history,
            operations: [{ key: `${n}`, stored: undefined }],
          };
          model.push(change);
          kept.push(change.number, change.now, change.history, change.operations);
        }
        for (let n = Math.min(go, model.length); n > 0; n--) {
          model.shift();
          kept.shift();
        }
        expect(contents(kept)).toEqual(model);
      }
      for (let asked = number - 20; asked <= number + 1; asked++) {
        const found = model.findIndex((change) => change.number >= asked);
        expect(kept.indexOf(asked)).toBe(found < 0 ? model.length : found);
      }
    }),
    { numRuns: 50 },
  );
});
