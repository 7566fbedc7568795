import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes } from '../../base/index.ts';
import { encodeFrame, FrameReader } from './frame.ts';

/** Writes of these lengths, as a log holds them, after a few bytes that are no operation. */
function logOf(lengths: readonly number[], noise: number): Uint8Array {
  const parts = lengths.flatMap((length, at) => [
    encodeFrame({ seqNo: at + 1, checksum: 0, author: 1, write: { fnode: 1, offset: 0, length } }).frame,
    Uint8Array.from({ length }, (_, i) => (at * 31 + i) % 251),
  ]);
  return concatBytes([new Uint8Array(noise), ...parts]);
}

interface Seen {
  readonly from: number;
  readonly to: number;
  readonly bytes: string;
}

/** What comes of the log when it arrives in pieces of these sizes, the memory of each being overwritten or not before the next one comes. */
function readIn(log: Uint8Array, sizes: readonly number[], overwrite: boolean): readonly Seen[] {
  const reader = new FrameReader('a/log', 0);
  const seen: Seen[] = [];
  for (let at = 0, n = 0; at < log.length; n++) {
    const piece = log.slice(at, at + sizes[n % sizes.length]!);
    at += piece.length;
    reader.push(piece);
    for (let frame = reader.next(); frame; frame = reader.next()) {
      const bytes = frame.kind === 'op' ? Buffer.from(concatBytes([frame.payload, frame.data])) : '';
      seen.push({ from: frame.firstOffset, to: frame.lastOffset, bytes: bytes.toString('hex') });
    }
    if (!overwrite) continue;
    reader.copyRest();
    piece.fill(0xee);
  }
  expect(reader.pending).toBe(0);
  return seen;
}

test('R4: frames are the same when the memory of each piece is overwritten once its frames are out', () => {
  const lengths = fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 8 });
  const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(lengths, fc.nat({ max: 20 }), sizes, (writes, noise, pieces) => {
      const log = logOf(writes, noise);
      const kept = readIn(log, pieces, false);
      expect(readIn(log, pieces, true)).toEqual(kept);
      expect(kept.filter(({ bytes }) => bytes !== '')).toHaveLength(writes.length);
    }),
  );
});
