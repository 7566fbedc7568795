/**
 * frames/: operations and their frames.
 */
import { z } from 'zod';
import { concatBytes, crc32c, equalBytes, toHex, viewOf } from '../../src/base/index.ts';
import {
  decodeOp,
  encodeFrame,
  encodeOp,
  FRAME_HEADER_BYTES,
  FrameReader,
  MAX_DATA_BYTES,
} from '../../src/recoverylog/testing/index.ts';
import type { Category } from './category.ts';
import { hex, inRange, isText, opForm, opOf, placeBytes, present, u32, type OpForm } from './forms.ts';
import { codeOf, errorOf, refusesRange, same, type Tally } from './tally.ts';

const MAGIC = 0x3693_3366;

const frameForm = z.strictObject({
  id: z.string(),
  note: z.string().optional(),
  op: opForm,
  payloadHex: hex,
  frameHex: hex,
  dataHex: hex.optional(),
  dataLen: z.int().min(0).optional(),
  crcAfter: u32,
});

/** Operations that Gazette can carry and ours cannot: refused by type. True when this is one. */
async function refused(op: OpForm, payload: Uint8Array, tally: Tally): Promise<boolean> {
  if (!inRange(op)) {
    await refusesRange(() => decodeOp(payload));
    tally.differs('number beyond 2^53-1 or below 0: typed error');
    return true;
  }
  if (isText(op)) return false;
  same('error', await codeOf(() => decodeOp(payload)), 'WIRE_INVALID');
  tally.differs('path or content that is not UTF-8: typed error');
  return true;
}

/** What ours writes for the operation, and behind it what Gazette can carry and ours never writes. */
function written(op: OpForm): string {
  return toHex(concatBytes([encodeOp(opOf(op)), placeBytes(op)]));
}

export const frames: Category = {
  name: 'frames',
  run: (source, tally) =>
    source.eachRow('frames/frames.jsonl', frameForm, tally, async (row) => {
      const { op, payloadHex: payload, frameHex: frame } = row;
      const view = viewOf(frame);
      same('magic word', view.getUint32(0, true), MAGIC);
      same('length', view.getUint32(4, true), payload.length);
      same('payload in the frame', toHex(frame.subarray(FRAME_HEADER_BYTES)), toHex(payload));
      same('checksum after it', crc32c(payload, op.checksum), row.crcAfter);
      if (await refused(op, payload, tally)) return;
      same('decoded', present(decodeOp(payload)), opOf(op));
      same('encoded', written(op), toHex(payload));
      if (placeBytes(op).length === 0) same('frame', toHex(encodeFrame(opOf(op)).frame), toHex(frame));
      await readBack(op, frame, row.dataHex ?? new Uint8Array(row.dataLen ?? 0));
    }),
};

/** The frame and its data through the reader. */
async function readBack(op: OpForm, frame: Uint8Array, data: Uint8Array): Promise<void> {
  const reader = new FrameReader('a/log', 0);
  reader.push(frame);
  reader.push(data);
  const length = Number(op.write?.length ?? 0);
  if (length > MAX_DATA_BYTES) {
    same('error', await codeOf(() => reader.next()), 'REPLAY_FAILED');
    return;
  }
  const found = reader.next();
  if (length > data.length) {
    same('read without all of its data', found, undefined);
    return;
  }
  if (found?.kind !== 'op') throw new Error(`read as ${found?.kind}`);
  same('read', present(found.op), opOf(op));
  same('end', found.lastOffset, frame.length + length);
  same('data', equalBytes(found.data, data), true);
}

const payloadForm = z.union([
  z.strictObject({ note: z.string(), ok: z.literal(true), op: opForm, payloadHex: hex, reencodedHex: hex }),
  z.strictObject({ note: z.string(), ok: z.literal(false), payloadHex: hex, error: z.string() }),
]);

export const payloadDecode: Category = {
  name: 'payload-decode',
  run: (source, tally) =>
    source.eachRow('frames/payload-decode.jsonl', payloadForm, tally, async (row) => {
      if (!row.ok) {
        await errorOf(() => decodeOp(row.payloadHex));
        return;
      }
      if (await refused(row.op, row.payloadHex, tally)) return;
      const decoded = decodeOp(row.payloadHex);
      same('decoded', present(decoded), opOf(row.op));
      same('encoded', toHex(concatBytes([encodeOp(decoded), placeBytes(row.op)])), toHex(row.reencodedHex));
    }),
};
