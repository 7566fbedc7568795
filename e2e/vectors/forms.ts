/**
 * The forms that recur in the vectors' files, read strictly: a row without a part that it must have is a failed vector, never a passed one.
 *
 * E1  64-bit numbers stand as decimal strings and are kept exact. `opOf` and `segmentOf` give an operation of ours only when it is one that ours can carry.
 */
import { z } from 'zod';
import { fromHex, utf8 } from '../../src/base/index.ts';
import type { RecordedOp, Segment } from '../../src/recoverylog/testing/index.ts';

export const int64 = z
  .string()
  .regex(/^-?\d+$/)
  .transform(BigInt);
export const u32 = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
export const hex = z
  .string()
  .regex(/^(?:[0-9a-f]{2})*$/)
  .transform(fromHex);

/** A text that may be no UTF-8 stands under `<key>Hex`. */
const path = { path: z.string().optional(), pathHex: hex.optional() };

export const opForm = z.strictObject({
  seqNo: int64,
  checksum: u32,
  author: u32,
  firstOffset: int64.optional(),
  lastOffset: int64.optional(),
  log: z.string().optional(),
  logHex: hex.optional(),
  create: z.strictObject(path).optional(),
  link: z.strictObject({ fnode: int64.optional(), ...path }).optional(),
  unlink: z.strictObject({ fnode: int64.optional(), ...path }).optional(),
  write: z
    .strictObject({ fnode: int64.optional(), offset: int64.optional(), length: int64.optional() })
    .optional(),
  property: z
    .strictObject({ ...path, content: z.string().optional(), contentHex: hex.optional() })
    .optional(),
});
export type OpForm = z.infer<typeof opForm>;

export const segmentForm = z.strictObject({
  author: u32.default(0),
  firstSeqNo: int64,
  firstOffset: int64,
  firstChecksum: u32.default(0),
  lastSeqNo: int64,
  lastOffset: int64,
  log: z.string().default(''),
});
export type SegmentForm = z.infer<typeof segmentForm>;

/** One hints value, as it is stored in either encoding. */
export const hintsForm = z.strictObject({ json: z.unknown(), pbHex: hex });

const fits = (value: bigint | undefined): boolean =>
  value === undefined || (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER));

/** Whether all its numbers are positions: whole, from 0 to 2^53-1. */
export function inRange(op: OpForm): boolean {
  const { link, unlink, write } = op;
  return [
    op.seqNo,
    op.firstOffset,
    op.lastOffset,
    link?.fnode,
    unlink?.fnode,
    write?.fnode,
    write?.offset,
    write?.length,
  ].every(fits);
}

/** Whether all its paths and contents are text. */
export function isText(op: OpForm): boolean {
  const parts = [op.create, op.link, op.unlink, op.property];
  return parts.every((part) => part?.pathHex === undefined) && op.property?.contentHex === undefined;
}

/** The operation as ours has it; only of one that is in range and text. Where it lies is not part of it. */
export function opOf(op: OpForm): RecordedOp {
  const target = (part: {
    fnode?: bigint | undefined;
    path?: string | undefined;
  }): { fnode: number; path: string } => ({
    fnode: Number(part.fnode ?? 0),
    path: part.path ?? '',
  });
  const { create, link, unlink, write, property } = op;
  return {
    seqNo: Number(op.seqNo),
    checksum: op.checksum,
    author: op.author,
    ...(create ? { create: { path: create.path ?? '' } } : {}),
    ...(link ? { link: target(link) } : {}),
    ...(unlink ? { unlink: target(unlink) } : {}),
    ...(write
      ? {
          write: {
            fnode: Number(write.fnode ?? 0),
            offset: Number(write.offset ?? 0),
            length: Number(write.length ?? 0),
          },
        }
      : {}),
    ...(property ? { property: { path: property.path ?? '', content: property.content ?? '' } } : {}),
  };
}

/** An operation with the parts that it has: those that it has not may stand in it as undefined. */
export function present(op: RecordedOp): RecordedOp {
  return Object.fromEntries(
    Object.entries(op).filter(([, part]) => part !== undefined),
  ) as unknown as RecordedOp;
}

export function segmentInRange(segment: SegmentForm): boolean {
  const { firstSeqNo, firstOffset, lastSeqNo, lastOffset } = segment;
  return [firstSeqNo, firstOffset, lastSeqNo, lastOffset].every(
    (value) => value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER),
  );
}

export function segmentOf(segment: SegmentForm): Segment {
  return {
    author: segment.author,
    firstSeqNo: Number(segment.firstSeqNo),
    firstOffset: Number(segment.firstOffset),
    firstChecksum: segment.firstChecksum,
    lastSeqNo: Number(segment.lastSeqNo),
    lastOffset: Number(segment.lastOffset),
    log: segment.log,
  };
}

/** The last three fields of an operation in protobuf: where it lies, which Gazette can carry in it and ours never does. */
export function placeBytes(op: OpForm): Uint8Array {
  const bytes: number[] = [];
  const varint = (value: bigint): void => {
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
  };
  for (const [tag, value] of [[0x48, op.firstOffset] as const, [0x50, op.lastOffset] as const]) {
    if (value === undefined || value === 0n) continue;
    bytes.push(tag);
    varint(value);
  }
  const text = op.logHex ?? utf8(op.log ?? '');
  if (text.length > 0) {
    bytes.push(0x5a);
    varint(BigInt(text.length));
    bytes.push(...text);
  }
  return Uint8Array.from(bytes);
}
