import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeFrame } from '../format/frame.ts';
import type { RecordedOp } from '../format/op.ts';
import { frameBound, writeFrame } from './frame-encoder.ts';

const position = fc.oneof(
  fc.nat(300),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'binary-ascii', maxLength: 200 }),
);
const pathOp = fc.record({ fnode: position, path: text });
const ops: fc.Arbitrary<RecordedOp> = fc.record(
  {
    seqNo: position,
    checksum: u32,
    author: u32,
    create: fc.record({ path: text }),
    link: pathOp,
    unlink: pathOp,
    write: fc.record({ fnode: position, offset: position, length: position }),
    property: fc.record({ path: text, content: text }),
  },
  { requiredKeys: ['seqNo', 'checksum', 'author'] },
);

/** An operation of a recorder has one body. */
const single = ops.map(({ seqNo, checksum, author, ...bodies }): RecordedOp => {
  const [first] = Object.entries(bodies);
  return { seqNo, checksum, author, ...(first ? { [first[0]]: first[1] } : {}) };
});

describe('frames written in place', () => {
  test('are the very bytes of the codec, wherever they begin, and no longer than was reserved', () => {
    fc.assert(
      fc.property(single, fc.nat(20), (op, at) => {
        const { frame } = encodeFrame(op);
        const into = Buffer.alloc(at + frameBound(op) + 1, 0xaa);
        const end = writeFrame(op, into, at);
        expect(into.subarray(at, end).equals(frame)).toBe(true);
        expect(frame.length).toBeLessThanOrEqual(frameBound(op));
        expect(into.subarray(0, at).every((byte) => byte === 0xaa)).toBe(true);
        expect(into.subarray(end).every((byte) => byte === 0xaa)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
