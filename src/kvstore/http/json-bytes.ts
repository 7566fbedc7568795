/**
 * Byte strings in JSON: `name` as text when the bytes are UTF-8, else `nameBase64`. The same rule both ways, so a page can be sent back as a batch.
 *
 * J1  Bytes survive the round trip whatever they are, a byte order mark included; text that has no UTF-8 form is refused, never replaced.
 */
import { utf8 } from '../../base/index.ts';
import { KvError } from '../errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

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
export function fromJsonBytes(object: JsonObject, name: string): Uint8Array | undefined {
  const text = object[name] ?? undefined;
  const base64 = object[`${name}Base64`] ?? undefined;
  if (text !== undefined && base64 !== undefined) throw badBody(`give ${name} or ${name}Base64, not both`);
  if (text !== undefined) {
    if (typeof text !== 'string' || !text.isWellFormed())
      throw badBody(`${name} is not text that UTF-8 can hold`);
    return utf8(text);
  }
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64');
  if (bytes.toString('base64') !== base64)
    throw badBody(`${name}Base64 is not base64 (standard alphabet, padded)`);
  return new Uint8Array(bytes);
}

/** The bytes of a field that must be there. @throws KvError INVALID_BODY */
export function neededBytes(object: JsonObject, name: string): Uint8Array {
  const bytes = fromJsonBytes(object, name);
  if (!bytes) throw badBody(`${name} (or ${name}Base64) is missing`);
  return bytes;
}

/** A whole number of a field, undefined when it is absent or null. @throws KvError INVALID_BODY */
export function wholeNumber(object: JsonObject, name: string): number | undefined {
  const value = object[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw badBody(`${name} is not a whole number from 0 to 2^53-1`);
  return value;
}

/** The body as an object that has no fields but `allowed`. @throws KvError INVALID_BODY */
export function objectWith(body: unknown, allowed: readonly string[]): JsonObject {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badBody('it is not a JSON object');
  for (const name of Object.keys(body))
    if (!allowed.includes(name))
      throw badBody(`there is no field "${name}"; there are: ${allowed.join(', ')}`);
  return body as JsonObject;
}

/** A list of objects under `name`. @throws KvError INVALID_BODY */
export function listIn(object: JsonObject, name: string): readonly unknown[] {
  const list = object[name];
  if (!Array.isArray(list)) throw badBody(`${name} is not a list`);
  return list;
}

export function badBody(detail: string): KvError {
  return new KvError('INVALID_BODY', `The body is not understood: ${detail}.`);
}
