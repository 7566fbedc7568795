/**
 * JSON for commands, results and answers: as usual, and with the two kinds of values that SQL has and JSON has not.
 *
 * J1  A whole number beyond 2^53 is {"$bigint": "…"}, bytes are {"$base64": "…"}; both come back as what they were. An object that only looks so, with
 *     another text than such a value has, stays the object that it is.
 * J2  Whatever was written can be read, and costs no more than its length: what is nested deeper, or has longer numbers, is not written, and not read.
 */
import { fromUtf8, HoldfastError, utf8 } from '../base/index.ts';

/** Deepest nesting of arrays and objects: more than data has, and few enough calls within each other for any stack. */
const MAX_JSON_DEPTH = 256;
/** Most digits of a whole number: SQL has 19, and what reading one costs grows with their square. */
const MAX_JSON_DIGITS = 1_000;

const TOO_LONG_NUMBER = 10n ** BigInt(MAX_JSON_DIGITS);
/** A whole number as BigInt writes it. */
const WHOLE_NUMBER = new RegExp(`^(?:0|-?[1-9][0-9]{0,${MAX_JSON_DIGITS - 1}})$`);

/** A value that has no JSON here, or JSON that has no value (J2). */
export class JsonUnfitError extends HoldfastError {
  declare readonly code: 'JSON_TOO_DEEP' | 'JSON_NUMBER_TOO_LONG' | 'JSON_TOO_LARGE';
}

/** As text (J1). @throws JsonUnfitError */
export function jsonText(value: unknown): string {
  return textOf(value, Number.POSITIVE_INFINITY);
}

/** As bytes (J1), at most so many. @throws JsonUnfitError */
export function encodeJson(value: unknown, maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
  const bytes = utf8(textOf(value, maxBytes));
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

/** @throws SyntaxError when the bytes are no JSON, JsonUnfitError */
export function decodeJson(bytes: Uint8Array): unknown {
  return jsonValue(JSON.parse(fromUtf8(bytes)));
}

/** What plain JSON that somebody else has parsed, a web framework for instance, stands for (J1). @throws JsonUnfitError */
export function jsonValue(parsed: unknown): unknown {
  return untagged(parsed, 0);
}

function textOf(value: unknown, maxLength: number): string {
  return JSON.stringify(new Tagging(maxLength).of(value, '', 0)) ?? 'null';
}

/** Makes plain JSON of a value, as long as its texts and its values are not more than JSON of `maxLength` can hold: what has no end is not copied first. */
class Tagging {
  readonly #maxLength: number;
  #length = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  of(value: unknown, key: string, depth: number): unknown {
    this.#add(1);
    if (typeof value === 'string') this.#add(value.length);
    if (typeof value === 'bigint') return { $bigint: digitsOf(value) };
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array) {
      this.#add(value.length);
      return { $base64: Buffer.from(value).toString('base64') };
    }
    const inside = deeper(depth);
    if ('toJSON' in value && typeof value.toJSON === 'function')
      return this.of(value.toJSON(key), key, inside);
    if (Array.isArray(value)) return value.map((each, n) => this.of(each, String(n), inside));
    const entries: [string, unknown][] = [];
    for (const [name, each] of Object.entries(value)) {
      if (each === undefined) continue; // as JSON does
      this.#add(name.length);
      entries.push([name, this.of(each, name, inside)]);
    }
    return Object.fromEntries(entries);
  }

  #add(length: number): void {
    this.#length += length;
    if (this.#length > this.#maxLength) throw tooLarge(this.#maxLength);
  }
}

function untagged(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const inside = deeper(depth);
  if (Array.isArray(value)) return value.map((each) => untagged(each, inside));
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  const [only] = entries;
  if (only && entries.length === 1 && typeof only[1] === 'string') return valueOf(only[0], only[1]) ?? value;
  return Object.fromEntries(entries.map(([key, each]) => [key, untagged(each, inside)]));
}

/** What an object of one text stands for; undefined: for itself. */
function valueOf(key: string, text: string): bigint | Uint8Array | undefined {
  if (key === '$bigint' && WHOLE_NUMBER.test(text)) return BigInt(text);
  if (key !== '$base64') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

function digitsOf(value: bigint): string {
  if (value < TOO_LONG_NUMBER && value > -TOO_LONG_NUMBER) return String(value);
  throw new JsonUnfitError(
    'JSON_NUMBER_TOO_LONG',
    `A whole number has more than ${MAX_JSON_DIGITS} digits. Give it as bytes, or as text.`,
  );
}

function deeper(depth: number): number {
  if (depth < MAX_JSON_DEPTH) return depth + 1;
  throw new JsonUnfitError(
    'JSON_TOO_DEEP',
    `The value is nested deeper than ${MAX_JSON_DEPTH} arrays and objects. Make it flatter.`,
    { fields: { maxDepth: MAX_JSON_DEPTH } },
  );
}

function tooLarge(maxBytes: number): JsonUnfitError {
  return new JsonUnfitError(
    'JSON_TOO_LARGE',
    `The value has more than ${maxBytes} bytes of JSON. Make it smaller.`,
    {
      fields: { maxBytes },
    },
  );
}
