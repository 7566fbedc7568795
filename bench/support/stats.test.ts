import { describe, expect, test } from '@jest/globals';
import { boundInWords, mibPerSecond, middleRatio, perSecond, reached, summarize, turns } from './stats.ts';

describe('a summary', () => {
  test('gives order statistics, whatever the order of the sample', () => {
    const sample = Array.from({ length: 100 }, (_, i) => 100 - i); // 100 down to 1
    expect(summarize(sample)).toEqual({ count: 100, min: 1, p50: 51, p90: 91, p99: 100, max: 100 });
    expect(sample[0]).toBe(100);
  });

  test('of one value is that value everywhere, rounded to a thousandth', () => {
    expect(summarize([1.23456])).toEqual({
      count: 1,
      min: 1.235,
      p50: 1.235,
      p90: 1.235,
      p99: 1.235,
      max: 1.235,
    });
  });

  test('of negative values keeps their order: a reader may have it before the writer hears of it', () => {
    expect(summarize([3, -2, -10])).toMatchObject({ min: -10, p50: -2, max: 3 });
  });

  test('of nothing has no figures', () => {
    expect(summarize([])).toMatchObject({ count: 0, p50: Number.NaN, p99: Number.NaN });
  });
});

test('rates count whole seconds, not milliseconds', () => {
  expect(perSecond(500, 250)).toBe(2000);
  expect(mibPerSecond(3 * 1024 * 1024, 500)).toBe(6);
});

describe('the middle ratio', () => {
  test('is not moved by one disturbed block', () => {
    expect(middleRatio([10, 10, 10, 500, 10], [10, 10, 10, 10, 10])).toBe(1);
  });

  test('of an even number of blocks lies between the two in the middle', () => {
    expect(middleRatio([1, 2, 3, 4], [1, 1, 1, 1])).toBe(2.5);
  });

  test('compares a block only with its own neighbour: a machine that becomes slower changes nothing', () => {
    expect(middleRatio([11, 110, 1100], [10, 100, 1000])).toBe(1.1);
  });

  test('is refused where the blocks do not match', () => {
    expect(() => middleRatio([1, 2], [1])).toThrow(RangeError);
    expect(() => middleRatio([], [])).toThrow(RangeError);
  });
});

test('turns go forwards and backwards, so that each leg follows each other one', () => {
  expect([0, 1, 2].map((block) => turns(['a', 'b', 'c'], block).join(''))).toEqual(['abc', 'cba', 'abc']);
});

describe('a reach', () => {
  test.each([
    [{ atLeast: 0.9 }, 0.9, true],
    [{ atLeast: 0.9 }, 0.899, false],
    [{ above: 1 }, 1, false],
    [{ above: 1 }, 1.001, true],
    [{ atMost: 1.5 }, 1.5, true],
    [{ atMost: 1.5 }, 1.501, false],
    [{ below: 1 }, 1, false],
    [{ below: 1 }, 0.999, true],
    [{ atMost: 1 }, Number.NaN, false],
    [{ atLeast: 1 }, Number.NaN, false],
  ])('%o at %d', (bound, measured, expected) => {
    expect(reached({ figure: 'f', measured, bound })).toBe(expected);
  });

  test('says its bound in words', () => {
    expect(boundInWords({ figure: 'f', measured: 1, bound: { below: 256 } })).toBe('below 256');
  });
});
