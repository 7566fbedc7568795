import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { concatBytes, EMPTY_BYTES, fromHex, sha1Hex, utf8 } from '../../base/index.ts';
import { CodecError, compress, decompress } from './codec.ts';

const MIB = 1024 * 1024;

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * i) >> 5);
const problemOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work;
    return 'decoded';
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
    return (error as CodecError).fields['problem'];
  }
};

describe.each(['gzip', 'zstd'] as const)('%s', (codec) => {
  const sync = { gzip: gzipSync, zstd: zstdCompressSync }[codec];

  test.each([0, 1, 63, 64, 65, 1000, 64 * 1024, 64 * 1024 + 1, MIB - 64, MIB, MIB + 1, 3 * MIB + 5])(
    '%i bytes come back, at the edges of a piece too',
    async (length) => {
      const content = bytesOf(length);
      const stored = await compress(codec, content);
      expect(sha1Hex(await decompress(codec, stored, length))).toBe(sha1Hex(content));
    },
  );

  test('several members or frames are one content', async () => {
    for (const last of ['x'.repeat(5000), 'y'.repeat(MIB)]) {
      const texts = ['first;', '', 'second;', last];
      const stored = concatBytes(texts.map((text) => sync(text)));
      const text = texts.join('');
      expect(Buffer.from(await decompress(codec, stored, text.length)).toString()).toBe(text);
    }
  });

  test('more content than expected is refused as soon as it shows', async () => {
    const bomb = sync(Buffer.alloc(64 * MIB));
    expect(await problemOf(decompress(codec, bomb, 1000))).toBe('more content than the 1000 bytes expected');
    expect(await problemOf(decompress(codec, bomb, 64 * MIB - 1))).toMatch(/^more content than/);
    const second = concatBytes([sync('four'), sync('five5')]);
    expect(await problemOf(decompress(codec, second, 8))).toBe('more content than the 8 bytes expected');
    expect(await problemOf(decompress(codec, sync('x'), 0))).toBe('more content than the 0 bytes expected');
  });

  test('less content than expected is refused', async () => {
    expect(await problemOf(decompress(codec, sync('four'), MIB))).toBe(
      '4 bytes of content, expected 1048576',
    );
    expect(await problemOf(decompress(codec, sync('four'), 5))).toBe('4 bytes of content, expected 5');
  });

  test.each(['garbage', '\0', '\0'.repeat(9), 'a'])('%j behind the end is refused', async (tail) => {
    for (const content of [Buffer.from('four'), Buffer.alloc(MIB)]) {
      const stored = concatBytes([sync(content), utf8(tail)]);
      expect(await problemOf(decompress(codec, stored, content.length))).not.toBe('decoded');
    }
  });

  test('nothing at all is not even empty content', async () => {
    expect(await problemOf(decompress(codec, EMPTY_BYTES, 0))).not.toBe('decoded');
  });

  test('a stored view inside a larger buffer is read alone', async () => {
    const around = concatBytes([utf8('before'), sync('inside'), utf8('after')]);
    const inside = around.subarray(6, around.length - 5);
    expect(Buffer.from(await decompress(codec, inside, 6)).toString()).toBe('inside');
  });

  test('what compresses is smaller, and a higher level is taken', async () => {
    const content = bytesOf(MIB);
    const fast = await compress(codec, content);
    const thorough = await compress(codec, content, 9);
    expect(fast.length).toBeLessThan(content.length);
    expect(thorough.length).not.toBe(fast.length);
    expect(sha1Hex(await decompress(codec, thorough, MIB))).toBe(sha1Hex(content));
    await expect(compress(codec, content, 0)).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
  });
});

test('raw content is passed through when its length is right', async () => {
  const content = utf8('as it is');
  expect(await compress('raw', content)).toBe(content);
  expect(await decompress('raw', content, content.length)).toBe(content);
  expect(await problemOf(decompress('raw', content, 7))).toBe('8 bytes of content, expected 7');
});

test('a zstd frame that wants more window than the content can need is refused', async () => {
  // Header of a frame without a content size: window of 2^26 bytes, then an empty last block.
  const frame = (windowLog: number): Uint8Array => {
    const descriptor = ((windowLog - 10) << 3).toString(16).padStart(2, '0');
    return fromHex(`28b52ffd00${descriptor}010000`);
  };
  expect((await decompress('zstd', frame(23), 0)).length).toBe(0);
  expect(await problemOf(decompress('zstd', frame(26), 0))).toMatch(/memory/);
});

test('zstd frames that carry no content are skipped', async () => {
  const skippable = fromHex('502a4d1803000000616263');
  const stored = concatBytes([skippable, zstdCompressSync('content'), skippable]);
  expect(Buffer.from(await decompress('zstd', stored, 7)).toString()).toBe('content');
});

test('zstd content is written with its checksum and its size', async () => {
  const stored = await compress('zstd', bytesOf(1000));
  const descriptor = stored[4]!;
  expect(descriptor & 0b100).toBe(0b100);
  expect(descriptor >> 6).toBeGreaterThan(0);
});
