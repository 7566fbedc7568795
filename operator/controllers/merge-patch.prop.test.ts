import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { equal, mergePatch } from './merge-patch.ts';

/** RFC 7386, written down from its pseudo code. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = apply(result[key], value);
  }
  return result;
}

// A merge patch cannot say null: a status has none either.
const { value } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.boolean(),
    fc.constantFrom('a', 'b'),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
}));
const plain = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { maxKeys: 4 });

describe('merge patch', () => {
  test('turns the one into the other', () => {
    fc.assert(
      fc.property(plain, plain, (before, after) => {
        expect(apply(before, mergePatch(before, after) ?? {})).toEqual(after);
      }),
    );
  });

  test('is nothing exactly when nothing differs', () => {
    fc.assert(
      fc.property(plain, plain, (before, after) => {
        expect(mergePatch(before, structuredClone(before))).toBeUndefined();
        expect(mergePatch(before, after) === undefined).toBe(equal(before, after));
      }),
    );
  });

  test('takes an undefined value for absent', () => {
    expect(mergePatch({ a: 1 }, { a: undefined })).toEqual({ a: null });
    expect(mergePatch({}, { a: undefined })).toBeUndefined();
  });
});
