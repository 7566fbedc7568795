/**
 * Operations in protobuf: what is taken comes back, and its canonical form is a fixed point.
 */
import { z } from 'zod';
import { toHex } from '../../../src/base/index.ts';
import { decodeOp, encodeOp } from '../../../src/recoverylog/testing/index.ts';
import { hex, present } from '../../vectors/forms.ts';
import { goldenInputs } from '../corpus.ts';
import { equal, kindOf, tried, type Target } from '../target.ts';

const payloads = z.object({ payloadHex: hex });

export const op: Target = {
  name: 'op',
  corpus: async () => [
    ...(await goldenInputs('frames/frames.jsonl', payloads, (row) => [row.payloadHex])),
    ...(await goldenInputs('frames/payload-decode.jsonl', payloads, (row) => [row.payloadHex])),
  ],
  check: (input) => {
    const first = tried(() => decodeOp(input));
    if ('refused' in first) return kindOf(first.refused);
    const canonical = encodeOp(first.value);
    equal('decoded again', decodeOp(canonical), first.value);
    equal('encoded again', toHex(encodeOp(decodeOp(canonical))), toHex(canonical));
    return Object.keys(present(first.value)).join(' ');
  },
};
