import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OrderedMap, type OrderedView } from './ordered-map.ts';

interface Box {
  readonly n: number;
}

type Step =
  | { readonly do: 'set'; readonly key: string; readonly n: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'view' };

/** Keys of few letters collide often, so that overwrites, deletes of present keys and shared prefixes all happen. */
const key = fc
  .array(fc.constantFrom('\u0000', 'a', 'b', '\u007f', '\u00ff'), { minLength: 0, maxLength: 4 })
  .map((letters) => letters.join(''));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, n: fc.nat() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.constant({ do: 'view' as const }) },
);

function sorted(model: ReadonlyMap<string, Box>): [string, Box][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

function listOf(view: OrderedView<Box>, start?: string): (readonly [string, Box])[] {
  return [...view.entries(start)];
}

describe('ordered map', () => {
  test('agrees with a sorted array after any sequence of writes, and views never change (T1-T3)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), key, (steps, start) => {
        const map = new OrderedMap<Box>(8);
        const model = new Map<string, Box>();
        const views: { view: OrderedView<Box>; expected: [string, Box][] }[] = [];
        for (const s of steps) {
          if (s.do === 'set') {
            expect(map.set(s.key, { n: s.n })).toEqual(model.get(s.key));
            model.set(s.key, { n: s.n });
          } else if (s.do === 'delete') {
            expect(map.delete(s.key)).toEqual(model.get(s.key));
            model.delete(s.key);
          } else {
            views.push({ view: map.view(), expected: sorted(model) });
          }
        }
        const expected = sorted(model);
        expect(listOf(map)).toEqual(expected);
        expect(listOf(map, start)).toEqual(expected.filter(([k]) => k >= start));
        expect(map.size).toBe(model.size);
        for (const [k, box] of expected) expect(map.get(k)).toEqual(box);
        for (const { view, expected: then } of views) {
          expect(listOf(view)).toEqual(then);
          expect(view.size).toBe(then.length);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('stays balanced while ten thousand keys come and go in ascending, descending and mixed order (T3)', () => {
    const name = (i: number): string => i.toString(36).padStart(4, '0');
    for (const order of [
      (i: number): number => i,
      (i: number): number => 9999 - i,
      (i: number): number => (i * 7919) % 10_000,
    ]) {
      const map = new OrderedMap<Box>(16);
      for (let i = 0; i < 10_000; i++) map.set(name(order(i)), { n: order(i) });
      expect(listOf(map).map(([, box]) => box.n)).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
      for (let i = 0; i < 10_000; i++)
        if (order(i) % 100 !== 0) expect(map.delete(name(order(i)))).toEqual({ n: order(i) });
      expect(listOf(map).map(([, box]) => box.n)).toEqual(Array.from({ length: 100 }, (_, i) => i * 100));
      expect(depthOf(map)).toBeLessThanOrEqual(4); // 100 keys, at least 4 a node: 4^4 > 100
    }
  });

  test('an iteration over a view goes on undisturbed by writes between its steps', () => {
    const map = new OrderedMap<Box>(8);
    for (let i = 0; i < 300; i++) map.set(`k${String(i).padStart(3, '0')}`, { n: i });
    const seen: number[] = [];
    for (const [, box] of map.view().entries()) {
      seen.push(box.n);
      map.delete(`k${String(box.n + 1).padStart(3, '0')}`);
      map.set(`k${String(box.n).padStart(3, '0')}x`, { n: -1 });
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });
});

/** Depth by structure, since the door has no way to ask: the longest chain of `children`. */
function depthOf(map: OrderedMap<Box>): number {
  const measure = (node: unknown): number => {
    const children = (node as { children?: unknown[] }).children;
    return children ? 1 + Math.max(...children.map(measure)) : 1;
  };
  return measure((map as unknown as { root: unknown }).root);
}
