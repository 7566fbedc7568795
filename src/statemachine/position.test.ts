/**
 * The invariants of indexes and terms, as tables (seeds.md F4.2, F4.3, F4.13).
 */
import { describe, expect, test } from '@jest/globals';
import type { UpdateEnvelope } from './envelope.ts';
import { Position } from './position.ts';
import { logIndex, logTerm } from './types.ts';

const NONE = new Uint8Array(0);
const broken = expect.objectContaining({ code: 'STATE_HISTORY_BROKEN' });

const noop = (index: number, term: number): UpdateEnvelope => ({
  kind: 'noop',
  term: logTerm(term),
  first: logIndex(index),
});

/** Commands from index `first` to `last`. */
const range = (first: number, last: number, term = 5): UpdateEnvelope => ({
  kind: 'batch',
  term: logTerm(term),
  first: logIndex(first),
  commands: Array.from({ length: last - first + 1 }, () => ({ requestId: NONE, cmd: NONE })),
});

const at = (index: number, term = 5): Position =>
  new Position({ index: logIndex(index), term: logTerm(term) });

describe('from index 100 of term 5 on', () => {
  test.each([
    [[[0, 1]]],
    [[[1, 0]]],
    [[[102, 5]]],
    [[[101, 4]]],
    [
      [
        [101, 5],
        [103, 5],
      ],
    ],
    [
      [
        [101, 6],
        [102, 5],
      ],
    ],
  ])('entries (index, term) %j are no history', (entries) => {
    const position = at(100);
    expect(() => {
      for (const [index, term] of entries) {
        position.check(noop(index!, term!));
        position.pass(noop(index!, term!));
      }
    }).toThrow(broken);
  });

  test('a later term may come with any entry', () => {
    const position = at(100);
    for (const entry of [noop(101, 5), noop(102, 6), range(103, 110, 6)]) {
      position.check(entry);
      position.pass(entry);
    }
    expect([position.index, position.term]).toEqual([110, 6]);
  });
});

describe('what a machine on the disk is given of entries that it may have', () => {
  test.each([
    [100, 51, 60, undefined],
    [100, 51, 100, undefined],
    [100, 51, 110, [101, 110]],
    [100, 101, 120, [101, 120]],
    [110, 111, 125, [111, 125]],
  ])('with a mark at %d, of entries %d to %d: %j', (mark, first, last, expected) => {
    const rest = at(mark).rest(range(first, last));
    if (!expected) return expect(rest).toBeUndefined();
    const [from, to] = expected;
    return expect(rest).toEqual(range(from!, to!));
  });

  test("an entry of the mark's own index with another term is of another history", () => {
    const position = at(100);
    for (const entry of [noop(100, 4), noop(100, 6), range(95, 105, 4)])
      expect(() => position.rest(entry)).toThrow(broken);
    expect(position.rest(noop(100, 5))).toBeUndefined();
    expect(position.rest(range(51, 60, 3))).toBeUndefined(); // an earlier term, earlier
  });
});
