import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Lru } from './lru.ts';

const step = fc.record({
  what: fc.constantFrom('use', 'set', 'delete', 'peek', 'evict'),
  key: fc.integer({ min: 0, max: 5 }),
  value: fc.integer(),
});

test('is a Map whose order is that of use, whatever is done to it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lru = new Lru<number, number>();
      const model = new Map<number, number>();
      for (const { what, key, value } of steps) {
        const before = model.get(key);
        if (what === 'peek') expect(lru.peek(key)).toBe(before);
        if (what === 'use') expect(lru.use(key)).toBe(before);
        if (what === 'set') lru.set(key, value);
        if (what === 'delete') lru.delete(key);
        if (what === 'evict') {
          const oldest = [...model][0];
          expect(lru.oldest()).toEqual(oldest);
          if (oldest) lru.delete(oldest[0]);
          if (oldest) model.delete(oldest[0]);
        }
        if (what === 'use' && before !== undefined) {
          model.delete(key);
          model.set(key, before);
        }
        if (what === 'set' || what === 'delete') model.delete(key);
        if (what === 'set') model.set(key, value);
        expect([...lru]).toEqual([...model]);
        expect([lru.size, lru.has(key)]).toEqual([model.size, model.has(key)]);
      }
    }),
  );
});
