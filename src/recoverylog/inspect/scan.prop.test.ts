/**
 * What stands in a log is told whole, however its bytes come and whatever is wrong with them.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes } from '../../base/index.ts';
import { encodeFrame, MAX_OP_BYTES } from '../format/frame.ts';
import type { RecordedOp } from '../format/op.ts';
import { LogScanner, type LogItem } from './scan.ts';

const op: fc.Arbitrary<{ readonly op: RecordedOp; readonly data: Uint8Array }> = fc
  .oneof(
    fc.record({ path: fc.string({ maxLength: 40 }) }).map((create) => ({ create })),
    fc.record({ fnode: fc.nat(), path: fc.string({ maxLength: 40 }) }).map((unlink) => ({ unlink })),
    fc.uint8Array({ maxLength: 300 }).map((data) => ({ data })),
  )
  .chain((body) =>
    fc.record({ seqNo: fc.nat(), checksum: fc.nat(), author: fc.nat() }).map((head) => {
      if (!('data' in body)) return { op: { ...head, ...body }, data: new Uint8Array(0) };
      const { data } = body;
      return { op: { ...head, write: { fnode: 1, offset: 0, length: data.length } }, data };
    }),
  );

interface Built {
  readonly bytes: Uint8Array;
  /** Where each operation ends. */
  readonly ends: readonly number[];
  readonly ops: readonly RecordedOp[];
}

function build(parts: readonly { readonly op: RecordedOp; readonly data: Uint8Array }[]): Built {
  const ends: number[] = [];
  const all = parts.map(({ op: each, data }) => concatBytes([encodeFrame(each).frame, data]));
  all.reduce((end, { length }) => {
    ends.push(end + length);
    return end + length;
  }, 0);
  return { bytes: concatBytes(all), ends, ops: parts.map((part) => part.op) };
}

/** Everything that is told of the bytes, given in pieces; what the items refer to is taken away after each event, as a reader does. */
function scan(bytes: Uint8Array, pieces: readonly number[]): LogItem[] {
  const scanner = new LogScanner('test/log', 0);
  const items: LogItem[] = [];
  const keep = (item: LogItem): void => {
    items.push(item.kind === 'op' ? { ...item, payload: item.payload.slice() } : item);
  };
  for (let begin = 0, i = 0; begin < bytes.length; i++) {
    const end = Math.min(bytes.length, begin + (pieces[i % pieces.length] ?? bytes.length));
    const lent = bytes.slice(begin, end);
    for (const item of scanner.take({ kind: 'data', begin, end, bytes: lent, done: () => lent.fill(0xee) }))
      keep(item);
    begin = end;
  }
  for (const item of scanner.take({ kind: 'tail', seq: 1, offset: bytes.length })) keep(item);
  return items;
}

function expectToAdjoin(items: readonly LogItem[], size: number): void {
  expect(items.at(-1)).toEqual({ kind: 'head', firstOffset: size, lastOffset: size });
  let at = 0;
  for (const { firstOffset, lastOffset } of items) {
    expect(firstOffset).toBe(at);
    expect(lastOffset).toBeGreaterThanOrEqual(firstOffset);
    at = lastOffset;
  }
}

const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });
const log = fc.array(op, { minLength: 1, maxLength: 12 }).map(build);

describe('a log', () => {
  test('that is whole is its operations, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(log, pieces, ({ bytes, ops }, sizes) => {
        const items = scan(bytes, sizes);
        expectToAdjoin(items, bytes.length);
        expect(items.slice(0, -1).map((item) => item.kind === 'op' && item.op)).toEqual(ops);
      }),
      { numRuns: 200 },
    );
  });

  test('that was damaged anywhere is told to its end, and what lies before the damage is what it was', () => {
    fc.assert(
      fc.property(
        log,
        pieces,
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.integer({ min: 1, max: 255 }),
        ({ bytes, ends, ops }, sizes, place, flip) => {
          const damaged = bytes.slice();
          const at = Math.floor(place * bytes.length);
          damaged[at]! ^= flip;
          const items = scan(damaged, sizes);
          expectToAdjoin(items, bytes.length);
          expect(items).toEqual(scan(damaged, [bytes.length]));
          const before = ends.filter((end) => end <= at).length;
          expect(items.slice(0, before).map((item) => item.kind === 'op' && item.op)).toEqual(
            ops.slice(0, before),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of any bytes is told to its end', () => {
    const magic = Uint8Array.of(0x66, 0x33, 0x93, 0x36);
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(magic),
      fc.constant(Uint8Array.of(3, 0, 0, 0)),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 20 }).map(concatBytes), pieces, (bytes, sizes) => {
        const items = scan(bytes, sizes);
        expectToAdjoin(items, bytes.length);
        expect(items).toEqual(scan(bytes, [Math.max(1, bytes.length)]));
      }),
      { numRuns: 300 },
    );
  });

  test('with a frame of an impossible length goes on at the next one', () => {
    const { frame } = encodeFrame({ seqNo: 1, checksum: 0, author: 7, create: { path: '/a' } });
    const tooLong = frame.slice();
    new DataView(tooLong.buffer).setUint32(4, MAX_OP_BYTES + 1, true);
    const bytes = concatBytes([frame, tooLong, frame]);
    expect(scan(bytes, [bytes.length]).map(({ kind, firstOffset }) => [kind, firstOffset])).toEqual([
      ['op', 0],
      ['damage', frame.length],
      ['desync', frame.length + 4],
      ['op', 2 * frame.length],
      ['head', bytes.length],
    ]);
  });
});
