/**
 * Stored hints, JSON and protobuf: what is taken comes back from either form.
 */
import { z } from 'zod';
import { toHex } from '../../../src/base/index.ts';
import {
  encodeHintsJson,
  encodeHintsProtobuf,
  Fsm,
  parseHints,
} from '../../../src/recoverylog/testing/index.ts';
import { hex } from '../../vectors/forms.ts';
import { goldenInputs } from '../corpus.ts';
import { equal, kindOf, tried, type Target } from '../target.ts';

const OPEN_BRACE = 0x7b;

export const hints: Target = {
  name: 'hints',
  corpus: () =>
    goldenInputs(
      'segments/hints-decode.jsonl',
      z.object({ valueHex: hex, decoded: z.object({ pbHex: hex }).optional() }),
      (row) => [row.valueHex, ...(row.decoded ? [row.decoded.pbHex] : [])],
    ),
  check: (input) => {
    const form = input[0] === OPEN_BRACE ? 'json' : 'protobuf';
    const first = tried(() => parseHints(input));
    if ('refused' in first) return `${form} ${kindOf(first.refused)}`;
    const taken = first.value;
    const json = encodeHintsJson(taken);
    const binary = encodeHintsProtobuf(taken);
    equal('from JSON again', parseHints(json), taken);
    equal('from protobuf again', parseHints(binary), taken);
    equal('in JSON again', toHex(encodeHintsJson(parseHints(binary))), toHex(json));
    equal('where a replay begins', new Fsm(taken).nextSeqNo, new Fsm(parseHints(json)).nextSeqNo);
    return `${form} ${taken.liveNodes.length} ${taken.properties.length}`;
  },
};
