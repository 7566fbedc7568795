/**
 * envelope: a value as it stands in an annotation: readable by people, checked by machines.
 *
 * V1  Every field is covered by the checksum: a flipped or cut text is CorruptError, never another value (DESIGN I12).
 * V2  Text stays text, so that `kubectl get -o yaml` shows it; other bytes are base64.
 * V3  A body says by the name of its field what it is: `text` and `base64` the value itself, `gzip` the value packed, `object` where it is kept and by which
 *     digest. A reader that does not know a form takes the envelope for damaged, never for another value.
 */
import { z } from 'zod';
import { crc32c, equalBytes, fromUtf8, utf8 } from '../base/index.ts';
import { CorruptError } from './errors.ts';

/** A value that is an object of the store that its log is in. */
export interface ObjectPointer {
  /** Key of the object. */
  readonly object: string;
  /** Of the object's bytes, hex. */
  readonly sha256: string;
  /** Size of the object. */
  readonly bytes: number;
}

/** What an envelope holds (V3). */
export type Body =
  | { readonly kind: 'plain'; readonly value: Uint8Array }
  | { readonly kind: 'gzip'; readonly packed: Uint8Array }
  | { readonly kind: 'object'; readonly pointer: ObjectPointer };

export interface Envelope {
  /** Assignment under which it was written; 0 where terms play no part. */
  readonly term: number;
  readonly revision: number;
  /** Unique to the attempt that wrote it: tells one's own commit whose answer was lost (F2.22). */
  readonly writer: string;
  /** For people only. */
  readonly writtenAt: string;
  readonly body: Body;
}

const VERSION = 1;
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const schema = z.strictObject({
  v: z.literal(VERSION),
  term: count,
  revision: count.min(1),
  writer: z.string(),
  writtenAt: z.string(),
  check: z.string(),
  text: z.string().optional(),
  base64: z.string().optional(),
  gzip: z.string().optional(),
  object: z
    .strictObject({ key: z.string().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: count })
    .optional(),
});
type Wire = z.infer<typeof schema>;
type WireBody = Pick<Wire, 'text' | 'base64' | 'gzip' | 'object'>;

export function encodeEnvelope(envelope: Envelope): string {
  const { term, revision, writer, writtenAt, body } = envelope;
  const head = { v: VERSION, term, revision, writer, writtenAt, check: checkOf(envelope) };
  return JSON.stringify({ ...head, ...toWire(body) });
}

function toWire(body: Body): WireBody {
  switch (body.kind) {
    case 'plain': {
      const text = asText(body.value);
      return text === undefined ? { base64: toBase64(body.value) } : { text };
    }
    case 'gzip':
      return { gzip: toBase64(body.packed) };
    case 'object': {
      const { object: key, sha256, bytes } = body.pointer;
      return { object: { key, sha256, bytes } };
    }
    default:
      return body satisfies never;
  }
}

/** @param id named in the error @throws CorruptError (V1) */
export function decodeEnvelope(id: string, encoded: string): Envelope {
  let raw: unknown;
  try {
    raw = JSON.parse(encoded);
  } catch (cause) {
    throw new CorruptError(id, 'it is no JSON', cause);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const problems = parsed.error.issues
      .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
      .join('; ');
    throw new CorruptError(id, problems);
  }
  const { term, revision, writer, writtenAt, check } = parsed.data;
  const bodies = bodiesOf(parsed.data);
  if (bodies.length !== 1) throw new CorruptError(id, 'it has not exactly one body');
  const envelope: Envelope = { term, revision, writer, writtenAt, body: bodies[0]! };
  if (checkOf(envelope) !== check) throw new CorruptError(id, 'its checksum does not fit');
  return envelope;
}

function bodiesOf({ text, base64, gzip, object }: WireBody): readonly Body[] {
  const bodies: Body[] = [];
  if (text !== undefined) bodies.push({ kind: 'plain', value: utf8(text) });
  if (base64 !== undefined) bodies.push({ kind: 'plain', value: fromBase64(base64) });
  if (gzip !== undefined) bodies.push({ kind: 'gzip', packed: fromBase64(gzip) });
  if (object !== undefined) {
    const { key, sha256, bytes } = object;
    bodies.push({ kind: 'object', pointer: { object: key, sha256, bytes } });
  }
  return bodies;
}

/** The form is part of what is checked, but for a plain body: those were written before there were others. */
function checkOf({ term, revision, writer, writtenAt, body }: Envelope): string {
  const form = body.kind === 'plain' ? [] : [body.kind];
  const head = utf8(JSON.stringify([VERSION, term, revision, writer, writtenAt, ...form]));
  return crc32c(checkedBytes(body), crc32c(head)).toString(16).padStart(8, '0');
}

function checkedBytes(body: Body): Uint8Array {
  if (body.kind === 'plain') return body.value;
  if (body.kind === 'gzip') return body.packed;
  const { object, sha256, bytes } = body.pointer;
  return utf8(JSON.stringify([object, sha256, bytes]));
}

function asText(value: Uint8Array): string | undefined {
  try {
    const text = fromUtf8(value);
    return equalBytes(utf8(text), value) ? text : undefined; // a byte order mark does not come back
  } catch {
    return undefined; // not UTF-8
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
