import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  operationsFromBytes,
  bulkOf,
  operationToBytes,
  outcomesFromBytes,
  outcomesToBytes,
  type BulkExpiry,
  type BulkOperation,
  type BulkOutcome,
} from './bulk-bytes.ts';
import { type IdempotencyKey } from './identity.ts';

const number = fc.maxSafeNat();
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const some = fc.uint8Array({ maxLength: 20 });
const expiry: fc.Arbitrary<BulkExpiry> = fc.oneof(
  fc.constant({ kind: 'never' as const }),
  fc.record({ kind: fc.constant('at' as const), expiresAt: number }),
  fc.record({ kind: fc.constant('after' as const), ttlMs: number }),
);
const identity: fc.Arbitrary<IdempotencyKey> = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  fc.record({ kind: fc.constant('request' as const), requestId: fc.string() }),
  fc.record({ kind: fc.constant('session' as const), clientId: u64, series: u64, respondedTo: u64 }),
);
const operation: fc.Arbitrary<BulkOperation> = fc.oneof(
  fc.record({
    kind: fc.constant('get' as const),
    key: some,
    consistency: fc.constantFrom('linearizable' as const, 'stale' as const),
  }),
  fc.record({ kind: fc.constant('put' as const), key: some, value: some, expiry, identity }),
  fc.record({ kind: fc.constant('delete' as const), key: some, identity }),
  fc.record({
    kind: fc.constant('cas' as const),
    key: some,
    expected: fc.option(some, { nil: undefined }),
    value: some,
    expiry,
    identity,
  }),
);
const position = { appliedIndex: number, lagBytes: fc.option(fc.nat(), { nil: undefined }) };
const outcome: fc.Arbitrary<BulkOutcome> = fc.oneof(
  fc.record({ kind: fc.constant('done' as const), result: fc.nat() }),
  fc.record({
    kind: fc.constant('value' as const),
    value: some,
    expiresAt: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
    ...position,
  }),
  fc.record({ kind: fc.constant('absent' as const), ...position }),
  fc.record({
    kind: fc.constant('refused' as const),
    status: fc.integer({ min: 400, max: 599 }),
    primary: fc.option(fc.webUrl(), { nil: undefined }),
    body: fc.record({ code: fc.string(), message: fc.string() }),
  }),
  fc.constant({ kind: 'later' as const }),
);

const operationsToBytes = (all: readonly BulkOperation[]): Uint8Array => bulkOf(all.map(operationToBytes));

describe.each([
  ['operations', operation, operationsToBytes, operationsFromBytes],
  ['outcomes', outcome, outcomesToBytes, outcomesFromBytes],
] as [
  string,
  fc.Arbitrary<unknown>,
  (all: readonly never[]) => Uint8Array,
  (bytes: Uint8Array) => unknown,
][])('%s of a bulk as bytes', (_name, one, toBytes, fromBytes) => {
  test('come back as they were (Y1)', () => {
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (all) =>
        expect(fromBytes(toBytes(all as never[]))).toEqual(all),
      ),
    );
  });

  test('that are cut, go on too long or are of no such kind are refused whole (Y1)', () => {
    const refused = expect.objectContaining({ code: 'KV_FORMAT' });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), fc.nat(), (all, at) => {
        const whole = toBytes(all as never[]);
        expect(() => fromBytes(whole.subarray(0, at % whole.length))).toThrow(refused);
        expect(() => fromBytes(Uint8Array.of(...whole, 0))).toThrow(refused);
      }),
    );
    expect(() => fromBytes(Uint8Array.of(2, 0))).toThrow(refused);
    expect(() => fromBytes(Uint8Array.of(1, 1, 9))).toThrow(refused);
  });
});
