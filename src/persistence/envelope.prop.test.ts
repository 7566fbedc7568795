import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toHex, utf8 } from '../base/index.ts';
import { decodeEnvelope, encodeEnvelope, type Body, type Envelope } from './envelope.ts';
import { CorruptError } from './errors.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((each) => new TextEncoder().encode(each));
const bytes = fc.uint8Array({ maxLength: 60 });
const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const envelope: fc.Arbitrary<Envelope> = fc.record({
  term: fc.nat(),
  revision: fc.integer({ min: 1 }),
  writer: fc.string(),
  writtenAt: fc.string(),
  body: fc.oneof(
    fc.oneof(bytes, text).map((value): Body => ({ kind: 'plain', value })),
    bytes.map((packed): Body => ({ kind: 'gzip', packed })),
    fc
      .record({ object: fc.string({ minLength: 1 }), sha256, bytes: fc.nat() })
      .map((pointer): Body => ({ kind: 'object', pointer })),
  ),
});

/** Comparable by value. */
function shown({ body, ...rest }: Envelope): unknown {
  if (body.kind === 'plain') return { ...rest, plain: [...body.value] };
  return body.kind === 'gzip' ? { ...rest, gzip: [...body.packed] } : { ...rest, ...body };
}

test('what goes in comes out', () => {
  fc.assert(
    fc.property(envelope, (each) => {
      const back = decodeEnvelope('id', encodeEnvelope(each));
      expect(shown(back)).toEqual(shown(each));
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
          expect(shown(back)).toEqual(shown(each));
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('one flipped bit, wherever it is, is damage or means the same; so is the text cut anywhere', () => {
  const plain = (value: Uint8Array): Body => ({ kind: 'plain', value });
  const bodies: readonly Body[] = [
    plain(utf8('{"log":"a/b","liveNodes":[{"fnode":7}]}')),
    plain(Uint8Array.of(0xff, 0, 0x80)),
    plain(utf8('')),
    { kind: 'gzip', packed: Uint8Array.of(0x1f, 0x8b, 0, 7) },
    { kind: 'object', pointer: { object: 'a/b', sha256: '0123456789abcdef'.repeat(4), bytes: 77 } },
  ];
  for (const body of bodies) {
    const each: Envelope = { term: 12, revision: 3, writer: 'pod-0/ab', writtenAt: '2026-01-01', body };
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
        expect(shown(back)).toEqual(shown(each));
      } catch (error) {
        if (!(error instanceof CorruptError)) throw error;
        corrupt++;
      }
    }
    expect(corrupt).toBeGreaterThan((damaged.length + cut.length) * 0.9); // most of it is seen as what it is
  }
});
