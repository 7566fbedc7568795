import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { decodeJson, encodeJson, jsonText, jsonValue } from './json.ts';

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

  test('what a framework has parsed is read like bytes', () => {
    const parsed: unknown = JSON.parse('{"parameters":[{"$bigint":"9007199254740993"},{"$base64":"AQI="}]}');
    expect(jsonValue(parsed)).toEqual({ parameters: [9007199254740993n, Uint8Array.of(1, 2)] });
  });

  test('everything else is plain JSON', () => {
    expect(jsonText({ a: [1, 'x', true, null], at: new Date(0) })).toBe(
      '{"a":[1,"x",true,null],"at":"1970-01-01T00:00:00.000Z"}',
    );
    expect(jsonText(undefined)).toBe('null');
    expect(jsonText({ $bigint: 1, other: 2 })).toBe('{"$bigint":1,"other":2}');
  });

  test('whatever was written can be read: what only looks like a big number stays, and what is nested without end is not written', () => {
    for (const text of ['', 'x', '1.5', ' 1', '0x1'])
      expect(decodeJson(encodeJson({ $bigint: text }))).toEqual({ $bigint: text });
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    expect(decodeJson(encodeJson(nested(256)))).toEqual(nested(256));
    for (const depth of [258, 2_700, 100_000])
      expect(() => encodeJson(nested(depth))).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
  });

  test('what only looks like bytes or a number stays too, and what costs more than its length is not a number', () => {
    for (const odd of [
      { $base64: 'no bytes!' },
      { $base64: 'AA' },
      { $bigint: '-0' },
      { $bigint: '01' },
      { $bigint: '9'.repeat(1_001) },
      { $bigint: '5', and: 'more' },
    ])
      expect(decodeJson(encodeJson(odd))).toEqual(odd);
    const largest = 10n ** 1_000n - 1n;
    expect(decodeJson(encodeJson([largest, -largest]))).toEqual([largest, -largest]);
    for (const number of [largest + 1n, -largest - 1n])
      expect(() => encodeJson({ number })).toThrow(expect.objectContaining({ code: 'JSON_NUMBER_TOO_LONG' }));
  });

  test('what others wrote is read within the same limits', () => {
    for (const depth of [257, 100_000])
      expect(() => decodeJson(utf8('[{"a":'.repeat(depth / 2) + '[0]' + '}]'.repeat(depth / 2)))).toThrow(
        expect.objectContaining({ code: 'JSON_TOO_DEEP' }),
      );
    expect(() => decodeJson(utf8('{'))).toThrow(SyntaxError);
  });

  test('the longest that may be written is counted in bytes, and what is much longer is not made at all', () => {
    const text = '\u00e4'.repeat(50);
    expect(encodeJson([text, undefined, { none: undefined }], 112)).toHaveLength(112);
    for (const value of [
      [text, undefined, { none: undefined }, 1],
      'x'.repeat(112),
      new Uint8Array(90),
      Array.from({ length: 60 }, () => 0),
      { [text]: text },
    ])
      expect(() => encodeJson(value, 112)).toThrow(expect.objectContaining({ code: 'JSON_TOO_LARGE' }));
    const texts = Array.from({ length: 1_000 }, () => 'x'.repeat(1024 * 1024)); // longer together than any text can be
    expect(() => encodeJson(texts, 1024)).toThrow(expect.objectContaining({ code: 'JSON_TOO_LARGE' }));
  });

  test('what says itself what its JSON is, is heard with its name', () => {
    const self = { toJSON: (key: string): unknown => ({ key, big: 2n ** 60n }) };
    expect(decodeJson(encodeJson({ self, notAFunction: { toJSON: 1n } }))).toEqual({
      self: { key: 'self', big: 2n ** 60n },
      notAFunction: { toJSON: 1n },
    });
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
