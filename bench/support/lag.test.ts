import { describe, expect, test } from '@jest/globals';
import { bytesPerSecond, lagsMs, machineMs, type Mark } from './lag.ts';

const marks = (...pairs: readonly (readonly [offset: number, atMs: number])[]): readonly Mark[] =>
  pairs.map(([offset, atMs]) => ({ offset, atMs }));

describe('the lag of an offset', () => {
  test('ends with the first mark at it or above it', () => {
    expect(lagsMs(marks([10, 100], [20, 200]), marks([5, 90], [10, 130], [25, 260]))).toEqual([30, 60]);
  });

  test('of several offsets may end with one mark: a follower applies what it has read in one piece', () => {
    expect(lagsMs(marks([10, 100], [11, 101], [12, 102]), marks([12, 110]))).toEqual([10, 9, 8]);
  });

  test('is not shortened by a follower that stops short of it by one byte', () => {
    expect(lagsMs(marks([10, 100]), marks([9, 105], [9, 106], [10, 900]))).toEqual([800]);
  });

  test('is negative when the follower had it before the writer heard that it is durable', () => {
    expect(lagsMs(marks([10, 100]), marks([10, 98]))).toEqual([-2]);
  });

  test('that never ends is an error, not a figure that is left out', () => {
    expect(() => lagsMs(marks([10, 100], [20, 200]), marks([10, 130], [19, 260]))).toThrow(/offset 20 .* 19/);
    expect(() => lagsMs(marks([10, 100]), [])).toThrow(RangeError);
  });
});

describe('the rate of a series', () => {
  test('counts what lies between its first and its last mark', () => {
    expect(bytesPerSecond(marks([1000, 500], [1500, 900], [3000, 1500]))).toBe(2000);
  });

  test('without time is no number, which no reach is reached by', () => {
    expect(bytesPerSecond(marks([1000, 500]))).toBeNaN();
    expect(bytesPerSecond([])).toBeNaN();
  });
});

test('the clock of the machine goes on and never back', () => {
  const [a, b] = [machineMs(), machineMs()];
  expect(b).toBeGreaterThanOrEqual(a);
});
