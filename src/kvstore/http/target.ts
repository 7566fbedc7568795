/**
 * Keys and parameters out of the raw request target. The framework's own decoding is for text and refuses bytes that are not UTF-8.
 *
 * U1  Any byte string can be named: %XX is one byte. In a path `+` is itself; in a query it is a space, as every query builder writes it.
 * U2  What is not understood is refused: bad escapes, unknown parameters, parameters given twice (but `key`, which may repeat).
 */
import { KvError } from '../errors.ts';
import { checkKey } from '../command.ts';
import { DEFAULT_PAGE_PAIRS, MAX_BATCH_PAIRS, MAX_KEY_BYTES, MAX_PAGE_PAIRS } from '../limits.ts';
import { type Consistency, type Query } from '../service.ts';

export const KEY_PATH = '/v1/kv/';

/** Decodes percent-encoding to bytes. Undefined for a bad escape or a character that had to be escaped. */
export function percentDecode(text: string, plusIsSpace: boolean): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x25) {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return undefined;
      bytes[length++] = Number.parseInt(hex, 16);
      i += 2;
    } else {
      if (code > 0x7e || code <= 0x20) return undefined;
      bytes[length++] = code === 0x2b && plusIsSpace ? 0x20 : code;
    }
  }
  return bytes.subarray(0, length);
}

/** Encodes bytes so that they come back from a path and from a query alike (U1). */
export function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9._~-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

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

type Parameters = ReadonlyMap<string, readonly Uint8Array[]>;

function parametersOf(target: string, allowed: readonly string[]): Parameters {
  const found = new Map<string, Uint8Array[]>();
  const start = target.indexOf('?');
  if (start < 0 || start === target.length - 1) return found;
  for (const part of target.slice(start + 1).split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!allowed.includes(name))
      throw new KvError(
        'INVALID_QUERY',
        `There is no parameter "${name}" here; there are: ${allowed.join(', ')}.`,
      );
    const value = percentDecode(equals < 0 ? '' : part.slice(equals + 1), true);
    if (!value) throw new KvError('INVALID_QUERY', `The parameter "${name}" is not percent-encoded.`);
    const values = found.get(name);
    if (!values) found.set(name, [value]);
    else if (name === 'key') values.push(value);
    else throw new KvError('INVALID_QUERY', `The parameter "${name}" is given twice.`);
  }
  return found;
}

function textOf(parameters: Parameters, name: string): string | undefined {
  const value = parameters.get(name)?.[0];
  return value && Buffer.from(value).toString('latin1');
}

function consistencyOf(parameters: Parameters): Consistency {
  const text = textOf(parameters, 'consistency') ?? 'linearizable';
  if (text === 'linearizable' || text === 'stale') return text;
  throw new KvError('INVALID_QUERY', 'consistency is "linearizable" (the default) or "stale".');
}

/** The parameters of a read of one key. @throws KvError INVALID_QUERY */
export function consistencyInTarget(target: string): Consistency {
  return consistencyOf(parametersOf(target, ['consistency']));
}

/** Mutations have no parameters. @throws KvError INVALID_QUERY */
export function noParametersInTarget(target: string): void {
  const start = target.indexOf('?');
  if (start >= 0 && start < target.length - 1)
    throw new KvError('INVALID_QUERY', 'A mutation takes no parameters.');
}

/** The query in a target `/v1/kv?…`: several keys, or a page of a prefix. @throws KvError INVALID_QUERY, INVALID_KEY */
export function queryInTarget(target: string): { readonly query: Query; readonly consistency: Consistency } {
  const parameters = parametersOf(target, ['key', 'prefix', 'start', 'limit', 'consistency']);
  const consistency = consistencyOf(parameters);
  const keys = parameters.get('key');
  if (!keys) return { query: pageQuery(parameters), consistency };
  if (['prefix', 'start', 'limit'].some((name) => parameters.has(name)))
    throw new KvError('INVALID_QUERY', 'Give either keys, or a prefix with start and limit.');
  if (keys.length > MAX_BATCH_PAIRS)
    throw new KvError('INVALID_QUERY', `At most ${MAX_BATCH_PAIRS} keys can be read at once.`);
  return { query: { kind: 'get', keys: keys.map(checkKey) }, consistency };
}

function pageQuery(parameters: Parameters): Query {
  const prefix = parameters.get('prefix')?.[0] ?? new Uint8Array();
  const start = parameters.get('start')?.[0];
  if (prefix.length > MAX_KEY_BYTES || (start && start.length > MAX_KEY_BYTES))
    throw new KvError('INVALID_KEY', `A prefix and a start have at most ${MAX_KEY_BYTES} bytes, as keys do.`);
  if (start && Buffer.compare(start.subarray(0, prefix.length), prefix) !== 0)
    throw new KvError('INVALID_QUERY', 'start does not begin with the prefix.');
  const limitText = textOf(parameters, 'limit') ?? String(DEFAULT_PAGE_PAIRS);
  const limit = /^[0-9]{1,6}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > MAX_PAGE_PAIRS)
    throw new KvError('INVALID_QUERY', `limit is a number from 1 to ${MAX_PAGE_PAIRS}.`);
  return { kind: 'page', page: { prefix, start, limit } };
}
