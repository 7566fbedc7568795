import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toHex } from '../../base/index.ts';
import { CorruptSlotError } from '../errors.ts';
import { decodeSlot, decodeSlotHead, encodeSlot, SLOT_HEAD_BYTES, type Slot } from './slot.ts';

const putId = fc.uint8Array({ minLength: 16, maxLength: 16 });
const position = fc.integer({ min: 1, max: 2 ** 50 });
const registers = fc.dictionary(
  fc.stringMatching(/^[a-z][a-z0-9._/-]{0,12}$/),
  fc.stringMatching(/^[ -~]{0,20}$/),
  { maxKeys: 6 },
);

const slots: fc.Arbitrary<Slot> = fc
  .record({
    seq: position,
    begin: position,
    back: fc.nat(1000),
    author: fc.nat(2 ** 32 - 1),
    putId,
    previousPutId: putId,
    payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    registers,
    kind: fc.constantFrom('data', 'fence', 'filler', 'checkpoint'),
    leap: fc.boolean(),
    checkpoint: fc.option(fc.nat(1000), { nil: undefined }),
  })
  .map(({ back, payload, kind, registers: set, ...rest }) => {
    const data = kind === 'data';
    const carriesRegisters = kind === 'fence' || kind === 'checkpoint';
    return {
      ...rest,
      kind,
      codec: 'raw' as const,
      end: rest.begin + (data ? payload.length : 0),
      session: kind === 'fence' ? rest.seq : Math.max(0, rest.seq - 1 - back),
      registers: carriesRegisters ? set : {},
      payload: kind === 'fence' || kind === 'filler' ? new Uint8Array(0) : payload,
    };
  });

describe('slot bytes', () => {
  test('come back as they went in, and the head alone tells everything but the payload', () => {
    fc.assert(
      fc.property(slots, (slot) => {
        const bytes = encodeSlot(slot);
        const { payload, ...header } = decodeSlot(bytes, slot.seq, 'here');
        expect({ ...header, payload: toHex(payload) }).toEqual({ ...slot, payload: toHex(slot.payload) });
        expect(decodeSlotHead(bytes.subarray(0, SLOT_HEAD_BYTES), 'here')).toMatchObject(header);
      }),
    );
  });

  test('with any one byte changed are refused, never read as something else', () => {
    fc.assert(
      fc.property(slots, fc.nat(), fc.integer({ min: 1, max: 255 }), (slot, at, flip) => {
        const bytes = encodeSlot(slot);
        bytes[at % bytes.length]! ^= flip;
        expect(() => decodeSlot(bytes, slot.seq, 'here')).toThrow(CorruptSlotError);
      }),
    );
  });

  test('cut anywhere, or with something appended, are refused', () => {
    fc.assert(
      fc.property(slots, fc.nat(), (slot, at) => {
        const bytes = encodeSlot(slot);
        expect(() => decodeSlot(bytes.subarray(0, at % bytes.length), slot.seq, 'here')).toThrow(
          CorruptSlotError,
        );
        expect(() => decodeSlot(Uint8Array.of(...bytes, 0), slot.seq, 'here')).toThrow(CorruptSlotError);
      }),
    );
  });

  test('of another slot number are refused', () => {
    fc.assert(
      fc.property(slots, (slot) =>
        expect(() => decodeSlot(encodeSlot(slot), slot.seq + 1, 'here')).toThrow(/says it is slot/),
      ),
    );
  });

  test('stay the same for ever: the format is frozen', () => {
    const slot: Slot = {
      kind: 'fence',
      codec: 'raw',
      leap: false,
      seq: 7,
      begin: 4096,
      end: 4096,
      session: 7,
      author: 1234,
      putId: new Uint8Array(16).fill(1),
      previousPutId: new Uint8Array(16).fill(2),
      checkpoint: undefined,
      registers: { term: '3', author: '16i' },
      payload: new Uint8Array(0),
    };
    expect(toHex(encodeSlot(slot))).toBe(
      '4846534c010200000700000000000000001000000000000000100000000000000700000000000000d2040000120000000101010101010101010101010101010102020202020202020202020202020202ffffffffffffffff0000000000000000000000000000000000000000000000000000000000000000000000007f964173617574686f723d3136690a7465726d3d330a',
    );
  });
});
