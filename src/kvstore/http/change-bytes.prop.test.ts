import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toHex } from '../../base/index.ts';
import { type ChangeRecord, type Operation } from '../engine/types.ts';
import { changesFromBytes, changesToBytes, type ChangesReply } from './change-bytes.ts';

const number = fc.maxSafeNat();
const key = fc.uint8Array({ minLength: 1, maxLength: 12 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({
    kind: fc.constant('put' as const),
    key,
    value: fc.uint8Array({ maxLength: 20 }),
    expiresAt: number,
  }),
);
const change: fc.Arbitrary<ChangeRecord> = fc.record({
  number,
  previous: number,
  now: number,
  history: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex),
  operations: fc.array(operation, { maxLength: 4 }),
});
const reply: fc.Arbitrary<ChangesReply> = fc.record({
  role: fc.constantFrom('primary', 'standby', 'replica'),
  latest: number,
  changes: fc.array(change, { maxLength: 5 }),
});

describe('changes as bytes', () => {
  test('come back as they were (V1)', () => {
    fc.assert(fc.property(reply, (one) => expect(changesFromBytes(changesToBytes(one))).toEqual(one)));
  });

  test('that were cut or changed anywhere are refused whole (V1)', () => {
    const whole = changesToBytes({
      role: 'standby',
      latest: 300,
      changes: [
        {
          number: 7,
          previous: 5,
          now: 1_750_000_000_000,
          history: '0123456789abcdef'.repeat(2),
          operations: [
            { kind: 'put', key: Uint8Array.of(1, 2), value: Uint8Array.of(3), expiresAt: 9 },
            { kind: 'delete', key: Uint8Array.of(0) },
          ],
        },
      ],
    });
    const refused = expect.objectContaining({ code: 'KV_FORMAT' });
    for (let cut = 0; cut < whole.length; cut++)
      expect(() => changesFromBytes(whole.subarray(0, cut))).toThrow(refused);
    for (let at = 0; at < whole.length; at++)
      for (const bit of [1, 0x80]) {
        const changed = whole.slice();
        changed[at]! ^= bit;
        expect(() => changesFromBytes(changed)).toThrow(refused);
      }
  });
});
