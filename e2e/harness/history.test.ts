import { describe, expect, test } from '@jest/globals';
import { History, writeKey } from './history.ts';

describe('the judge of a client history', () => {
  test('counts an acknowledged write that is gone, and one with a wrong value, as lost', () => {
    const history = new History();
    for (const n of [1, 2, 3]) history.acknowledge(n, n * 10);
    expect(
      history.verdict(
        new Map([
          [writeKey(1), '1'],
          [writeKey(3), '7'],
        ]),
      ),
    ).toMatchObject({
      acknowledged: 3,
      lost: 2,
      lostExamples: [writeKey(2), writeKey(3)],
    });
  });

  test('an unacknowledged write may be there or not', () => {
    const history = new History();
    history.acknowledge(1, 10);
    expect(
      history.verdict(
        new Map([
          [writeKey(1), '1'],
          [writeKey(2), '2'],
        ]),
      ).lost,
    ).toBe(0);
  });

  test('a read is stale when a write acknowledged before it began is missing from it', () => {
    const history = new History();
    history.acknowledge(5, 10);
    const atLeast = history.readBegins();
    history.acknowledge(6, 20);
    history.readEnds(atLeast, 5);
    expect(history.verdict(new Map()).staleReads).toBe(0);
    history.readEnds(history.readBegins(), 5);
    expect(history.verdict(new Map()).staleReads).toBe(1);
  });

  test('a read is stale when an earlier one saw more, acknowledged or not', () => {
    const history = new History();
    history.readEnds(history.readBegins(), 9);
    history.readEnds(history.readBegins(), 8);
    expect(history.verdict(new Map()).staleReads).toBe(1);
  });

  test('the gap of a fault is the longest pause that touches its window', () => {
    const history = new History();
    for (const at of [0, 10, 500, 520, 2000]) history.acknowledge(at, at);
    expect(history.longestGapMs(50, 60)).toBe(490);
    expect(history.longestGapMs(505, 515)).toBe(20);
    expect(history.longestGapMs(0, 600)).toBe(1480);
  });
});
