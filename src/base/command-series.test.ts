import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CommandSeries } from './command-series.ts';

const usage = expect.objectContaining({ code: 'SERIES_USAGE' });

describe('the numbers of commands', () => {
  test('begin with 1, and each is given out once (J1)', () => {
    const series = new CommandSeries();
    expect([series.begin(), series.begin(), series.begin()]).toEqual([1n, 2n, 3n]);
    expect(series.respondedTo).toBe(0n);
  });

  test('are completed once, and none that was never given out (F4.23)', () => {
    const series = new CommandSeries();
    const [first, second] = [series.begin(), series.begin()];
    series.complete(second);
    for (const wrong of [0n, second, 3n]) expect(() => series.complete(wrong)).toThrow(usage);
    series.complete(first);
    expect(() => series.complete(first)).toThrow(usage);
  });

  test('say that a command is answered only when all before it are, in whatever order the answers come (J2)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((count) => {
          const numbers = Array.from({ length: count }, (_, n) => BigInt(n + 1));
          return fc.shuffledSubarray(numbers, { minLength: count, maxLength: count });
        }),
        (order) => {
          const series = new CommandSeries();
          for (const _ of order) series.begin();
          const done = new Set<bigint>();
          for (const number of order) {
            series.complete(number);
            done.add(number);
            let answered = 0n;
            while (done.has(answered + 1n)) answered++;
            expect(series.respondedTo).toBe(answered);
            expect(series.open).toBe(order.length - done.size);
          }
        },
      ),
    );
  });
});
