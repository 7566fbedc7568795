/**
 * The short cut of decoding says what the general reader says, or nothing: for canonical operations, damaged ones, ones that are cut, with anything behind.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyOpAt, encodeOp, opReader, type RecordedOp } from './op.ts';
import { plainOp } from './plain-op.ts';
import { Texts } from './texts.ts';

const u32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const position = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 3, arbitrary: fc.nat(2 ** 29) },
  { weight: 1, arbitrary: fc.maxSafeNat() },
);
const mostly = (usual: number, other: fc.Arbitrary<number>): fc.Arbitrary<number> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
const path = fc.oneof(fc.string({ unit: 'binary', maxLength: 70 }), fc.string({ maxLength: 200 }));
const named = fc.record({ fnode: position, path });
const body: fc.Arbitrary<Partial<RecordedOp>> = fc.oneof(
  fc.record({ create: fc.record({ path }) }),
  fc.record({ link: named }),
  fc.record({ unlink: named }),
  fc.record({ write: fc.record({ fnode: position, offset: position, length: position }) }),
  fc.record({ property: fc.record({ path, content: path }) }),
  fc.constant({}),
);
const op = fc
  .tuple(fc.record({ seqNo: position, checksum: u32, author: u32 }), body)
  .map(([head, rest]): RecordedOp => ({ ...head, ...rest }));
const change = fc.record({ at: fc.nat(300), to: fc.nat(255) });
const texts = new Texts();

function general(bytes: Uint8Array, begin: number, end: number): RecordedOp | undefined {
  try {
    return anyOpAt(opReader(), bytes, begin, end);
  } catch {
    return undefined;
  }
}

test('P1, P2: what it gives is what the general reader gives, wherever the operation lies and whatever lies around it', () => {
  let given = 0;
  fc.assert(
    fc.property(
      op,
      fc.array(change, { maxLength: 1 }),
      mostly(0, fc.nat(3)),
      fc.uint8Array({ maxLength: 8 }),
      fc.uint8Array({ maxLength: 8 }),
      (written, changes, cut, before, behind) => {
        const bytes = encodeOp(written);
        for (const { at, to } of changes) if (bytes.length > 0) bytes[at % bytes.length] = to;
        const all = Buffer.concat([before, bytes, behind]);
        const begin = before.length;
        const end = Math.max(begin, begin + bytes.length - cut);
        const plain = plainOp(all, begin, end, texts);
        if (plain === undefined) return;
        given++;
        expect(plain).toEqual(general(all, begin, end));
      },
    ),
    { numRuns: 20_000 },
  );
  expect(given).toBeGreaterThan(2_000);
});

test('every operation of the usual form is decoded so', () => {
  const usual: readonly RecordedOp[] = [
    { seqNo: 1, checksum: 0, author: 0, create: { path: '/a' } },
    { seqNo: 2 ** 28 - 1, checksum: 0xffff_ffff, author: 7, link: { fnode: 300, path: '/d/ä' } },
    { seqNo: 3, checksum: 1, author: 7, unlink: { fnode: 0, path: '/a' } },
    { seqNo: 4, checksum: 1, author: 7, write: { fnode: 1, offset: 2 ** 28 - 1, length: 0 } },
  ];
  for (const each of usual) {
    const bytes = encodeOp(each);
    expect(plainOp(bytes, 0, bytes.length, texts)).toEqual(general(bytes, 0, bytes.length));
    expect(plainOp(bytes, 0, bytes.length, texts)).toMatchObject(each);
  }
});
