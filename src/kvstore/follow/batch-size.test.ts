import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BatchSize } from './batch-size.ts';

describe('the size of a batch', () => {
  test('a refusal halves it, down to one change and no further (B1)', () => {
    const batch = new BatchSize(10_000);
    const sizes = [batch.size];
    for (let i = 0; i < 16; i++) {
      batch.tooLarge();
      sizes.push(batch.size);
    }
    expect(sizes.slice(0, 4)).toEqual([10_000, 5_000, 2_500, 1_250]);
    expect(sizes.slice(-3)).toEqual([1, 1, 1]);
  });

  test('after eight answers in a row it doubles, up to what it was (B2)', () => {
    const batch = new BatchSize(5);
    batch.tooLarge();
    batch.tooLarge();
    expect(batch.size).toBe(1);
    const sizes = Array.from({ length: 32 }, () => {
      batch.answered();
      return batch.size;
    });
    expect([sizes[6], sizes[7], sizes[15], sizes[23], sizes[31]]).toEqual([1, 2, 4, 5, 5]);
  });

  test('a refusal between them begins the row anew', () => {
    const batch = new BatchSize(4);
    batch.tooLarge();
    for (let i = 0; i < 7; i++) batch.answered();
    batch.tooLarge();
    for (let i = 0; i < 7; i++) batch.answered();
    expect(batch.size).toBe(1);
  });

  test('whatever happens it stays between one and the most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -3, max: 1000 }),
        fc.array(fc.boolean(), { maxLength: 200 }),
        (most, events) => {
          const batch = new BatchSize(most);
          for (const answered of events) {
            if (answered) batch.answered();
            else batch.tooLarge();
            expect(batch.size).toBeGreaterThanOrEqual(1);
            expect(batch.size).toBeLessThanOrEqual(Math.max(1, most));
          }
        },
      ),
    );
  });
});
