import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, fromUtf8, PositionError, utf8 } from '../../base/index.ts';
import { ReplayError, WireError } from '../errors.ts';
import { encodeFrame, FrameReader, frameLength, putFrame } from './frame.ts';
import { decodeOp, encodeOp } from './op.ts';
import { Texts } from './texts.ts';

const OP = { seqNo: 300, checksum: 7, author: 9, link: { fnode: 70_000, path: '/a/ü' } };

function tryDecode(bytes: Uint8Array): unknown {
  try {
    return decodeOp(bytes);
  } catch (error) {
    return error;
  }
}

describe('bytes that are no operation', () => {
  test('are a typed error, or another operation: never anything else', () => {
    const change = fc.record({ at: fc.nat(200), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(30), (changes, cut) => {
        const bytes = encodeOp(OP);
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        const found = tryDecode(bytes.subarray(0, bytes.length - (cut % bytes.length)));
        expect(
          !(found instanceof Error) || found instanceof WireError || found instanceof PositionError,
        ).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('may nest groups as deep as they are long', () => {
    const open = new Uint8Array(500_000).fill(0x7b);
    expect(() => decodeOp(open)).toThrow(WireError);
    expect(decodeOp(concatBytes([open, new Uint8Array(500_000).fill(0x7c)])).seqNo).toBe(0);
  });

  test('that claim a gigabyte are refused before anything is put aside for it', () => {
    const reader = new FrameReader('a/log', 0);
    reader.push(Uint8Array.of(0x66, 0x33, 0x93, 0x36, 0, 0, 0, 0x40));
    expect(() => reader.next()).toThrow(ReplayError);
  });
});

test('a frame that is written into a larger buffer is the frame by itself', () => {
  const buffer = new Uint8Array(200).fill(0xee);
  const end = putFrame(OP, buffer, 17);
  expect(end).toBe(17 + frameLength(OP));
  expect(buffer.subarray(17, end)).toEqual(encodeFrame(OP).frame);
  expect([buffer[16], buffer[end]]).toEqual([0xee, 0xee]);
});

test('X1: texts are those of the bytes, however many share a place', () => {
  const texts = new Texts();
  const few = fc.array(fc.constantFrom('/', 'a', 'b', '0', '1', '\0', 'é', '日'), { maxLength: 80 });
  fc.assert(
    fc.property(fc.array(few, { minLength: 1, maxLength: 20 }), (found) => {
      for (const parts of found) {
        const bytes = utf8(`x${parts.join('')}y`);
        expect(texts.read(bytes, 1, bytes.length - 1)).toBe(fromUtf8(bytes.subarray(1, -1)));
      }
    }),
    { numRuns: 300 },
  );
  const numbers = Array.from({ length: 20_000 }, (_, at) => String(at));
  expect(numbers.filter((text) => texts.read(utf8(text), 0, text.length) !== text)).toEqual([]);
});
