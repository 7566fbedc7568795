import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromHex, utf8 } from './bytes.ts';
import { crc32c, sha1Hex, xxh64, xxh64Low32 } from './checksum.ts';

const hex = (data: Uint8Array): string => xxh64(data).toString(16).padStart(16, '0');

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

  const counting = Uint8Array.from({ length: 32 }, (_, i) => i);

  test.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 incrementing bytes', counting, 0x46dd794e],
    ['32 decrementing bytes', counting.toReversed(), 0x113fdb5c],
    [
      'an iSCSI Read (10) command',
      fromHex(
        `01c00000${'0'.repeat(24)}140000000000040000000014000000182800000000000000${'02'.padEnd(16, '0')}`,
      ),
      0xd9963a56,
    ],
  ])('gives what RFC 3720 B.4 has for %s', (_what, data, crc) => {
    expect(crc32c(data)).toBe(crc);
  });

  test('equals the definition, from any alignment, and continues over any split', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1500, size: 'max' }),
        fc.nat(1500),
        fc.nat(8),
        (whole, cut, skip) => {
          const data = whole.subarray(Math.min(skip, whole.length));
          const at = Math.min(cut, data.length);
          expect(crc32c(data)).toBe(crc32cByDefinition(data));
          expect(crc32c(data.subarray(at), crc32c(data.subarray(0, at)))).toBe(crc32c(data));
          expect(crc32c(data, crc32c(data, 0, 0, at), at)).toBe(crc32c(data));
        },
      ),
    );
  });

  test.each([255, 256, 257, 271, 272, 273, 4096, 100_003])('equals the definition for %d bytes', (length) => {
    const data = Uint8Array.from({ length }, (_, i) => (i * i * 31) >> 3);
    expect(crc32c(data)).toBe(crc32cByDefinition(data));
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

  test('its low word is what a record carries, unsigned, of bytes that lie anywhere in their memory', () => {
    const memory = utf8('...0123456789abcdef0123456789abcdef!...');
    expect(xxh64Low32(memory.subarray(3, 36))).toBe(0xac4e677e);
    expect(xxh64Low32(new Uint8Array(0))).toBe(0x51d8e999);
  });

  test('does not depend on what was hashed before, however long it was', () => {
    const long = new Uint8Array(3_000_000).fill(7);
    const digest = hex(long);
    expect(hex(utf8('abc'))).toBe('44bc2cf5ad770999');
    expect(hex(long)).toBe(digest);
  });
});

test('sha1 of nothing is the published one', () => {
  expect(sha1Hex(new Uint8Array(0))).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709');
});
