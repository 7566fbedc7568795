/**
 * Commands of all kinds over few keys, so that they meet each other.
 */
import fc from 'fast-check';
import { utf8 } from '../../../base/index.ts';
import { encodeCommand, type AnyCommand } from '../../command.ts';
import { cas, del, pair, put } from './world.ts';

const key = fc.constantFrom('a', 'b', 'c', 'ba', 'bb');
const value = fc.constantFrom('', 'x', 'y', 'a longer value');
const expiresAt = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined });
const id = utf8('r');
const command: fc.Arbitrary<AnyCommand> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .array(fc.tuple(key, value, expiresAt), { minLength: 1, maxLength: 4 })
      .map((pairs) =>
        put(...pairs.map(([k, v, e]): [string, string, number?] => (e === undefined ? [k, v] : [k, v, e]))),
      ),
  },
  { weight: 3, arbitrary: key.map(del) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(key, fc.option(value, { nil: undefined }), value, expiresAt)
      .map(([k, from, to, e]) => cas(k, from, to, e)),
  },
  { weight: 1, arbitrary: fc.constant<AnyCommand>({ kind: 'begin-replace', id }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(1), key, value)
      .map(([part, k, v]): AnyCommand => ({ kind: 'replace-part', id, part, pairs: [pair(k, v)] })),
  },
  { weight: 2, arbitrary: fc.nat(2).map((pairs): AnyCommand => ({ kind: 'commit-replace', id, pairs })) },
  { weight: 1, arbitrary: fc.constant<AnyCommand>({ kind: 'abort-replace', id }) },
);

/** Any command, with any time. */
export const encodedCommand: fc.Arbitrary<Uint8Array> = fc
  .tuple(command, fc.integer({ min: 0, max: 50 }))
  .map(([c, now]) => encodeCommand(c, now));
