import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { decodeEnvelope, encodeEnvelope, type Envelope } from './envelope.ts';
import { CorruptError } from './errors.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((each) => new TextEncoder().encode(each));
const envelope: fc.Arbitrary<Envelope> = fc.record({
  term: fc.nat(),
  revision: fc.integer({ min: 1 }),
  writer: fc.string(),
  writtenAt: fc.string(),
  value: fc.oneof(fc.uint8Array({ maxLength: 60 }), text),
});

test('what goes in comes out', () => {
  fc.assert(
    fc.property(envelope, (each) => {
      const back = decodeEnvelope('id', encodeEnvelope(each));
      expect({ ...back, value: [...back.value] }).toEqual({ ...each, value: [...each.value] });
    }),
  );
});

test('a text that was cut or in which a character was changed is damage, or means the same', () => {
  fc.assert(
    fc.property(
      envelope,
      fc.nat(),
      fc.option(fc.constantFrom('0', 'a', '"', '}', '{', ':', ',', 'x', '7'), { nil: undefined }),
      (each, at, by) => {
        const whole = encodeEnvelope(each);
        const index = at % whole.length;
        const changed = whole.slice(0, index) + (by === undefined ? '' : by + whole.slice(index + 1));
        try {
          const back = decodeEnvelope('id', changed);
          expect({ ...back, value: [...back.value] }).toEqual({ ...each, value: [...each.value] });
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('one flipped bit, wherever it is, is damage or means the same; so is the text cut anywhere', () => {
  const values = [utf8('{"log":"a/b","liveNodes":[{"fnode":7}]}'), Uint8Array.of(0xff, 0, 0x80), utf8('')];
  for (const value of values) {
    const each: Envelope = { term: 12, revision: 3, writer: 'pod-0/ab', writtenAt: '2026-01-01', value };
    const whole = Buffer.from(encodeEnvelope(each));
    const damaged = Array.from({ length: whole.length * 8 }, (_, bit) => {
      const copy = Buffer.from(whole);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      return copy;
    });
    const cut = Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length));
    let corrupt = 0;
    for (const bytes of [...damaged, ...cut]) {
      try {
        const back = decodeEnvelope('id', bytes.toString('utf8'));
        expect({ ...back, value: [...back.value] }).toEqual({ ...each, value: [...value] });
      } catch (error) {
        if (!(error instanceof CorruptError)) throw error;
        corrupt++;
      }
    }
    expect(corrupt).toBeGreaterThan((damaged.length + cut.length) * 0.9); // most of it is seen as what it is
  }
});
