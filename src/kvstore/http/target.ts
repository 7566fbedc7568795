/**
 * Keys and parameters out of the raw request target. The framework's own decoding is for text and refuses bytes that are not UTF-8.
 *
 * U1  Any byte string can be named: %XX is one byte. In a path `+` is itself; in a query it is a space, as every query builder writes it.
 * U2  What is not understood is refused: bad escapes, parameters that the route does not name, parameters given twice unless they may repeat.
 */
import { KvError } from '../errors.ts';
import { checkKey } from '../command.ts';
import { HISTORY_BYTES, isHistory, type History } from '../engine/history.ts';
import { DEFAULT_PAGE_PAIRS, MAX_BATCH_PAIRS, MAX_KEY_BYTES, MAX_PAGE_PAIRS } from '../limits.ts';
import { type Consistency, type Query } from '../service.ts';
import { KEY_PATH } from './headers.ts';
import { percentDecode } from './percent.ts';
import { type QueryParameter } from './route.ts';

export type Parameters = ReadonlyMap<string, readonly Uint8Array[]>;

/** What GET /v1/kv asks. */
export type ListQuery = Extract<Query, { readonly kind: 'pairs' | 'page' }>;

const NONE: Parameters = new Map();

/** The key in a target `/v1/kv/<key>[?query]`. @throws KvError INVALID_KEY */
export function keyInTarget(target: string): Uint8Array {
  const end = target.indexOf('?');
  const encoded = target.slice(KEY_PATH.length, end < 0 ? undefined : end);
  const key = percentDecode(encoded, false);
  if (!key)
    throw new KvError(
      'INVALID_KEY',
      'The key in the path is not percent-encoded: write each byte outside A-Z a-z 0-9 - . _ ~ as %XX.',
    );
  return checkKey(key);
}

/** The parameters of a target, all of which the route names (U2). @throws KvError INVALID_QUERY */
export function parametersIn(target: string, allowed: Readonly<Record<string, QueryParameter>>): Parameters {
  const start = target.indexOf('?');
  if (start < 0 || start === target.length - 1) return NONE;
  const found = new Map<string, Uint8Array[]>();
  for (const part of target.slice(start + 1).split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const parameter = Object.hasOwn(allowed, name) ? allowed[name] : undefined;
    if (!parameter) throw noSuchParameter(name, Object.keys(allowed));
    const value = percentDecode(equals < 0 ? '' : part.slice(equals + 1), true);
    if (!value) throw new KvError('INVALID_QUERY', `The parameter "${name}" is not percent-encoded.`);
    const values = found.get(name);
    if (!values) found.set(name, [value]);
    else if (parameter.repeats === true) values.push(value);
    else throw new KvError('INVALID_QUERY', `The parameter "${name}" is given twice.`);
  }
  return found;
}

function noSuchParameter(name: string, names: readonly string[]): KvError {
  const there = names.length === 0 ? 'This route takes none' : `There are: ${names.join(', ')}`;
  return new KvError('INVALID_QUERY', `There is no parameter "${name}" here. ${there}.`);
}

function textOf(parameters: Parameters, name: string): string | undefined {
  const value = parameters.get(name)?.[0];
  return value && Buffer.from(value).toString('latin1');
}

/** A decimal number from `least` to `most`, undefined when it is not given. @throws KvError INVALID_QUERY */
export function integerIn(
  parameters: Parameters,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = textOf(parameters, name);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : -1;
  if (value < least || value > most)
    throw new KvError('INVALID_QUERY', `${name} is a number from ${least} to ${most}.`);
  return value;
}

/** The identity of a history, undefined when it is not given. @throws KvError INVALID_QUERY */
export function historyIn(parameters: Parameters, name: string): History | undefined {
  const text = textOf(parameters, name);
  if (text === undefined || isHistory(text)) return text;
  throw new KvError('INVALID_QUERY', `${name} is ${2 * HISTORY_BYTES} hexadecimal digits.`);
}

/** linearizable unless stale is asked for. @throws KvError INVALID_QUERY */
export function consistencyIn(parameters: Parameters): Consistency {
  const text = textOf(parameters, 'consistency') ?? 'linearizable';
  if (text === 'linearizable' || text === 'stale') return text;
  throw new KvError('INVALID_QUERY', 'consistency is "linearizable" (the default) or "stale".');
}

/** Several keys, or a page of a prefix. @throws KvError INVALID_QUERY, INVALID_KEY */
export function queryIn(parameters: Parameters): ListQuery {
  const keys = parameters.get('key');
  if (!keys) return pageIn(parameters);
  if (['prefix', 'start', 'limit'].some((name) => parameters.has(name)))
    throw new KvError('INVALID_QUERY', 'Give key, or prefix, start and limit, not both.');
  if (keys.length > MAX_BATCH_PAIRS)
    throw new KvError('INVALID_QUERY', `At most ${MAX_BATCH_PAIRS} keys can be read at once.`);
  return { kind: 'pairs', keys: keys.map(checkKey) };
}

function pageIn(parameters: Parameters): ListQuery {
  const prefix = parameters.get('prefix')?.[0] ?? new Uint8Array();
  const start = parameters.get('start')?.[0];
  if (prefix.length > MAX_KEY_BYTES || (start && start.length > MAX_KEY_BYTES))
    throw new KvError('INVALID_KEY', `A prefix and a start have at most ${MAX_KEY_BYTES} bytes, as keys do.`);
  if (start && Buffer.compare(start.subarray(0, prefix.length), prefix) !== 0)
    throw new KvError('INVALID_QUERY', 'start does not begin with the prefix.');
  const limit = integerIn(parameters, 'limit', 1, MAX_PAGE_PAIRS) ?? DEFAULT_PAGE_PAIRS;
  return { kind: 'page', page: { prefix, start, limit } };
}
