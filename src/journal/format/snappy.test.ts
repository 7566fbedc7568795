import { describe, expect, test } from '@jest/globals';
import { concatBytes, crc32c, fromHex, sha1Hex, utf8, viewOf } from '../../base/index.ts';
import { CodecError } from './codec.ts';
import { gazetteContent } from './gazette-fragment.ts';
import { decompressSnappy } from './snappy.ts';

const IDENTIFIER = fromHex('ff060000734e61507059');

function chunk(type: number, data: Uint8Array, content: Uint8Array = data): Uint8Array {
  const body = concatBytes([new Uint8Array(4), data]);
  const crc = crc32c(content);
  viewOf(body).setUint32(0, ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282_ead8) >>> 0, true);
  const length = body.length;
  return concatBytes([Uint8Array.of(type, length & 255, (length >> 8) & 255, length >> 16), body]);
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const stream = (...chunks: Uint8Array[]): Uint8Array => concatBytes([IDENTIFIER, ...chunks]);

describe('the snappy framed format', () => {
  test('plain and compressed chunks, padding, and a stream behind another are one content', async () => {
    // "abc" as a literal, then a copy of 9 bytes at distance 3, which copies what it writes: kind 1, and kind 2 in the other stream.
    const near = chunk(0, fromHex('0c086162631503'), utf8('abc'.repeat(4)));
    const far = chunk(0, fromHex('0c08616263220300'), utf8('abc'.repeat(4)));
    const padding = fromHex('fe0200000000');
    const whole = concatBytes([stream(chunk(1, utf8('plain-')), padding, near), stream(far)]);
    expect(text(await decompressSnappy(whole, 30))).toBe(`plain-${'abc'.repeat(8)}`);
  });

  test('long literals and far copies', async () => {
    const long = 'x'.repeat(70);
    const literal = concatBytes([Uint8Array.of(74, 60 << 2, 69), utf8(long), fromHex('0f46000000')]);
    expect(text(await decompressSnappy(stream(chunk(0, literal, utf8(`${long}xxxx`))), 74))).toBe(
      `${long}xxxx`,
    );
  });

  test('no bytes at all are no content', async () => {
    expect(await decompressSnappy(new Uint8Array(0), 0)).toEqual(new Uint8Array(0));
  });

  test.each([
    ['a stream without identifier', chunk(1, utf8('four')), 4, /does not begin/],
    [
      'another identifier',
      concatBytes([fromHex('ff060000734e61507058'), chunk(1, utf8('four'))]),
      4,
      /identifier is wrong/,
    ],
    ['a chunk of a type that must be understood', stream(chunk(2, utf8('four'))), 4, /type 2/],
    ['more content than expected', stream(chunk(1, utf8('four'))), 3, /more content/],
    ['less content than expected', stream(chunk(1, utf8('four'))), 5, /4 bytes of content/],
    ['far less content than could be in it', stream(chunk(1, utf8('four'))), 2 ** 40, /cannot hold/],
    ['another content than the checksum', stream(chunk(1, utf8('four'), utf8('five'))), 4, /checksum/],
    ['a copy from before its block', stream(chunk(0, fromHex('080461621503'))), 8, /reaches out/],
    ['a copy of distance 0', stream(chunk(0, fromHex('06086162630100'))), 6, /reaches out/],
    ['a literal longer than its block', stream(chunk(0, fromHex('03086162630861'))), 3, /too long/],
    ['a block shorter than it says', stream(chunk(0, fromHex('0408616263'))), 4, /says it has 4/],
    ['a block of more than a chunk may have', stream(chunk(0, fromHex('81800400'))), 65_537, /./],
    ['a length that does not end', stream(chunk(0, fromHex('ffffffffff'))), 4, /does not end/],
  ])('%s is refused', async (_what, stored, length, problem) => {
    const error = await decompressSnappy(stored, length).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CodecError);
    expect((error as CodecError).fields['problem']).toMatch(problem);
  });

  test('no cut and no flipped bit ever gives other content', async () => {
    const content = utf8('abc'.repeat(4));
    const stored = stream(chunk(0, fromHex('0c086162631503'), content));
    for (let cut = 0; cut < stored.length; cut++)
      await expect(decompressSnappy(stored.subarray(0, cut), 12)).rejects.toThrow(CodecError);
    for (let bit = 0; bit < stored.length * 8; bit++) {
      const damaged = stored.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await expect(decompressSnappy(damaged, 12)).rejects.toThrow(CodecError);
    }
  });
});

test('a fragment of another digest than its name is refused, whatever the codec', async () => {
  const fragment = { begin: 0, end: 4, sha1: sha1Hex(utf8('five')), codec: 'raw' as const };
  await expect(gazetteContent(fragment, utf8('four'))).rejects.toThrow(/digest/);
  expect(text(await gazetteContent(fragment, utf8('five')))).toBe('five');
});
