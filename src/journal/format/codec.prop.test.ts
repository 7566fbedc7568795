import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { equalBytes } from '../../base/index.ts';
import { CodecError, compress, decompress, type Codec } from './codec.ts';

/** Text-like and random bytes, and long runs: every kind of block of either format. */
const contents: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.string({ maxLength: 400 }).map((text) => new TextEncoder().encode(text)),
  fc
    .array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 2000 })), { maxLength: 5 })
    .map((runs) => Uint8Array.from(runs.flatMap(([byte, times]) => Array<number>(times).fill(byte)))),
);

/** The content, or that it was refused in the one way that is allowed. */
async function decoded(codec: Codec, stored: Uint8Array, length: number): Promise<Uint8Array | 'refused'> {
  try {
    return await decompress(codec, stored, length);
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
    return 'refused';
  }
}

test.each(['raw', 'gzip', 'zstd'] as const)('%s content comes back as it was', async (codec) => {
  await fc.assert(
    fc.asyncProperty(contents, fc.constantFrom(1, 3, 9), async (content, level) => {
      const stored = await compress(codec, content, level);
      expect(equalBytes(await decompress(codec, stored, content.length), content)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test.each(['gzip', 'zstd'] as const)(
  '%s: no truncation and no flipped bit ever gives other content',
  async (codec) => {
    await fc.assert(
      fc.asyncProperty(contents, async (content) => {
        const stored = await compress(codec, content.subarray(0, 60));
        const { length } = content.subarray(0, 60);
        for (let cut = 0; cut < stored.length; cut++)
          expect(await decoded(codec, stored.subarray(0, cut), length)).toBe('refused');
        for (let bit = 0; bit < stored.length * 8; bit++) {
          const damaged = stored.slice();
          damaged[bit >> 3]! ^= 1 << (bit & 7);
          const found = await decoded(codec, damaged, length);
          // Some header bits mean nothing for the content (time, system); those may pass.
          if (found !== 'refused') expect(equalBytes(found, content.subarray(0, 60))).toBe(true);
        }
      }),
      { numRuns: 10 },
    );
  },
);
