import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OPEN_END, type Range } from '../../journal/index.ts';
import { codeOf } from '../testing/index.ts';
import type { FsmHints } from '../format/hints.ts';
import type { Segment } from '../format/segment.ts';
import { restorePlan, wantedParts, type KnownLog } from './restore-plan.ts';

interface Story {
  readonly log: string;
  readonly hints: FsmHints;
  readonly segments: readonly Segment[];
  readonly known: KnownLog;
}

/** Ranges in ascending order, apart from each other by `gaps`. */
function laidOut(lengths: readonly (readonly [number, number])[]): readonly Range[] {
  let at = 0;
  return lengths.map(([gap, length]) => {
    const begin = at + gap;
    at = begin + length;
    return { begin, end: at };
  });
}

const apart = fc
  .array(fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 12 })), { minLength: 1, maxLength: 6 })
  .map(laidOut);

/** One file a segment. `slack`: how far too low a first offset is, as a recorder of Gazette's leaves it; `open`: so many last ones have no end. */
const stories: fc.Arbitrary<Story> = fc
  .record({
    named: apart,
    slack: fc.array(fc.nat(8), { minLength: 6, maxLength: 6 }),
    open: fc.nat(2),
    behind: fc.nat(30),
    floor: fc.nat(100),
    pruned: fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 6 })), {
      maxLength: 3,
    }),
    edge: fc.integer({ min: 3, max: 40 }),
  })
  .map(({ named, slack, open, behind, floor, pruned, edge }) => {
    const log = 'a/log';
    let low = 0;
    const segments = named.map(({ begin, end }, i): Segment => {
      low = Math.max(low, begin - slack[i]!);
      return {
        author: 1,
        firstSeqNo: 1 + 10 * i,
        firstOffset: low,
        firstChecksum: 0,
        lastSeqNo: 5 + 10 * i,
        lastOffset: named.length - i <= open ? 0 : end,
        log,
      };
    });
    const liveNodes = segments.map((segment) => ({
      fnode: segment.firstSeqNo,
      segments: [{ ...segment, log: '' }],
    }));
    const head = named.at(-1)!.end + behind;
    const end = Math.min(floor, head);
    const holes = laidOut(pruned).filter((hole) => hole.end <= end);
    return {
      log,
      hints: { log, liveNodes, properties: [] },
      segments,
      known: { head, index: { end, pruned: holes, fragments: fragmentsOf(end, holes, edge) } },
    };
  });

/** Everything up to `end` that was not pruned. */
function fragmentsOf(
  end: number,
  holes: readonly Range[],
  edge: number,
): NonNullable<KnownLog['index']>['fragments'] {
  const edges = new Set([0, end, ...holes.flatMap((hole) => [hole.begin, hole.end])]);
  for (let at = edge; at < end; at += edge) edges.add(at);
  const sorted = [...edges].sort((a, b) => a - b);
  return sorted.slice(1).flatMap((until, i) => {
    const begin = sorted[i]!;
    if (holes.some((hole) => hole.begin <= begin && until <= hole.end)) return [];
    return [{ begin, end: until, sha1: '', codec: 'raw' as const, storedBytes: 1000 + until - begin }];
  });
}

/** Byte by byte what the rules say. */
function wantedBytes({ segments, known }: Story): readonly boolean[] {
  const last = segments.at(-1)!;
  return Array.from({ length: known.head }, (_, at) =>
    segments.some(
      (segment) =>
        segment.firstOffset <= at &&
        (segment === last || segment.lastOffset === 0 || at < segment.lastOffset),
    ),
  );
}

const within = (ranges: readonly Range[], at: number): boolean =>
  ranges.some(({ begin, end }) => begin <= at && at < end);
const count = (flags: readonly boolean[]): number => flags.filter(Boolean).length;

describe('the plan of a restore', () => {
  test('names every byte that is needed once, in order, with where it is; counts the others; and refuses a pruned one', () =>
    fc.assert(
      fc.property(stories, (story) => {
        const { log, hints, known } = story;
        const wanted = wantedBytes(story);
        const pruned = known.index!.pruned;
        const parts = wantedParts(log, hints);
        const plan = (): ReturnType<typeof restorePlan> => restorePlan(parts, new Map([[log, known]]));
        if (wanted.some((is, at) => is && within(pruned, at))) {
          expect(plan).toThrow(expect.objectContaining({ code: 'HISTORY_LOST', reason: 'pruned' }));
          return;
        }
        const [part] = plan().parts;
        const { reads, bytes, skippedBytes, prunedBytes, fragments, fragmentBytes } = part!;
        expect(reads.map(({ begin }) => begin)).toEqual(
          reads.map(({ begin }) => begin).sort((a, b) => a - b),
        );
        expect(
          wanted.map((_, at) => reads.filter(({ begin, end }) => begin <= at && at < end).length),
        ).toEqual(wanted.map(Number));
        for (const { begin, end, source } of reads)
          expect(source === 'fragments' ? end <= known.index!.end : begin >= known.index!.end).toBe(true);
        expect([bytes, skippedBytes, prunedBytes]).toEqual([
          count(wanted),
          known.head - count(wanted),
          count(wanted.map((_, at) => within(pruned, at))),
        ]);
        const fetched = known.index!.fragments.filter(({ begin, end }) =>
          wanted.slice(begin, end).includes(true),
        );
        expect([fragments, fragmentBytes]).toEqual([
          fetched.length,
          fetched.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
        ]);
      }),
      { numRuns: 500 },
    ));

  test('refuses hints that name bytes behind the head', () =>
    fc.assert(
      fc.property(stories, fc.integer({ min: 1, max: 40 }), ({ log, hints, segments, known }, less) => {
        const named = Math.max(
          ...segments.map(({ firstOffset, lastOffset }) => lastOffset || firstOffset + 1),
        );
        const index = { ...known.index!, pruned: [] };
        const cut = { head: Math.max(0, named - less), index };
        expect(() => restorePlan(wantedParts(log, hints), new Map([[log, cut]]))).toThrow(
          expect.objectContaining({ code: 'HISTORY_LOST', reason: 'ends-early' }),
        );
      }),
    ));
});

const segment = (seqNo: number, firstOffset: number, lastOffset: number, log = ''): Segment => ({
  author: 1,
  firstSeqNo: seqNo,
  firstOffset,
  firstChecksum: 0,
  lastSeqNo: seqNo + 4,
  lastOffset,
  log,
});
const file = (...segments: Segment[]): FsmHints['liveNodes'][number] => ({
  fnode: segments[0]!.firstSeqNo,
  segments,
});

describe('hints whose history lies in two logs', () => {
  const hints: FsmHints = {
    log: 'the/clone',
    liveNodes: [
      file(segment(1, 0, 50, 'the/parent'), segment(11, 200, 300, 'the/parent')),
      file(segment(21, 0, 80)),
    ],
    properties: [],
  };

  test('are read from the one up to where they end, then from the other to its head', () => {
    const parts = wantedParts('the/clone', hints);
    expect(parts).toEqual([
      {
        log: 'the/parent',
        ranges: [
          { begin: 0, end: 50 },
          { begin: 200, end: 300 },
        ],
        namedEnd: 300,
        segmentsAfter: 1,
      },
      { log: 'the/clone', ranges: [{ begin: 0, end: OPEN_END }], namedEnd: 80, segmentsAfter: 0 },
    ]);
    const known = new Map([
      ['the/parent', { head: 1000, index: undefined }],
      ['the/clone', { head: 90, index: undefined }],
    ]);
    const plan = restorePlan(parts, known);
    expect([plan.log, plan.bytes, plan.skippedBytes]).toEqual(['the/clone', 240, 150]);
  });

  test('are refused when they end in the other one, or are of it', () => {
    expect(codeOf(() => wantedParts('the/parent', hints))).toBe('HINTS_INVALID');
    const foreign = { ...hints, liveNodes: hints.liveNodes.slice(0, 1) };
    expect(codeOf(() => wantedParts('the/clone', foreign))).toBe('HINTS_INVALID');
  });
});

test('without hints, and with hints that name no file, everything is read', () => {
  const everything = [{ log: 'a/log', ranges: [{ begin: 0, end: OPEN_END }], namedEnd: 0, segmentsAfter: 0 }];
  expect(wantedParts('a/log', undefined)).toEqual(everything);
  expect(wantedParts('a/log', { log: 'a/log', liveNodes: [], properties: [] })).toEqual(everything);
});
