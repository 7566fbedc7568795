/**
 * Commands and pairs in JSON: the bodies of batches and compare-and-sets, the answers of pages.
 *
 * K1  A time to live is turned into a moment here, by the clock of the server that takes the request; what is replicated is the moment.
 */
import type { Command, Pair } from '../command.ts';
import {
  badBody,
  fromJsonBytes,
  listIn,
  neededBytes,
  objectWith,
  toJsonBytes,
  wholeNumber,
  type JsonObject,
} from './json-bytes.ts';

const bytesNames = (name: string): readonly string[] => [name, `${name}Base64`];
const EXPIRY = ['expiresAt', 'ttlMs'];
const PAIR_FIELDS = [...bytesNames('key'), ...bytesNames('value'), ...EXPIRY];
const CAS_FIELDS = [...PAIR_FIELDS, ...bytesNames('expected')];

/** A body {"pairs": [{key, value, expiresAt?, ttlMs?}, …]}. @throws KvError INVALID_BODY */
export function batchFromJson(body: unknown, nowMs: number): Command {
  const pairs = listIn(objectWith(body, ['pairs']), 'pairs');
  return { kind: 'put', pairs: pairs.map((pair) => pairFromJson(pair, nowMs)) };
}

/** One pair. @throws KvError INVALID_BODY */
export function pairFromJson(item: unknown, nowMs: number): Pair {
  const object = objectWith(item, PAIR_FIELDS);
  return { key: neededBytes(object, 'key'), value: neededBytes(object, 'value'), ...expiryIn(object, nowMs) };
}

/** A body {key, expected, value, …}; expected absent or null: only if there is no such key. @throws KvError INVALID_BODY */
export function casFromJson(body: unknown, nowMs: number): Command {
  const object = objectWith(body, CAS_FIELDS);
  return {
    kind: 'cas',
    key: neededBytes(object, 'key'),
    expected: fromJsonBytes(object, 'expected'),
    value: neededBytes(object, 'value'),
    ...expiryIn(object, nowMs),
  };
}

/** The JSON of a pair. */
export function pairToJson({ key, value, expiresAt }: Pair): JsonObject {
  return { ...toJsonBytes('key', key), ...toJsonBytes('value', value), ...expiryToJson(expiresAt) };
}

export function expiryToJson(expiresAt: number | undefined): JsonObject {
  return expiresAt === undefined ? {} : { expiresAt };
}

/** K1. */
function expiryIn(object: JsonObject, nowMs: number): { readonly expiresAt?: number } {
  const expiresAt = wholeNumber(object, 'expiresAt');
  const ttlMs = wholeNumber(object, 'ttlMs');
  if (expiresAt !== undefined && ttlMs !== undefined) throw badBody('give expiresAt or ttlMs, not both');
  return expiryOf(expiresAt, ttlMs, nowMs);
}

/** The moment that a moment or a time to live means; none for neither, and for the moment 0. @throws KvError INVALID_BODY */
export function expiryOf(
  expiresAt: number | undefined,
  ttlMs: number | undefined,
  nowMs: number,
): { readonly expiresAt?: number } {
  const moment = ttlMs === undefined ? (expiresAt ?? 0) : Math.ceil(nowMs) + ttlMs;
  if (!Number.isSafeInteger(moment)) throw badBody('ttlMs reaches past the last moment there is');
  return moment === 0 ? {} : { expiresAt: moment };
}
