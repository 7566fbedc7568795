/**
 * Reading only what is wanted: every wanted byte once, in order, and none of the others.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { silentLogger, systemClock } from '../../base/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import type { GetCall } from '../../store/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { NO_INDEX } from '../compaction/compact.ts';
import type { CompactionIndex, Range } from '../format/compaction-index.ts';
import { fragmentRange, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { BuiltJournal, putObjects } from '../testing/index.ts';
import { compactedSteps } from './compacted-part.ts';
import { JournalReader, type JournalEvent } from './reader.ts';
import { nextWanted, touchesWanted, wantedWithin } from './wanted.ts';

const ranges: fc.Arbitrary<readonly Range[]> = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 15 })), { maxLength: 6 }),
    fc.boolean(),
  )
  .map(([lengths, isOpen]) => {
    let at = -1;
    const apart = lengths.map(([gap, length]) => {
      const begin = at + gap;
      at = begin + length;
      return { begin, end: at };
    });
    return isOpen ? [...apart, { begin: at + 2, end: Number.POSITIVE_INFINITY }] : apart;
  });

const isWanted = (wanted: readonly Range[], at: number): boolean =>
  wanted.some(({ begin, end }) => begin <= at && at < end);
const bytesOf = (parts: readonly Range[]): readonly number[] =>
  parts.flatMap(({ begin, end }) => Array.from({ length: end - begin }, (_, i) => begin + i));

test('what is wanted of a range, and what is wanted next, is what the ranges say byte by byte', () =>
  fc.assert(
    fc.property(ranges, fc.nat(120), fc.nat(120), (wanted, begin, end) => {
      const expected = bytesOf([{ begin, end: Math.max(begin, end) }]).filter((at) => isWanted(wanted, at));
      expect(bytesOf(wantedWithin(wanted, begin, end))).toEqual(expected);
      const next = Array.from({ length: 300 }, (_, i) => begin + i).find((at) => isWanted(wanted, at));
      expect(nextWanted(wanted, begin)).toBe(next ?? Number.POSITIVE_INFINITY);
      expect(touchesWanted(wanted, begin)).toBe(isWanted(wanted, begin) || isWanted(wanted, begin - 1));
    }),
  ));

const indexes: fc.Arbitrary<CompactionIndex> = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 20 }),
      isPruned: fc.boolean(),
      fence: fc.option(fc.nat(19), { nil: undefined }),
    }),
    { maxLength: 8 },
  )
  .map((spans) => {
    const [fragments, pruned, fences]: [Fragment[], Range[], { seq: number; offset: number }[]] = [
      [],
      [],
      [],
    ];
    let end = 0;
    for (const { length, isPruned, fence } of spans) {
      const range = { begin: end, end: end + length };
      if (isPruned) pruned.push(range);
      else fragments.push({ ...range, sha1: '', codec: 'raw', storedBytes: length });
      if (fence !== undefined && fence < length) fences.push({ seq: 3 * fences.length, offset: end + fence });
      end += length;
    }
    return { ...NO_INDEX, floor: 100, end, fragments, pruned, fences };
  });

test('below the floor every wanted byte is passed once, in order, with the fences among them; fragments end with their last wanted one', () =>
  fc.assert(
    fc.property(indexes, ranges, fc.nat(120), fc.nat(20), (index, wanted, from, fromSeq) => {
      const steps = compactedSteps(index, wanted, from, fromSeq);
      const passed = steps.flatMap((step) => (step.kind === 'fence' ? [] : [step]));
      const all = bytesOf([{ begin: from, end: Math.max(from, index.end) }]);
      expect(bytesOf(passed)).toEqual(all.filter((at) => isWanted(wanted, at)));
      for (const step of passed) {
        const within = step.kind === 'content' ? [step.fragment] : index.pruned;
        expect(within.some(({ begin, end }) => begin <= step.begin && step.end <= end)).toBe(true);
      }
      for (const fragment of index.fragments) {
        const own = passed.flatMap((step) =>
          step.kind === 'content' && step.fragment === fragment ? [step] : [],
        );
        expect(own.map(({ isLast }) => isLast)).toEqual(own.map((_, i) => i === own.length - 1));
      }
      const fences = steps.flatMap((step, i) => (step.kind === 'fence' ? [{ ...step, i }] : []));
      expect(fences.map(({ seq }) => seq)).toEqual(
        index.fences
          .filter(({ seq, offset }) => seq >= fromSeq && offset >= from && touchesWanted(wanted, offset))
          .map(({ seq }) => seq),
      );
      for (const { offset, i } of fences) {
        for (const step of steps.slice(0, i))
          if (step.kind !== 'fence') expect(step.end).toBeLessThanOrEqual(offset);
        for (const step of steps.slice(i))
          if (step.kind !== 'fence') expect(step.begin).toBeGreaterThanOrEqual(offset);
      }
    }),
    { numRuns: 500 },
  ));

type Build = 'fence' | 'filler' | 'checkpoint' | 'reclaim' | number;
const builds: fc.Arbitrary<readonly Build[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 25 }) },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        'fence' as const,
        'filler' as const,
        'checkpoint' as const,
        'reclaim' as const,
      ),
    },
  ),
  { maxLength: 14 },
);

/** A journal of bytes that count up, and its store, which notes the fragments that are asked for. */
async function built(steps: readonly Build[]): Promise<{ journal: Journal; end: number; fetched: Range[] }> {
  const made = new BuiltJournal(seededRandom(1)).fence();
  for (const step of steps) {
    if (typeof step === 'number')
      made.data(Uint8Array.from({ length: step }, (_, i) => (made.end + i) % 251));
    else made[step]();
  }
  const store = new MemoryStore();
  const fetched: Range[] = [];
  const journal: Journal = { store, name: 'test/wanted', generation: 'g1' };
  await putObjects(store, made.objects(journal));
  const get = store.get.bind(store);
  store.get = (key: string, call?: GetCall) => {
    const fragment = fragmentRange(journal, key);
    if (fragment) fetched.push(fragment);
    return get(key, call);
  };
  return { journal, end: made.end, fetched };
}

describe('a reader that wants ranges', () => {
  test('delivers their bytes and no others, the fences among them where they stood, and fetches no fragment without any', () =>
    fc.assert(
      fc.asyncProperty(builds, ranges, async (steps, wanted) => {
        const { journal, end, fetched } = await built(steps);
        const reader = new JournalReader(journal, {
          clock: systemClock,
          random: seededRandom(2),
          log: silentLogger,
          wanted,
        });
        const events: JournalEvent[] = [];
        for (let event = await reader.next(); event.kind !== 'tail'; event = await reader.next())
          events.push(event);
        const data = events.filter((event) => event.kind === 'data');
        expect(bytesOf(data)).toEqual(bytesOf([{ begin: 0, end }]).filter((at) => isWanted(wanted, at)));
        for (const { begin, bytes } of data)
          expect([...bytes]).toEqual([...bytes].map((_, i) => (begin + i) % 251));
        for (const [i, { begin }] of data.entries())
          if (begin !== data[i - 1]?.end) expect(wanted.some((range) => range.begin === begin)).toBe(true);
        for (const [i, event] of events.entries()) {
          if (event.kind !== 'fence') continue;
          for (const one of events.slice(0, i))
            if (one.kind === 'data') expect(one.end).toBeLessThanOrEqual(event.offset);
          for (const one of events.slice(i))
            if (one.kind === 'data') expect(one.begin).toBeGreaterThanOrEqual(event.offset);
        }
        for (const { begin, end: until } of fetched)
          expect(wantedWithin(wanted, begin, until).length).toBeGreaterThan(0);
        expect(reader.cursor.offset).toBe(end);
      }),
      { numRuns: 200 },
    ));
});
