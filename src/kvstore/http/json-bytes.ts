/**
 * Byte strings in JSON: `name` as text when the bytes are UTF-8, else `nameBase64`. The same rule both ways, so a page can be sent back as a batch.
 *
 * J1  Bytes survive the round trip whatever they are, a byte order mark included; text that has no UTF-8 form is refused, never replaced.
 */
import { utf8 } from '../../base/index.ts';
import { type Command, type Pair } from '../command.ts';
import { KvError } from '../errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** { name: text } or { nameBase64: base64 }. */
export function toJsonBytes(name: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [name]: decoder.decode(bytes) };
  } catch {
    return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') }; // not UTF-8: what the fatal decoder is asked to tell
  }
}

/** The bytes of one field, undefined when it is absent or null. @throws KvError INVALID_BODY */
export function fromJsonBytes(
  object: Readonly<Record<string, unknown>>,
  name: string,
): Uint8Array | undefined {
  const text = object[name] ?? undefined;
  const base64 = object[`${name}Base64`] ?? undefined;
  if (text !== undefined && base64 !== undefined) throw bad(`give ${name} or ${name}Base64, not both`);
  if (text !== undefined) {
    if (typeof text !== 'string' || !text.isWellFormed())
      throw bad(`${name} is not text that UTF-8 can hold`);
    return utf8(text);
  }
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64');
  if (bytes.toString('base64') !== base64)
    throw bad(`${name}Base64 is not base64 (standard alphabet, padded)`);
  return new Uint8Array(bytes);
}

/** A body {"pairs": [{key, value}, …]}. @throws KvError INVALID_BODY */
export function batchFromJson(body: unknown): Command {
  const { pairs } = objectWith(body, ['pairs']);
  if (!Array.isArray(pairs)) throw bad('pairs is not a list');
  return { kind: 'put', pairs: pairs.map(pairFromJson) };
}

export function pairFromJson(item: unknown): Pair {
  const object = objectWith(item, ['key', 'keyBase64', 'value', 'valueBase64']);
  return { key: needed(object, 'key'), value: needed(object, 'value') };
}

/** A body {key, expected, value}; expected absent or null: only if there is no such key. @throws KvError INVALID_BODY */
export function casFromJson(body: unknown): Command {
  const names = ['key', 'expected', 'value'].flatMap((name) => [name, `${name}Base64`]);
  const object = objectWith(body, names);
  return {
    kind: 'cas',
    key: needed(object, 'key'),
    expected: fromJsonBytes(object, 'expected'),
    value: needed(object, 'value'),
  };
}

function needed(object: Readonly<Record<string, unknown>>, name: string): Uint8Array {
  const bytes = fromJsonBytes(object, name);
  if (!bytes) throw bad(`${name} (or ${name}Base64) is missing`);
  return bytes;
}

function objectWith(body: unknown, allowed: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw bad('it is not a JSON object');
  for (const name of Object.keys(body))
    if (!allowed.includes(name)) throw bad(`there is no field "${name}"; there are: ${allowed.join(', ')}`);
  return body as Readonly<Record<string, unknown>>;
}

function bad(detail: string): KvError {
  return new KvError('INVALID_BODY', `The body is not understood: ${detail}.`);
}
