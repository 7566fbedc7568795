/**
 * Many operations in one exchange, as bytes: what a client with many callers sends to /v1/bulk instead of a request for each.
 *
 *   operations: u8 version = 1 | varint operations | operation …
 *   operation:  u8 0 get:    key block | u8 consistency (0 linearizable, 1 stale)
 *               u8 1 put:    key block | value block | expiry | identity
 *               u8 2 delete: key block | identity
 *               u8 3 cas:    key block | u8 expects (0 absent, 1 value) | value block when 1 | new value block | expiry | identity
 *   expiry:     u8 0 never | u8 1 number: moment, ms since 1970 | u8 2 number: time to live, ms
 *   identity:   u8 0 none | u8 1 request id block | u8 2 u64 session, u64 series, u64 answered up to
 *
 *   outcomes:   u8 version = 1 | varint outcomes | outcome …, in the order of the operations
 *   outcome:    u8 0 done: varint result | u8 1 value: position, value block, number expiry (0 never) | u8 2 absent: position
 *               u8 3 refused: varint status, block primary's URL or nothing, block the JSON that a request of its own is told | u8 4 later
 *   position:   number applied index | number lag in bytes + 1 (0 unknown)
 *
 * Y1  Decoding what was encoded gives the same; what cannot be an operation refuses the whole. Limits of keys and values are not looked at here: each operation is told
 *     its own mistakes, and no other operation theirs.
 */
import { concatBytes, fromUtf8, utf8 } from '../../base/index.ts';
import { KvError } from '../errors.ts';
import type { Consistency } from '../service.ts';
import { WireReader, WireWriter } from '../wire.ts';
import type { IdempotencyKey } from './identity.ts';

/** When a pair ends to exist (json-commands.ts K1). */
export type BulkExpiry =
  | { readonly kind: 'never' }
  | { readonly kind: 'at'; readonly expiresAt: number }
  | { readonly kind: 'after'; readonly ttlMs: number };

interface Mutation {
  readonly key: Uint8Array;
  readonly identity: IdempotencyKey;
}

export type BulkOperation =
  | { readonly kind: 'get'; readonly key: Uint8Array; readonly consistency: Consistency }
  | ({ readonly kind: 'put'; readonly value: Uint8Array; readonly expiry: BulkExpiry } & Mutation)
  | ({ readonly kind: 'delete' } & Mutation)
  | ({
      readonly kind: 'cas';
      readonly expected: Uint8Array | undefined;
      readonly value: Uint8Array;
      readonly expiry: BulkExpiry;
    } & Mutation);

/** What a read is of. */
export interface ReadPosition {
  readonly appliedIndex: number;
  /** Undefined when the replica does not know. */
  readonly lagBytes: number | undefined;
}

export type BulkOutcome =
  /** A mutation; `result` as the engine gives it: 1 when it deleted or swapped. */
  | { readonly kind: 'done'; readonly result: number }
  | ({
      readonly kind: 'value';
      readonly value: Uint8Array;
      readonly expiresAt: number | undefined;
    } & ReadPosition)
  | ({ readonly kind: 'absent' } & ReadPosition)
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly primary: string | undefined;
      readonly body: Readonly<Record<string, unknown>>;
    }
  /** A read for which this answer has no room: to be asked again. */
  | { readonly kind: 'later' };

const VERSION = 1;
const OPERATIONS = ['get', 'put', 'delete', 'cas'] as const;
const CONSISTENCIES = ['linearizable', 'stale'] as const;
const EXPIRIES = ['never', 'at', 'after'] as const;
const IDENTITIES = ['none', 'request', 'session'] as const;
const OUTCOMES = ['done', 'value', 'absent', 'refused', 'later'] as const;
/** Of any field: the body that holds it has a limit of its own. */
const ANY = 2 ** 31;

/** One operation, as it stands in a bulk. @throws KvError INVALID_BODY, TypeError on what the types forbid, so that it is in no bulk of others */
export function operationToBytes(operation: BulkOperation): Uint8Array {
  const out = new WireWriter().byte(OPERATIONS.indexOf(operation.kind)).block(operation.key);
  if (operation.kind === 'get') {
    const consistency = CONSISTENCIES.indexOf(operation.consistency);
    if (consistency < 0)
      throw new KvError('INVALID_BODY', `A consistency is one of: ${CONSISTENCIES.join(', ')}.`);
    return out.byte(consistency).finish();
  }
  if (operation.kind === 'cas') {
    if (operation.expected) out.byte(1).block(operation.expected);
    else out.byte(0);
  }
  if (operation.kind !== 'delete') expiryTo(out.block(operation.value), operation.expiry);
  identityTo(out, operation.identity);
  return out.finish();
}

/** The bulk of these operations. */
export function bulkOf(operations: readonly Uint8Array[]): Uint8Array {
  const head = new WireWriter().byte(VERSION).varint(operations.length).finish();
  return concatBytes([head, ...operations]);
}

function expiryTo(out: WireWriter, expiry: BulkExpiry): void {
  out.byte(EXPIRIES.indexOf(expiry.kind));
  if (expiry.kind === 'at') out.varint(expiry.expiresAt);
  if (expiry.kind === 'after') out.varint(expiry.ttlMs);
}

function identityTo(out: WireWriter, identity: IdempotencyKey): void {
  out.byte(IDENTITIES.indexOf(identity.kind));
  if (identity.kind === 'request') out.block(utf8(identity.requestId));
  if (identity.kind === 'session') out.u64(identity.clientId).u64(identity.series).u64(identity.respondedTo);
}

/** Keys and values are views into `bytes`. @throws KvFormatError (Y1) */
export function operationsFromBytes(bytes: Uint8Array): readonly BulkOperation[] {
  const input = new WireReader(bytes, 'bulk of operations');
  return listIn(input, () => {
    const kind = oneOf(input, OPERATIONS);
    const key = input.block(0, ANY);
    if (kind === 'get') return { kind, key, consistency: oneOf(input, CONSISTENCIES) };
    if (kind === 'delete') return { kind, key, identity: identityIn(input) };
    if (kind === 'put')
      return { kind, key, value: input.block(0, ANY), expiry: expiryIn(input), identity: identityIn(input) };
    const expected = oneOf(input, [false, true]) ? input.block(0, ANY) : undefined;
    const value = input.block(0, ANY);
    return { kind, key, expected, value, expiry: expiryIn(input), identity: identityIn(input) };
  });
}

function expiryIn(input: WireReader): BulkExpiry {
  const kind = oneOf(input, EXPIRIES);
  if (kind === 'at') return { kind, expiresAt: input.number() };
  return kind === 'after' ? { kind, ttlMs: input.number() } : { kind };
}

function identityIn(input: WireReader): IdempotencyKey {
  const kind = oneOf(input, IDENTITIES);
  if (kind === 'none') return { kind };
  if (kind === 'request') return { kind, requestId: fromUtf8(input.block(0, ANY)) };
  return { kind, clientId: input.u64(), series: input.u64(), respondedTo: input.u64() };
}

export function outcomesToBytes(outcomes: readonly BulkOutcome[]): Uint8Array {
  const out = new WireWriter().byte(VERSION).varint(outcomes.length);
  for (const outcome of outcomes) {
    out.byte(OUTCOMES.indexOf(outcome.kind));
    switch (outcome.kind) {
      case 'done':
        out.varint(outcome.result);
        break;
      case 'value':
        positionTo(out, outcome)
          .block(outcome.value)
          .varint(outcome.expiresAt ?? 0);
        break;
      case 'absent':
        positionTo(out, outcome);
        break;
      case 'refused':
        out.varint(outcome.status).block(utf8(outcome.primary ?? ''));
        out.block(utf8(JSON.stringify(outcome.body)));
        break;
      case 'later':
        break;
      default:
        outcome satisfies never;
    }
  }
  return out.finish();
}

function positionTo(out: WireWriter, { appliedIndex, lagBytes }: ReadPosition): WireWriter {
  return out.varint(appliedIndex).varint(lagBytes === undefined ? 0 : lagBytes + 1);
}

/** Values are views into `bytes`. @throws KvFormatError (Y1) */
export function outcomesFromBytes(bytes: Uint8Array): readonly BulkOutcome[] {
  const input = new WireReader(bytes, 'bulk of outcomes');
  return listIn(input, () => {
    const kind = oneOf(input, OUTCOMES);
    if (kind === 'done') return { kind, result: input.number() };
    if (kind === 'later') return { kind };
    if (kind === 'absent') return { kind, ...positionIn(input) };
    if (kind === 'value') {
      const position = positionIn(input);
      const value = input.block(0, ANY);
      return { kind, ...position, value, expiresAt: input.number() || undefined };
    }
    const status = input.varint();
    const primary = fromUtf8(input.block(0, ANY));
    return { kind, status, primary: primary === '' ? undefined : primary, body: jsonIn(input) };
  });
}

function positionIn(input: WireReader): ReadPosition {
  const appliedIndex = input.number();
  const lag = input.number();
  return { appliedIndex, lagBytes: lag === 0 ? undefined : lag - 1 };
}

function jsonIn(input: WireReader): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(fromUtf8(input.block(0, ANY))) as Readonly<Record<string, unknown>>;
  } catch {
    throw input.bad('a refusal that is no JSON');
  }
}

function listIn<T>(input: WireReader, one: () => T): readonly T[] {
  const version = input.byte();
  if (version !== VERSION) throw input.bad(`version ${version}`);
  const list: T[] = [];
  for (let left = input.varint(); left > 0; left--) list.push(one());
  input.end();
  return list;
}

function oneOf<const T>(input: WireReader, all: readonly T[]): T {
  const at = input.byte();
  if (at >= all.length) throw input.bad(`${at} where there are ${all.length} ways`);
  return all[at]!;
}
