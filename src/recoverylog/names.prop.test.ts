import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Names } from './names.ts';

test('N2: names are what a map would hold, looked at in any way, also long after many have gone', () => {
  const steps = fc.array(fc.tuple(fc.nat(150), fc.boolean()), { maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(steps, (story) => {
      const names = new Names();
      const wanted = new Map<string, number>();
      for (const [at, [name, adds]] of story.entries()) {
        const path = `/${name}`;
        if (adds) {
          expect(names.add(path, at + 1)).toBe(!wanted.has(path));
          if (!wanted.has(path)) wanted.set(path, at + 1);
        } else if (wanted.delete(path)) names.remove(path);
        expect([names.size, names.get(path), names.has(path)]).toEqual([
          wanted.size,
          wanted.get(path),
          wanted.has(path),
        ]);
      }
      expect(new Map(names)).toEqual(wanted);
      const seen = new Map<string, number>();
      names.forEach((fnode, path) => seen.set(path, fnode));
      expect(seen).toEqual(wanted);
      expect(new Set(names.keys())).toEqual(new Set(wanted.keys()));
      expect(new Set(names.values())).toEqual(new Set(wanted.values()));
    }),
    { numRuns: 25 },
  );
});
