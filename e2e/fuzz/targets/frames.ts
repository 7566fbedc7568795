/**
 * The frame reader: however the bytes come, the same operations at the same places, and every byte is accounted for.
 */
import { z } from 'zod';
import { concatBytes, toHex, type HoldfastError } from '../../../src/base/index.ts';
import type { SeededRandom } from '../../../src/base/testing/index.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FrameReader } from '../../../src/recoverylog/testing/index.ts';
import { hex } from '../../vectors/forms.ts';
import { goldenInputs } from '../corpus.ts';
import { equal, kindOf, tried, type Target } from '../target.ts';

interface Read {
  /**
   * Operations and desyncs. Neighbouring desyncs are one, and one that reaches to the last bytes has no end: their pieces, and how many bytes may still be the
   * beginning of a frame, depend on how the bytes come.
   */
  readonly found: readonly string[];
  readonly end: number;
  readonly refused: HoldfastError | undefined;
}

function read(input: Uint8Array, chunks: () => number): Read {
  const reader = new FrameReader('a/log', 0);
  const found: string[] = [];
  let desyncFrom: number | undefined;
  let at = 0;
  let last = 0;
  for (;;) {
    const next = tried(() => reader.next());
    if ('refused' in next) return { found, end: reader.offset, refused: next.refused };
    const frame = next.value;
    if (frame) {
      equal('places follow each other', frame.firstOffset, last);
      last = frame.lastOffset;
      if (frame.kind === 'desync') {
        if (desyncFrom !== undefined) found.pop();
        desyncFrom ??= frame.firstOffset;
        found.push(`desync ${desyncFrom} ${frame.lastOffset}`);
        continue;
      }
      desyncFrom = undefined;
      const again = new FrameReader('a/log', frame.firstOffset);
      again.push(concatBytes([encodeFrame(frame.op).frame, frame.data]));
      const back = again.next();
      equal('an operation that was read and is written', back?.kind === 'op' && back.op, frame.op);
      equal(
        'its payload',
        toHex(
          input.subarray(
            frame.firstOffset + FRAME_HEADER_BYTES,
            frame.firstOffset + FRAME_HEADER_BYTES + frame.payload.length,
          ),
        ),
        toHex(frame.payload),
      );
      found.push(
        `op ${frame.firstOffset} ${frame.lastOffset} ${JSON.stringify(frame.op)} ${frame.data.length}`,
      );
      continue;
    }
    if (at >= input.length) break;
    const length = Math.max(1, chunks());
    reader.push(input.subarray(at, at + length));
    at += length;
  }
  equal('bytes accounted for', reader.offset + reader.pending, input.length);
  if (desyncFrom === undefined || reader.pending >= FRAME_HEADER_BYTES)
    return { found, end: reader.offset, refused: undefined };
  return { found: [...found.slice(0, -1), `desync ${desyncFrom}`], end: input.length, refused: undefined };
}

export const frames: Target = {
  name: 'frames',
  corpus: async () => [
    ...(await goldenInputs('frames/frames.jsonl', z.object({ frameHex: hex }), (row) => [row.frameHex])),
    ...(await goldenInputs('frames/stream-decode.jsonl', z.object({ contentHex: hex }), (row) => [
      row.contentHex,
    ])),
  ],
  check: (input, random: SeededRandom) => {
    const whole = read(input, () => input.length);
    const pieces = read(input, () => random.below(random.chance(0.5) ? 4 : 300));
    equal('in pieces', pieces.found, whole.found);
    equal('end in pieces', [pieces.end, pieces.refused?.message], [whole.end, whole.refused?.message]);
    if (whole.refused) return `${whole.found.length > 0} ${kindOf(whole.refused)}`;
    const kinds = whole.found.map((each) => each.split(' ')[0]!.slice(0, 1));
    return `${kinds.slice(0, 6).join('')} ${whole.end < input.length}`;
  },
};
