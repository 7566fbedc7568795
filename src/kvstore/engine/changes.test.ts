import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8 } from '../../base/index.ts';
import { ChangeLog } from './changes.ts';
import { AheadError, GapError } from './errors.ts';
import { type KeyOperation } from './kept-changes.ts';

function written(key: string, bytes: number): KeyOperation[] {
  return [{ key, stored: { value: 'x'.repeat(bytes), expiresAt: 0 } }];
}

test('it answers every number that it holds, completely, and says so of every other one (G1, G2)', () => {
  const step = fc.record({ gap: fc.integer({ min: 1, max: 3 }), bytes: fc.nat(30) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 1, max: 70 }),
      (steps, most, mostBytes, max) => {
        const log = new ChangeLog(most, mostBytes);
        const model: { number: number; bytes: number }[] = [];
        let number = 5;
        for (const { gap, bytes } of steps) {
          number += gap;
          log.add(number, number, `h${number}`, written(`${number}`, bytes));
          model.push({ number, bytes: `${number}`.length + bytes });
          const total = (): number => model.reduce((sum, change) => sum + change.bytes, 0);
          while (model.length > most || total() > mostBytes) model.shift();
        }
        if (steps.length === 0) return expect(log.latest).toBe(0);
        expect(log.latest).toBe(number);
        for (let from = 1; from <= number + 3; from++) {
          if (from > number + 1) expect(() => log.load(from, max)).toThrow(AheadError);
          else if (from < log.oldest) expect(() => log.load(from, max)).toThrow(GapError);
          else {
            const expected = model.filter((change) => change.number >= from).slice(0, max);
            const changes = log.load(from, max);
            expect(changes.map((change) => change.number)).toEqual(expected.map((change) => change.number));
            for (const { number: at, operations } of changes)
              expect(fromUtf8(operations[0]!.key)).toBe(`${at}`);
            changes.slice(1).forEach(({ previous }, n) => expect(previous).toBe(changes[n]!.number));
          }
        }
        const oldestKept = model[0];
        if (oldestKept) expect(log.oldest).toBeLessThanOrEqual(oldestKept.number);
        else expect(log.oldest).toBe(number + 1);
      },
    ),
  );
});

test('what led to the first change it sees is not known: whoever has nothing begins with a snapshot', () => {
  const log = new ChangeLog();
  log.add(40, 1, 'h', []);
  expect(() => log.load(1, 9)).toThrow(expect.objectContaining({ oldestAvailable: 40 }));
  expect(log.load(40, 9)).toMatchObject([{ number: 40, previous: 39 }]);
});
