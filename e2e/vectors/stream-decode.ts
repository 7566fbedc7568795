/**
 * frames/stream-decode: byte streams as they come from a source that gives little at a time.
 *
 * Go looks for the next frame in what its reader has buffered, so it matters how the bytes come. They are pushed here as that reader takes them: at most
 * `chunk` bytes at once and never more than its buffer holds.
 */
import { z } from 'zod';
import { ensureError, HoldfastError, viewOf } from '../../src/base/index.ts';
import {
  decodeOp,
  FRAME_HEADER_BYTES,
  FrameReader,
  MAX_OP_BYTES,
} from '../../src/recoverylog/testing/index.ts';
import type { Category } from './category.ts';
import { hex } from './forms.ts';
import { isOutOfRange, same } from './tally.ts';

const NEWLINE = 0x0a;

const step = z.strictObject({
  kind: z.enum(['frame', 'desync', 'eof', 'error']),
  len: z.int().min(0),
  hex: hex.optional(),
  payloadError: z.string().optional(),
  error: z.string().optional(),
  data: z.int().min(0).optional(),
});
const streamForm = z.strictObject({
  note: z.string(),
  bufferSize: z.int().positive(),
  chunk: z.int().min(0),
  contentHex: hex,
  contentLen: z.int().min(0),
  steps: z.array(step),
});
type Stream = z.infer<typeof streamForm>;

/** What a stream holds, by offsets. `unfinished`: an operation, or the beginning of one, that the end has cut off. */
type Found =
  | readonly ['op' | 'desync' | 'refused', number, number]
  | readonly ['unfinished', number]
  | readonly ['end'];

/** The original's steps in these terms. */
function wanted(stream: Stream): Found[] {
  const { contentHex: content } = stream;
  const found: Found[] = [];
  let at = 0;
  for (const { kind, len, hex: bytes, payloadError, data = 0 } of stream.steps) {
    if (bytes) same(`bytes at ${at}`, content.subarray(at, at + bytes.length), bytes);
    const end = at + len + data;
    if (kind === 'desync') found.push(['desync', at, end]);
    else if (kind === 'eof') return [...found, ['end']];
    else if (kind === 'error') return [...found, at < content.length ? ['unfinished', at] : ['end']];
    else if (payloadError !== undefined) found.push(['refused', at, end]);
    else {
      const length = dataLength(content.subarray(at + FRAME_HEADER_BYTES, at + len));
      if (length === 'refused') found.push(['refused', at, end]);
      else if (length !== data) return [...found, ['unfinished', at]];
      else found.push(['op', at, end]);
    }
    at = end;
  }
  return found;
}

/** Bytes of data that follow an operation; those with numbers out of range are refused. */
function dataLength(payload: Uint8Array): number | 'refused' {
  try {
    return decodeOp(payload).write?.length ?? 0;
  } catch (error) {
    if (isOutOfRange(error)) return 'refused';
    throw error;
  }
}

/** What our reader finds. After an operation that it refuses it goes on where the original did. */
function read(stream: Stream, resumeAt: ReadonlyMap<number, number>): Found[] {
  const { contentHex: content, chunk, bufferSize } = stream;
  const found: Found[] = [];
  let reader = new FrameReader('a/log', 0);
  let pushed = 0;
  for (;;) {
    let frame: ReturnType<FrameReader['next']>;
    try {
      frame = reader.next();
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw ensureError(error);
      const at = reader.offset;
      const end = resumeAt.get(at);
      if (end === undefined)
        return [...found, lengthAt(content, at) > MAX_OP_BYTES ? ['unfinished', at] : ['refused', at, -1]];
      found.push(['refused', at, end]);
      reader = new FrameReader('a/log', end);
      reader.push(content.subarray(end, pushed));
      pushed = Math.max(pushed, end);
      continue;
    }
    if (frame) {
      found.push([frame.kind, frame.firstOffset, frame.lastOffset]);
      continue;
    }
    if (pushed === content.length) break;
    const room = reader.pending < bufferSize ? bufferSize - reader.pending : bufferSize;
    const next = Math.min(pushed + Math.min(chunk === 0 ? room : chunk, room), content.length);
    reader.push(content.subarray(pushed, next));
    pushed = next;
  }
  const newline = reader.pending === 1 && content.at(-1) === NEWLINE; // a single one at the end is the original's, too
  return [...found, reader.pending === 0 || newline ? ['end'] : ['unfinished', reader.offset]];
}

function lengthAt(content: Uint8Array, at: number): number {
  return viewOf(content).getUint32(at + 4, true);
}

export const streamDecode: Category = {
  name: 'stream-decode',
  run: (source, tally) =>
    source.eachRow('frames/stream-decode.jsonl', streamForm, tally, (row) => {
      same('length', row.contentHex.length, row.contentLen);
      const steps = wanted(row);
      const resumeAt = new Map(steps.flatMap((each) => (each[0] === 'refused' ? [[each[1], each[2]]] : [])));
      same(`"${row.note}"`, read(row, resumeAt), steps);
    }),
};
