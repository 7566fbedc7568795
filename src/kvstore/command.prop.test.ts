import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromHex, toHex, utf8 } from '../base/index.ts';
import { checkCommand, decodeCommand, encodeCommand, type Command } from './command.ts';
import { KvFormatError } from './errors.ts';
import { MAX_BATCH_PAIRS, MAX_KEY_BYTES, MAX_VALUE_BYTES } from './limits.ts';

const key = fc.uint8Array({ minLength: 1, maxLength: 40 });
const value = fc.uint8Array({ maxLength: 300 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    pairs: fc.array(fc.record({ key, value }), { minLength: 1, maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({
    kind: fc.constant('cas' as const),
    key,
    expected: fc.option(value, { nil: undefined }),
    value,
  }),
);

describe('command codec', () => {
  test('every command comes back as it was (D1)', () => {
    fc.assert(fc.property(command, (c) => expect(decodeCommand(encodeCommand(c))).toEqual(c)));
  });

  test('whatever bytes are accepted have one meaning and one encoding, and keep the limits (D1, D2)', () => {
    const mutated = fc.record({ c: command, at: fc.nat(), to: fc.nat(255) }).map(({ c, at, to }) => {
      const bytes = encodeCommand(c);
      bytes[at % Math.min(bytes.length, 12)] = to;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        let decoded: Command;
        try {
          decoded = decodeCommand(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(KvFormatError);
          return;
        }
        expect(toHex(encodeCommand(decoded))).toBe(toHex(bytes));
        expect(checkCommand(decoded)).toBe(decoded);
      }),
      { numRuns: 2000 },
    );
  });

  test('every cut of a command is refused', () => {
    fc.assert(
      fc.property(command, (c) => {
        const bytes = encodeCommand(c);
        for (let end = 0; end < bytes.length; end++)
          expect(() => decodeCommand(bytes.subarray(0, end))).toThrow(KvFormatError);
      }),
      { numRuns: 50 },
    );
  });

  test('the bytes are fixed: a log written today is read by every later version', () => {
    const put: Command = {
      kind: 'put',
      pairs: [
        { key: utf8('a'), value: utf8('1') },
        { key: utf8('b'), value: new Uint8Array() },
      ],
    };
    expect(toHex(encodeCommand(put))).toBe('01010201610131016200');
    expect(toHex(encodeCommand({ kind: 'delete', key: utf8('ab') }))).toBe('0102026162');
    expect(toHex(encodeCommand({ kind: 'cas', key: utf8('a'), expected: undefined, value: utf8('x') }))).toBe(
      '01030161000178',
    );
    expect(
      toHex(encodeCommand({ kind: 'cas', key: utf8('a'), expected: new Uint8Array(), value: utf8('x') })),
    ).toBe('0103016101000178');
  });

  test.each([
    ['another version', '0202026162'],
    ['an unknown kind', '0109026162'],
    ['a byte too many', '010202616200'],
    ['an empty key', '010200'],
    ['a batch of nothing', '010100'],
    ['a length longer than needed', '010282006162'],
    ['an expectation that is neither absent nor value', '01030161020178'],
    ['a length beyond 32 bits', '0102ffffffffff01'],
  ])('%s is refused', (_, hex) => {
    expect(() => decodeCommand(fromHex(hex))).toThrow(KvFormatError);
  });
});

describe('limits of a command that a client sends', () => {
  const put = (...pairs: [number, number][]): Command => ({
    kind: 'put',
    pairs: pairs.map(([k, v]) => ({ key: new Uint8Array(k), value: new Uint8Array(v) })),
  });
  test.each<[string, Command, string | undefined]>([
    ['the longest key and value', put([MAX_KEY_BYTES, MAX_VALUE_BYTES]), undefined],
    ['an empty value', put([1, 0]), undefined],
    ['an empty key', put([0, 1]), 'INVALID_KEY'],
    ['a key too long', put([MAX_KEY_BYTES + 1, 1]), 'INVALID_KEY'],
    ['a value too long', put([1, MAX_VALUE_BYTES + 1]), 'TOO_LARGE'],
    ['a batch of nothing', put(), 'INVALID_BODY'],
    [
      'too many pairs',
      put(...Array.from({ length: MAX_BATCH_PAIRS + 1 }, (): [number, number] => [1, 0])),
      'INVALID_BODY',
    ],
    ['a batch too large together', put([1, MAX_VALUE_BYTES], [1, MAX_VALUE_BYTES]), 'TOO_LARGE'],
    ['a delete of no key', { kind: 'delete', key: new Uint8Array() }, 'INVALID_KEY'],
    [
      'a new value too long',
      {
        kind: 'cas',
        key: utf8('k'),
        expected: undefined,
        value: new Uint8Array(MAX_VALUE_BYTES + 1),
      },
      'TOO_LARGE',
    ],
  ])('%s', (_, candidate, code) => {
    if (code === undefined) expect(decodeCommand(encodeCommand(checkCommand(candidate)))).toEqual(candidate);
    else expect(() => checkCommand(candidate)).toThrow(expect.objectContaining({ code }));
  });
});
