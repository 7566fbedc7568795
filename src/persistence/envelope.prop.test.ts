import { expect, test } from '@jest/globals';
import fc from 'fast-check';
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
