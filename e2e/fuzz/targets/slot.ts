/**
 * Slots: what is taken is a slot that could have been written, byte for byte but for bits that this version gives no meaning.
 */
import { crc32c, toHex, utf8, viewOf } from '../../../src/base/index.ts';
import {
  decodeSlot,
  decodeSlotHead,
  encodeIndex,
  encodeSlot,
  HEADER_BYTES,
  SLOT_HEAD_BYTES,
  type Slot,
} from '../../../src/journal/testing/index.ts';
import { equal, kindOf, tried, type Target } from '../target.ts';
import { SAMPLE_INDEXES } from './compaction-index.ts';

const PUT_ID = new Uint8Array(16).fill(7);
const BASE: Slot = {
  kind: 'data',
  codec: 'raw',
  leap: false,
  seq: 5,
  begin: 1000,
  end: 1007,
  session: 2,
  author: 1234,
  putId: PUT_ID,
  previousPutId: new Uint8Array(16),
  checkpoint: undefined,
  registers: {},
  payload: utf8('content'),
};
const NONE = { payload: new Uint8Array(0), end: 1000 };
const SAMPLES: readonly Slot[] = [
  BASE,
  { ...BASE, codec: 'zstd', end: 5000, checkpoint: 3 },
  { ...BASE, ...NONE, kind: 'fence', session: 5, registers: { author: '16i', term: '7' } },
  {
    ...BASE,
    ...NONE,
    kind: 'fence',
    leap: true,
    session: 5,
    registers: { author: '3vvvvvv', term: '8', by: 'x' },
  },
  { ...BASE, ...NONE, kind: 'filler', seq: 2 ** 40, begin: 0, end: 0 },
  ...SAMPLE_INDEXES.map((index): Slot => ({
    ...BASE,
    ...NONE,
    kind: 'checkpoint',
    registers: { author: '1', term: '1' },
    payload: encodeIndex(index),
  })),
];

/** Both checksums, as the header's lengths have it. */
function repair(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES) return;
  const view = viewOf(bytes);
  const registersEnd = HEADER_BYTES + view.getUint32(44, true);
  if (registersEnd > bytes.length) return;
  view.setUint32(88, bytes.length - registersEnd, true);
  view.setUint32(92, crc32c(bytes.subarray(registersEnd)), true);
  view.setUint32(
    124,
    crc32c(bytes.subarray(HEADER_BYTES, registersEnd), crc32c(bytes.subarray(0, 124))),
    true,
  );
}

export const slot: Target = {
  name: 'slot',
  corpus: async () => SAMPLES.map(encodeSlot),
  repair,
  check: (input) => {
    const head = tried(() => decodeSlotHead(input.subarray(0, SLOT_HEAD_BYTES), 'here'));
    if ('refused' in head) {
      equal('whole, when the head is refused', 'refused' in tried(() => decodeSlot(input, 0, 'here')), true);
      return kindOf(head.refused);
    }
    const { payloadLength, payloadCrc, ...header } = head.value;
    const whole = tried(() => decodeSlot(input, header.seq, 'here'));
    if ('refused' in whole) return kindOf(whole.refused);
    const { payload, ...rest } = whole.value;
    equal('head of the whole', rest, header);
    equal('payload', [payload.length, crc32c(payload)], [payloadLength, payloadCrc]);
    let written: Uint8Array;
    try {
      written = encodeSlot(whole.value);
    } catch {
      return `${header.kind} that is not written so`; // the encoder asks for more than the bytes can tell
    }
    equal('written and read again', toDigits(decodeSlot(written, header.seq, 'here')), toDigits(whole.value));
    return `${header.kind} ${header.codec} ${header.leap} ${Object.keys(header.registers).length}`;
  },
};

function toDigits({ payload, putId, previousPutId, ...rest }: Slot): unknown {
  return { ...rest, payload: toHex(payload), putId: toHex(putId), previousPutId: toHex(previousPutId) };
}
