import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, equalBytes } from '../../base/index.ts';
import { CodecError, compress, decompress, SMALL_BYTES, type Codec } from './codec.ts';
import { compressing, decompressing } from './codec-stream.ts';

/** Runs and noise, of which some compresses: below what is done at once, and above it. */
interface Recipe {
  readonly seed: number;
  readonly runs: readonly (readonly [byte: number, times: number, noise: boolean])[];
}
const recipes: fc.Arbitrary<Recipe> = fc.record({
  seed: fc.nat(),
  runs: fc.array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 40_000 }), fc.boolean()), { maxLength: 6 }),
});
function cook({ seed, runs }: Recipe): Uint8Array {
  const content = new Uint8Array(runs.reduce((sum, [, times]) => sum + times, 0));
  let [state, at] = [seed | 1, 0];
  for (const [byte, times, noise] of runs) {
    content.fill(byte, at, at + times);
    if (noise)
      for (let i = at; i < at + times; i++)
        content[i] = (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24;
    at += times;
  }
  return content;
}
/** Surely beyond what is done at once. */
const LONG: Recipe = {
  seed: 1,
  runs: [
    [7, 70_000, false],
    [0, 70_000, true],
  ],
};
const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
  maxLength: 6,
});

/** The same bytes in pieces, some of them empty. */
function pieces(whole: Uint8Array, shares: readonly number[]): readonly Uint8Array[] {
  const at = [
    0,
    ...shares.map((share) => Math.floor(share * whole.length)).sort((a, b) => a - b),
    whole.length,
  ];
  return at.slice(1).map((end, i) => whole.subarray(at[i], end));
}

/** Pieces whose memory is used again as soon as the next one is asked for (Y3). */
async function* reused(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) {
    const lent = part.slice();
    yield lent;
    lent.fill(0xee);
  }
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  for await (const piece of stream) found.push(piece.slice());
  return concatBytes(found);
}

async function compressed(
  codec: 'gzip' | 'zstd',
  parts: readonly Uint8Array[],
  bytes: number,
): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  const flow = compressing(codec, bytes, (piece) => void found.push(piece.slice()));
  for (const part of parts) {
    const lent = part.slice();
    await flow.push(lent);
    lent.fill(0xee); // Y3
  }
  await flow.end();
  return concatBytes(found);
}

test.each(['gzip', 'zstd'] as const)(
  '%s: what flowed through is what decompress() makes of it, and back',
  async (codec) => {
    let threaded = 0;
    await fc.assert(
      fc.asyncProperty(recipes, cuts, cuts, async (recipe, into, back) => {
        const content = cook(recipe);
        const stored = await compressed(codec, pieces(content, into), content.length);
        expect(equalBytes(await decompress(codec, stored, content.length), content)).toBe(true);
        const lengths = { stored: stored.length, content: content.length };
        expect(
          equalBytes(await all(decompressing(codec, reused(pieces(stored, back)), lengths)), content),
        ).toBe(true);
        if (content.length > SMALL_BYTES) threaded++;
      }),
      { numRuns: 60, examples: [[LONG, [0.3], [0.5, 0.5]]] },
    );
    expect(threaded).toBeGreaterThan(0);
  },
);

test.each(['gzip', 'zstd'] as const)(
  '%s: members and frames, cut anywhere, are one content',
  async (codec) => {
    await fc.assert(
      fc.asyncProperty(fc.array(recipes, { minLength: 2, maxLength: 4 }), cuts, async (each, back) => {
        const parts = each.map(cook);
        const content = concatBytes(parts);
        const stored = concatBytes(await Promise.all(parts.map((part) => compress(codec, part))));
        const lengths = { stored: stored.length, content: content.length };
        expect(
          equalBytes(await all(decompressing(codec, reused(pieces(stored, back)), lengths)), content),
        ).toBe(true);
      }),
      { numRuns: 60 },
    );
  },
);

test.each(['raw', 'gzip', 'zstd'] as const)(
  '%s: cut off, flipped or with more behind its end it never passes for the content',
  async (codec: Codec) => {
    await fc.assert(
      fc.asyncProperty(
        recipes,
        cuts,
        fc.nat(),
        fc.constantFrom('cut', 'bit', 'more', 'short'),
        async (recipe, back, at, harm) => {
          const content = cook(recipe);
          const stored = await compress(codec, content);
          const damaged = Buffer.from(stored);
          if (harm === 'bit' && stored.length > 0) damaged[at % stored.length]! ^= 1 << (at & 7);
          const sent =
            harm === 'cut'
              ? damaged.subarray(0, at % Math.max(1, stored.length))
              : harm === 'more'
                ? Buffer.concat([damaged, Buffer.of(1, 2, 3)])
                : damaged;
          const promised = harm === 'short' ? content.length + 1 : content.length;
          const lengths = { stored: sent.length, content: promised };
          let found: Uint8Array;
          try {
            found = await all(decompressing(codec, reused(pieces(sent, back)), lengths));
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError);
            return;
          }
          // a bit of raw content is told by the fragment's digest; some bits of a header mean nothing
          if (codec === 'raw' && harm === 'bit') return;
          expect(['cut', 'bit']).toContain(harm);
          expect(found.length).toBe(promised);
          expect(equalBytes(found, content)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  },
);

test.each(['raw', 'gzip', 'zstd'] as const)(
  '%s: the failure of what is read is the failure, however much came before it',
  async (codec: Codec) => {
    await fc.assert(
      fc.asyncProperty(recipes, cuts, fc.nat(6), async (recipe, back, good) => {
        const content = cook(recipe);
        const stored = await compress(codec, content);
        const broken = new Error('the line is cut');
        async function* failing(): AsyncGenerator<Uint8Array, void, undefined> {
          const parts = pieces(stored, back);
          yield* reused(parts.slice(0, Math.min(good, parts.length - 1)));
          throw broken;
        }
        const lengths = { stored: stored.length, content: content.length };
        await expect(all(decompressing(codec, failing(), lengths))).rejects.toBe(broken);
      }),
      { numRuns: 60 },
    );
  },
);
