/**
 * Properties of the compaction index and of what is derived from it: every byte is accounted for, and nobody's need is pruned.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toHex } from '../../base/index.ts';
import { compactedSteps } from '../read/compacted-part.ts';
import { everythingFrom } from '../read/wanted.ts';
import { splitForMerge } from '../compaction/compact.ts';
import {
  checkpointPayload,
  decodeCheckpoint,
  decodeIndex,
  encodeIndex,
  indexProblem,
  MAX_INLINE_BYTES,
  mergeRanges,
  type CompactionIndex,
} from './compaction-index.ts';
import type { Fragment } from './fragment.ts';
import { prunable, prunedIndex } from '../compaction/prune.ts';

const sha1 = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toHex);
const codec = fc.constantFrom('raw', 'gzip', 'zstd');

/** Spans one after the other from byte 0: lengths, and whether each is pruned. */
const index: fc.Arbitrary<CompactionIndex> = fc
  .record({
    spans: fc.array(
      fc.record({
        length: fc.integer({ min: 1, max: 50 }),
        hole: fc.boolean(),
        sha1,
        codec,
        stored: fc.nat(99),
      }),
      { maxLength: 12 },
    ),
    fenceOffsets: fc.array(fc.nat(400), { maxLength: 5 }),
    lastPutId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    reclaimed: fc.nat(100),
  })
  .map(({ spans, fenceOffsets, lastPutId, reclaimed }) => {
    const fragments: Fragment[] = [];
    const holes: { begin: number; end: number }[] = [];
    let end = 0;
    for (const span of spans) {
      const range = { begin: end, end: end + span.length };
      if (span.hole) holes.push(range);
      else fragments.push({ ...range, sha1: span.sha1, codec: span.codec, storedBytes: span.stored });
      end = range.end;
    }
    const offsets = fenceOffsets.map((offset) => Math.min(offset, end)).sort((a, b) => a - b);
    return {
      floor: 100,
      end,
      lastPutId,
      fragments,
      pruned: mergeRanges(holes),
      fences: offsets.map((offset, i) => ({ seq: i * 3, offset })),
      retired: fragments.slice(0, 1),
      reclaimed,
      proof: holes.length > 0 ? 'why' : undefined,
      deleted: false,
    };
  });

const ranges = fc.array(
  fc.record({ begin: fc.nat(400), length: fc.integer({ min: 1, max: 60 }) }).map(({ begin, length }) => ({
    begin,
    end: begin + length,
  })),
  { maxLength: 4 },
);

describe('an index', () => {
  test('comes back as it was, from a slot or from an object of its own', () =>
    fc.assert(
      fc.property(index, (given) => {
        expect(indexProblem(given)).toBeUndefined();
        const bytes = encodeIndex(given);
        expect(decodeIndex(bytes, 'here')).toEqual(given);
        expect(bytes.length).toBeLessThan(MAX_INLINE_BYTES);
        expect(decodeCheckpoint(checkpointPayload(bytes), 'here')).toEqual({ kind: 'index', index: given });
      }),
    ));

  test('that says more is reclaimed than lies below its floor, or says it in no number of a slot, is refused', () =>
    fc.assert(
      fc.property(index, fc.constantFrom(101, -1, 0.5, 2 ** 60), (given, reclaimed) => {
        expect(() => decodeIndex(encodeIndex({ ...given, reclaimed }), 'here')).toThrow(/its index is/);
      }),
    ));

  test('with a byte in neither fragments nor holes, or in both, is refused', () =>
    fc.assert(
      fc.property(
        index.filter(({ fragments }) => fragments.length > 0),
        fc.nat(),
        fc.constantFrom(-1, 1),
        (given, pick, by) => {
          const at = pick % given.fragments.length;
          const fragments = given.fragments.map((each, i) =>
            i === at ? { ...each, end: each.end + by } : each,
          );
          expect(indexProblem({ ...given, fragments })).toBeDefined();
          expect(() => decodeIndex(encodeIndex({ ...given, fragments }), 'here')).toThrow(
            /its index is wrong/,
          );
        },
      ),
    ));
});

describe('reading below the floor', () => {
  test('passes every byte once, in order, and every fence where it stood', () =>
    fc.assert(
      fc.property(index, fc.nat(450), fc.nat(20), (given, from, fromSeq) => {
        let at = from;
        const fences: number[] = [];
        for (const step of compactedSteps(given, everythingFrom(from), from, fromSeq)) {
          if (step.kind === 'fence') {
            expect(step.offset).toBe(Math.max(at, step.offset));
            expect(step.offset).toBeLessThanOrEqual(Math.max(at, from));
            fences.push(step.seq);
            continue;
          }
          expect(step.begin).toBe(at);
          expect(step.end).toBeGreaterThan(step.begin);
          if (step.kind === 'content') {
            expect(step.fragment.begin).toBeLessThanOrEqual(step.begin);
            expect(step.fragment.end).toBeGreaterThanOrEqual(step.end);
          }
          at = step.end;
        }
        expect(at).toBe(Math.max(from, given.end));
        expect(fences).toEqual(
          given.fences.filter(({ seq, offset }) => seq >= fromSeq && offset >= from).map(({ seq }) => seq),
        );
      }),
    ));
});

describe('pruning', () => {
  test('never touches what is named, what lies behind it, or the newest fragment; what goes is retired and announced', () =>
    fc.assert(
      fc.property(index, ranges, (given, needed) => {
        const next = prunedIndex(given, { ranges: needed, proof: 'p' });
        const gone = prunable(given, needed);
        if (!next) return expect(gone).toEqual([]);
        expect(indexProblem(next)).toBeUndefined();
        const last = Math.max(...needed.map(({ end }) => end));
        for (const { begin, end } of gone) {
          expect(needed.some((range) => range.begin < end && begin < range.end)).toBe(false);
          expect(end).toBeLessThanOrEqual(last);
        }
        expect(next.fragments.at(-1)).toBe(given.fragments.at(-1));
        expect(next.retired).toEqual([...given.retired, ...gone]);
        expect(next.fragments.length + gone.length).toBe(given.fragments.length);
      }),
    ));

  test('without anybody naming anything, everything is needed', () =>
    fc.assert(
      fc.property(index, (given) => {
        expect(prunable(given, [])).toEqual([]);
      }),
    ));
});

test('fragments to be merged are neighbours, not larger than what they join, and never too large together', () =>
  fc.assert(
    fc.property(
      index,
      fc.nat(200),
      fc.integer({ min: 1, max: 300 }),
      ({ fragments, end }, newBytes, most) => {
        const { kept, merged } = splitForMerge(fragments, end, newBytes, most);
        expect([...kept, ...merged]).toEqual(fragments);
        if (merged.length === 0) return;
        merged.forEach(({ end: mergedEnd }, i) => expect(mergedEnd).toBe(merged[i + 1]?.begin ?? end));
        expect(newBytes + end - merged[0]!.begin).toBeLessThanOrEqual(most);
        expect(merged.at(-1)!.end - merged.at(-1)!.begin).toBeLessThanOrEqual(newBytes);
      },
    ),
  ));
