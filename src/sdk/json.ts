/**
 * JSON for commands, results and answers: as usual, and with the two kinds of values that SQL has and JSON has not.
 *
 * J1  A whole number beyond 2^53 is {"$bigint": "…"}, bytes are {"$base64": "…"}; both come back as what they were.
 */
import { fromUtf8, utf8 } from '../base/index.ts';

/** As text (J1). */
export function jsonText(value: unknown): string {
  return JSON.stringify(tagged(value)) ?? 'null';
}

/** As bytes (J1). */
export function encodeJson(value: unknown): Uint8Array {
  return utf8(jsonText(value));
}

/** @throws SyntaxError when the bytes are no JSON */
export function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(fromUtf8(bytes), (_key, value: unknown) => untagged(value));
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (value instanceof Uint8Array) return { $base64: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, tagged(each)]));
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return value;
  if ('$bigint' in value && typeof value.$bigint === 'string') return BigInt(value.$bigint);
  if ('$base64' in value && typeof value.$base64 === 'string')
    return new Uint8Array(Buffer.from(value.$base64, 'base64'));
  return value;
}
