import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../../base/index.ts';
import { fromJsonBytes, toJsonBytes } from './json-bytes.ts';
import { KEY_PATH } from './headers.ts';
import { KV_ROUTES } from './kv-routes.ts';
import { percentDecode, percentEncode } from './percent.ts';
import { consistencyIn, keyInTarget, parametersIn, queryIn } from './target.ts';
import { type Query } from '../service.ts';

const list = KV_ROUTES.find(({ operationId }) => operationId === 'list')!;

function queryInTarget(target: string): Query {
  const parameters = parametersIn(target, list.query);
  consistencyIn(parameters);
  return queryIn(parameters);
}

const key = fc.uint8Array({ minLength: 1, maxLength: 40 });

describe('keys in targets', () => {
  test('any bytes survive path and query (U1)', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const encoded = percentEncode(bytes);
        expect(keyInTarget(`${KEY_PATH}${encoded}`)).toEqual(bytes);
        expect(keyInTarget(`${KEY_PATH}${encoded}?consistency=stale`)).toEqual(bytes);
        expect(queryInTarget(`/v1/kv?key=${encoded}`)).toEqual({ kind: 'pairs', keys: [bytes] });
      }),
    );
  });

  test('what a standard query builder writes is understood: spaces as +, plus as %2B', () => {
    const built = new URLSearchParams({ prefix: 'a b+c/ü', limit: '7' }).toString();
    expect(queryInTarget(`/v1/kv?${built}`)).toEqual({
      kind: 'page',
      page: { prefix: utf8('a b+c/ü'), start: undefined, limit: 7 },
    });
    expect(keyInTarget(`${KEY_PATH}a+b`)).toEqual(utf8('a+b'));
  });

  test.each(['%', '%2', '%zz', 'a%', 'a b', 'ü', '\u0000'])('%j is no percent-encoding', (text) => {
    expect(percentDecode(text, false)).toBeUndefined();
  });

  test.each([
    ['/v1/kv?limit=0', 'INVALID_QUERY'],
    ['/v1/kv?limit=1001', 'INVALID_QUERY'],
    ['/v1/kv?limit=1e2', 'INVALID_QUERY'],
    ['/v1/kv?limit=', 'INVALID_QUERY'],
    ['/v1/kv?consistency=eventual', 'INVALID_QUERY'],
    ['/v1/kv?consistancy=stale', 'INVALID_QUERY'],
    ['/v1/kv?prefix=a&prefix=b', 'INVALID_QUERY'],
    ['/v1/kv?prefix=a%', 'INVALID_QUERY'],
    ['/v1/kv?prefix=b&start=a', 'INVALID_QUERY'],
    ['/v1/kv?key=a&prefix=b', 'INVALID_QUERY'],
    ['/v1/kv?key=', 'INVALID_KEY'],
    [`/v1/kv?prefix=${'a'.repeat(1025)}`, 'INVALID_KEY'],
    [`/v1/kv?${'key=a&'.repeat(1025)}key=a`, 'INVALID_QUERY'],
  ])('%s is refused (U2)', (target, code) => {
    expect(() => queryInTarget(target)).toThrow(expect.objectContaining({ code }));
  });
});

describe('bytes in JSON', () => {
  test('any bytes survive, a byte order mark included (J1)', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.string({ unit: 'grapheme' }).map(utf8));
    fc.assert(
      fc.property(bytes, (value) => {
        const json = JSON.parse(JSON.stringify(toJsonBytes('v', value))) as Record<string, unknown>;
        expect(fromJsonBytes(json, 'v')).toEqual(value);
      }),
    );
    const marked = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
    expect(fromJsonBytes(toJsonBytes('v', marked), 'v')).toEqual(marked);
    expect(Object.keys(toJsonBytes('v', marked))).toEqual(['v']);
    expect(Object.keys(toJsonBytes('v', Uint8Array.of(0xff)))).toEqual(['vBase64']);
  });

  test.each([
    [{ v: '\ud800' }],
    [{ v: 5 }],
    [{ vBase64: 'YQ' }],
    [{ vBase64: 'Y Q=' }],
    [{ vBase64: 7 }],
    [{ v: 'a', vBase64: 'YQ==' }],
  ])('%j is refused, never bent into shape', (json) => {
    expect(() => fromJsonBytes(json, 'v')).toThrow(expect.objectContaining({ code: 'INVALID_BODY' }));
  });
});
