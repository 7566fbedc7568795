import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromHex, toHex, utf8 } from '../base/index.ts';
import {
  checkCommand,
  commandDigest,
  decodeCommand,
  encodeCommand,
  type AnyCommand,
  type Command,
  type StampedCommand,
} from './command.ts';
import { KvFormatError } from './errors.ts';
import { MAX_BATCH_PAIRS, MAX_KEY_BYTES, MAX_VALUE_BYTES } from './limits.ts';

const key = fc.uint8Array({ minLength: 1, maxLength: 40 });
const value = fc.uint8Array({ maxLength: 300 });
const moment = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.maxSafeInteger().map((n) => Math.abs(n) + 0 || 1),
);
const expiry = fc.oneof(
  fc.constant({}),
  moment.map((expiresAt) => ({ expiresAt })),
);
const timed = <T extends object>(
  arbitrary: fc.Arbitrary<T>,
): fc.Arbitrary<T & { readonly expiresAt?: number }> =>
  fc.tuple(arbitrary, expiry).map(([thing, when]) => ({ ...thing, ...when }));
const pairs = fc.array(timed(fc.record({ key, value })), { minLength: 1, maxLength: 8 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), pairs }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  timed(
    fc.record({
      kind: fc.constant('cas' as const),
      key,
      expected: fc.option(value, { nil: undefined }),
      value,
    }),
  ),
);
const id = fc.uint8Array({ minLength: 1, maxLength: 64 });
const step: fc.Arbitrary<AnyCommand> = fc.oneof(
  fc.record({ kind: fc.constant('begin-replace' as const), id }),
  fc.record({ kind: fc.constant('replace-part' as const), id, part: fc.nat(), pairs }),
  fc.record({ kind: fc.constant('commit-replace' as const), id, pairs: fc.nat() }),
  fc.record({ kind: fc.constant('abort-replace' as const), id }),
);
const stamped: fc.Arbitrary<StampedCommand> = fc.record({
  now: fc.maxSafeInteger().map(Math.abs),
  command: fc.oneof(command, step),
});
/** What version 1 can say. */
const untimed: fc.Arbitrary<StampedCommand> = command
  .map((c): Command => {
    if (c.kind === 'delete') return c;
    if (c.kind === 'put')
      return { ...c, pairs: c.pairs.map(({ key: k, value: v }) => ({ key: k, value: v })) };
    return { kind: 'cas', key: c.key, expected: c.expected, value: c.value };
  })
  .map((c) => ({ now: undefined, command: c }));
const any = fc.oneof(stamped, untimed);
const bytesOf = (c: StampedCommand): Uint8Array => encodeCommand(c.command, c.now);

describe('command codec', () => {
  test('every command comes back as it was, with its time (D1)', () => {
    fc.assert(fc.property(any, (c) => expect(decodeCommand(bytesOf(c))).toEqual(c)));
  });

  test('whatever bytes are accepted have one meaning and one encoding, and keep the limits (D1, D2)', () => {
    const mutated = fc
      .record({ c: any, at: fc.nat(), to: fc.nat(255), fromEnd: fc.boolean() })
      .map(({ c, at, to, fromEnd }) => {
        const bytes = bytesOf(c);
        const place = at % Math.min(bytes.length, 12);
        bytes[fromEnd ? bytes.length - 1 - place : place] = to;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        let decoded: StampedCommand;
        try {
          decoded = decodeCommand(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(KvFormatError);
          return;
        }
        expect(toHex(bytesOf(decoded))).toBe(toHex(bytes));
        const { command: c } = decoded;
        if (c.kind === 'put' || c.kind === 'delete' || c.kind === 'cas') expect(checkCommand(c)).toBe(c);
      }),
      { numRuns: 2000 },
    );
  });

  test('the digest of a request is the same whenever it is made, and another one for another request (D4)', () => {
    const withoutTimes = (c: Command): StampedCommand['command'] => {
      if (c.kind === 'delete') return c;
      if (c.kind === 'cas') return { kind: 'cas', key: c.key, expected: c.expected, value: c.value };
      return { ...c, pairs: c.pairs.map(({ key: k, value: v }) => ({ key: k, value: v })) };
    };
    fc.assert(
      fc.property(command, command, fc.nat(), (a, b, now) => {
        const first = commandDigest(encodeCommand(withoutTimes(a)));
        expect(commandDigest(encodeCommand(a, now))).toEqual(first);
        const same = toHex(encodeCommand(withoutTimes(a))) === toHex(encodeCommand(withoutTimes(b)));
        expect(toHex(commandDigest(encodeCommand(b, now))) === toHex(first)).toBe(same);
      }),
    );
  });

  test('every cut of a command is refused', () => {
    fc.assert(
      fc.property(any, (c) => {
        const bytes = bytesOf(c);
        for (let end = 0; end < bytes.length; end++)
          expect(() => decodeCommand(bytes.subarray(0, end))).toThrow(KvFormatError);
      }),
      { numRuns: 15 },
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
    ['another version', '0302026162'],
    ['a time too few', '0202026162'],
    ['a step of a replacement in version 1', '01040169'],
    ['times that say nothing', '02010101610131010100'],
    ['times that are marked neither so nor so', '020101016101310102'],
    ['a time beyond 2^53-1', '0202026162ffffffffffffff7f'],
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
    [
      'an expiry that is no moment',
      { kind: 'put', pairs: [{ key: utf8('k'), value: utf8('v'), expiresAt: 1.5 }] },
      'INVALID_BODY',
    ],
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
    if (code === undefined) {
      const bytes = encodeCommand(checkCommand(candidate), 7);
      const { now, command: decoded } = decodeCommand(bytes);
      expect([now, Buffer.compare(encodeCommand(decoded, now), bytes)]).toEqual([7, 0]);
    } else expect(() => checkCommand(candidate)).toThrow(expect.objectContaining({ code }));
  });
});
