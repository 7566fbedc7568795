import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeJson, encodeJson, jsonText } from './json.ts';

describe('JSON with what SQL has and JSON has not', () => {
  test('big numbers and bytes come back as what they were, wherever they stand', () => {
    const value = {
      n: 2n ** 63n - 1n,
      all: [new Uint8Array([0, 255]), { deep: -1n }],
      text: '$bigint',
      none: null,
    };
    expect(decodeJson(encodeJson(value))).toEqual(value);
  });

  test('everything else is plain JSON', () => {
    expect(jsonText({ a: [1, 'x', true, null], at: new Date(0) })).toBe(
      '{"a":[1,"x",true,null],"at":"1970-01-01T00:00:00.000Z"}',
    );
    expect(jsonText(undefined)).toBe('null');
    expect(jsonText({ $bigint: 1, other: 2 })).toBe('{"$bigint":1,"other":2}');
  });

  test('any value that it takes comes back', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt(),
      fc.uint8Array(),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('any')),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie('any')),
      ),
    })).any;
    fc.assert(
      fc.property(value, (given) => expect(decodeJson(encodeJson(given))).toEqual(withoutPrototypes(given))),
      { numRuns: 200 },
    );
  });
});

/** What fast-check makes without a prototype is a plain object afterwards. */
function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutPrototypes(each)]));
}
