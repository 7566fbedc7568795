import { expect, test } from '@jest/globals';
import { OrderedMap } from './ordered-map.ts';
import { SortedLoad } from './sorted-load.ts';

interface Box {
  readonly n: number;
}

const textOf = (map: OrderedMap<Box>): string =>
  [...map.entries()].map(([key, { n }]) => `${key} ${n}`).join();
const name = (n: number): string => String(n).padStart(6, '0');

test('a map of any size that was loaded is the map that was written, and takes writes as that one does (L1)', () => {
  for (const size of [
    0,
    1,
    15,
    16,
    47,
    48,
    49,
    63,
    64,
    65,
    96,
    97,
    48 * 48 - 1,
    48 * 48 + 17,
    3072 + 16,
    5_000,
  ]) {
    const load = new SortedLoad<Box>();
    const written = new OrderedMap<Box>();
    for (let n = 0; n < size; n++) {
      load.add(name(n * 2), { n });
      written.set(name(n * 2), { n });
    }
    const loaded = load.finish();
    expect(textOf(loaded)).toBe(textOf(written));
    const view = loaded.view();
    const step = Math.max(1, Math.floor(size / 500));
    for (let n = 0; n < size; n += step) {
      for (const map of [loaded, written]) {
        map.set(name(n * 2 + 1), { n: -n });
        map.delete(name(((n * 7) % size) * 2));
      }
    }
    expect(textOf(loaded)).toBe(textOf(written));
    expect([loaded.size, view.size]).toEqual([written.size, size]);
    for (let n = size - 1; n >= 0; n--) loaded.delete(name(n * 2));
    for (let n = 0; n < size; n += step) expect(loaded.get(name(n * 2 + 1))).toEqual({ n: -n });
  }
});

test('keys that do not ascend are a bug of the caller', () => {
  const load = new SortedLoad<Box>();
  load.add('b', { n: 1 });
  expect(() => load.add('b', { n: 2 })).toThrow('keys of a load ascend');
});
