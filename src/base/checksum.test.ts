import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from './bytes.ts';
import { crc32c, sha1Hex } from './checksum.ts';
import { xxh64 } from './xxh64.ts';

const hex = (data: Uint8Array): string => {
  const { high, low } = xxh64(data);
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
};

/** The definition, bit by bit: slow and obviously right. */
function crc32cByDefinition(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  test('gives the standard check value', () => {
    expect(crc32c(utf8('123456789'))).toBe(0xe3069283);
  });

  test('equals the definition, and continues over any split', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (data, cut) => {
        const at = Math.min(cut, data.length);
        expect(crc32c(data)).toBe(crc32cByDefinition(data));
        expect(crc32c(data.subarray(at), crc32c(data.subarray(0, at)))).toBe(crc32c(data));
      }),
    );
  });
});

describe('xxh64', () => {
  test.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    ['hello world', '45ab6734b21e6968'],
    ['0123456789abcdef0123456789abcdef!', '8afff4daac4e677e'],
  ])('matches the vector of the Go original for %j', (text, digest) => {
    expect(hex(utf8(text))).toBe(digest);
  });

  test('matches the vector for 11 zero bytes, which keeps padding from looking like a record', () => {
    expect(hex(new Uint8Array(11))).toBe('6992ce3f48c82aaa');
  });
});

test('sha1 of nothing is the published one', () => {
  expect(sha1Hex(new Uint8Array(0))).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709');
});
