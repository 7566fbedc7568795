/**
 * What a body holds and what it becomes, however its content comes (B1-B3 of fragment-body.ts).
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, equalBytes, sha1Hex } from '../../base/index.ts';
import { decompress, type Codec } from '../format/codec.ts';
import { MIN_SAVING } from '../session/options.ts';
import { BlockMemory } from './blocks.ts';
import { FragmentBody } from './fragment-body.ts';

const BLOCK_BYTES = 4096;
const codecs = fc.constantFrom<Codec>('raw', 'gzip', 'zstd');

/** Memory that knows how many blocks are out, and writes over what comes back: whoever still reads it finds out. */
class CountingMemory extends BlockMemory {
  out = 0;
  mostOut = 0;

  override take(): Uint8Array {
    this.mostOut = Math.max(this.mostOut, ++this.out);
    return super.take();
  }

  override give(block: Uint8Array): void {
    this.out--;
    super.give(block.fill(0xee));
  }
}

/** `bytes` of noise and, for the rest, of one letter. */
function contentOf(bytes: number, noise: number, seed: number): Uint8Array {
  const content = new Uint8Array(bytes).fill(97);
  let state = seed | 1;
  for (let i = 0; i < bytes * noise; i++)
    content[i] = (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24;
  return content;
}

test('a body is its content under its digest, compressed where that saves enough, in blocks that are all given back', async () => {
  const seen = new Set<string>();
  const body = async (
    codec: Codec,
    bytes: number,
    noise: number,
    seed: number,
    pieceBytes: number,
  ): Promise<void> => {
    const content = contentOf(bytes, noise, seed);
    const memory = new CountingMemory(bytes, BLOCK_BYTES);
    const made = new FragmentBody(codec, bytes, memory);
    for (let at = 0; at < bytes; at += pieceBytes) {
      const lent = content.slice(at, at + pieceBytes);
      await made.push(lent);
      lent.fill(0xee); // it was used up
    }
    expect(made.missing).toBe(0);
    const stored = await made.finish();
    const object = concatBytes(stored.pieces);
    expect(object.length).toBe(stored.bytes);
    expect(stored.sha1).toBe(sha1Hex(content));
    expect(equalBytes(await decompress(stored.codec, object, bytes), content)).toBe(true);
    expect([codec, 'raw']).toContain(stored.codec);
    if (stored.codec !== 'raw') expect(stored.bytes).toBeLessThanOrEqual(bytes * (1 - MIN_SAVING));
    else expect(equalBytes(object, content)).toBe(true);
    // B1: what is stored, two blocks, and where compression only made it longer, that
    const longest = Math.max(stored.bytes, bytes) + 1024;
    expect(memory.mostOut).toBeLessThanOrEqual(Math.ceil(longest / Math.min(bytes, BLOCK_BYTES)) + 2);
    stored.free();
    expect(memory.out).toBe(0);
    seen.add(`${codec} ${stored.codec} ${bytes > 64 * 1024 ? 'long' : 'short'}`);
  };
  await fc.assert(
    fc.asyncProperty(
      codecs,
      fc.integer({ min: 1, max: 300_000 }),
      fc.constantFrom(0, 0.5, 0.95, 1),
      fc.nat(),
      fc.integer({ min: 100, max: 100_000 }),
      body,
    ),
    { numRuns: 30 },
  );
  for (const codec of ['raw', 'gzip', 'zstd'] as const)
    for (const bytes of [1, 4096, 64 * 1024, 64 * 1024 + 1, 250_000])
      for (const noise of [0, 1]) await body(codec, bytes, noise, 1, 5000);
  for (const codec of ['gzip', 'zstd'])
    for (const length of ['short', 'long'])
      for (const stored of [codec, 'raw']) expect(seen).toContain(`${codec} ${stored} ${length}`);
});

test('content beyond what was announced, and a body without all of it, are mistakes of the caller', async () => {
  const made = new FragmentBody('raw', 10, new BlockMemory(10));
  await expect(made.push(new Uint8Array(11))).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
  await made.push(new Uint8Array(9));
  await expect(made.finish()).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
});
