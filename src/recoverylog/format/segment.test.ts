/**
 * Segments concern by concern, as gazette.md §3 and §10.1 list them for the original (SegmentSuite). Its own cases are in the golden vectors.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkSegment, SegmentSet, type Segment } from './segment.ts';

/** Operations [first, last] at ten bytes each. */
function segment(first: number, last: number, more: Partial<Segment> = {}): Segment {
  return {
    author: 1,
    firstSeqNo: first,
    lastSeqNo: last,
    firstChecksum: first,
    firstOffset: first * 10,
    lastOffset: last * 10 + 10,
    log: 'a/log',
    ...more,
  };
}

function setOf(...segments: readonly Segment[]): readonly Segment[] {
  const set = new SegmentSet();
  for (const each of segments) set.add(each);
  return set.segments;
}

describe('a segment', () => {
  test.each([
    ['author', { author: 0 }],
    ['first sequence number', { firstSeqNo: 0 }],
    ['first offset', { firstOffset: -1 }],
    ['last sequence number', { lastSeqNo: 4 }],
    ['last offset', { lastOffset: 50 }],
    ['last offset', { lastOffset: 49 }],
    ['journal name', { log: 'no' }],
  ] as const)('is refused for its %s', (what, wrong) => {
    expect(() => checkSegment(segment(5, 6, wrong))).toThrow(what);
    expect(() => setOf(segment(5, 6, wrong))).toThrow(what);
  });

  test('may have an end that nobody knows', () => {
    expect(() => checkSegment(segment(5, 6, { lastOffset: 0 }))).not.toThrow();
  });
});

describe('two segments, in either order', () => {
  const either = (one: Segment, two: Segment): void => {
    expect(setOf(two, one)).toEqual(setOf(one, two));
  };

  test.each([
    ['stand apart', segment(1, 2), segment(4, 5), 2],
    ['meet and are one', segment(1, 2), segment(3, 5), 1],
    ['meet, by two authors', segment(1, 2), segment(3, 5, { author: 2 }), 2],
    ['meet, in two logs', segment(1, 2), segment(3, 5, { log: 'b/log', firstOffset: 0 }), 2],
    ['overlap', segment(1, 3), segment(2, 5), 1],
    ['hold one another', segment(1, 5), segment(2, 3), 1],
    ['begin together', segment(1, 5), segment(1, 3), 1],
    ['are the same', segment(1, 5), segment(1, 5), 1],
    ['overlap with an open end', segment(1, 3), segment(2, 5, { lastOffset: 0 }), 1],
  ])('%s', (_how, one, two, count) => {
    either(one, two);
    expect(setOf(one, two)).toHaveLength(count);
  });

  test('that begin together take the tighter offset; that end together the end that is known', () => {
    expect(setOf(segment(5, 6, { firstOffset: 3 }), segment(5, 8))).toEqual([segment(5, 8)]);
    expect(setOf(segment(5, 8, { lastOffset: 0 }), segment(5, 8))).toEqual([segment(5, 8)]);
  });

  test.each([
    ['first offsets do not rise', segment(1, 2, { firstOffset: 25 }), segment(2, 5)],
    ['open end before one with a known end', segment(1, 2, { lastOffset: 0 }), segment(4, 5)],
    [
      'another log after a segment with open end',
      segment(1, 2, { lastOffset: 0 }),
      segment(4, 5, { log: 'b/log', lastOffset: 0 }),
    ],
    ['last offsets do not rise', segment(1, 2, { lastOffset: 70 }), segment(4, 5)],
    ['two checksums', segment(1, 2), segment(1, 5, { firstChecksum: 9 })],
    ['two authors', segment(1, 3), segment(3, 5, { author: 2 })],
    ['two logs', segment(1, 3), segment(3, 5, { log: 'b/log' })],
  ])('contradict each other: %s', (why, one, two) => {
    expect(() => setOf(one, two)).toThrow(why);
    expect(() => setOf(two, one)).toThrow(/contradict each other/);
  });
});

test('G3: a segment that contradicts the set leaves it as it was', () => {
  const set = new SegmentSet();
  set.add(segment(1, 3));
  set.add(segment(10, 12));
  expect(() => set.add(segment(2, 11, { author: 2 }))).toThrow(/contradict/);
  expect(set.segments).toEqual([segment(1, 3), segment(10, 12)]);
});

test('G1: whatever parts of a history come in whatever order, the set is what they cover', () => {
  const parts = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8)).map(([first, more]) => segment(first, first + more)),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(parts, (segments) => {
      const covered = new Set(
        segments.flatMap((s) =>
          Array.from({ length: s.lastSeqNo - s.firstSeqNo + 1 }, (_, i) => s.firstSeqNo + i),
        ),
      );
      const begins = [...covered].filter((seqNo) => !covered.has(seqNo - 1)).sort((a, b) => a - b);
      const ends = [...covered].filter((seqNo) => !covered.has(seqNo + 1)).sort((a, b) => a - b);
      expect(setOf(...segments)).toEqual(begins.map((first, at) => segment(first, ends[at]!)));
    }),
  );
});
