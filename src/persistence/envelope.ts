/**
 * envelope: a value as it stands in an annotation: readable by people, checked by machines.
 *
 * V1  Every field is covered by the checksum: a flipped or cut text is CorruptError, never another value (DESIGN I12).
 * V2  Text stays text, so that `kubectl get -o yaml` shows it; other bytes are base64.
 */
import { z } from 'zod';
import { crc32c, equalBytes, fromUtf8, utf8 } from '../base/index.ts';
import { CorruptError } from './errors.ts';

export interface Envelope {
  /** Assignment under which it was written; 0 where terms play no part. */
  readonly term: number;
  readonly revision: number;
  /** Unique to the attempt that wrote it: tells one's own commit whose answer was lost (F2.22). */
  readonly writer: string;
  /** For people only. */
  readonly writtenAt: string;
  readonly value: Uint8Array;
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
});

export function encodeEnvelope(envelope: Envelope): string {
  const { term, revision, writer, writtenAt, value } = envelope;
  const text = asText(value);
  const body = text === undefined ? { base64: Buffer.from(value).toString('base64') } : { text };
  return JSON.stringify({ v: VERSION, term, revision, writer, writtenAt, check: checkOf(envelope), ...body });
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
  const { term, revision, writer, writtenAt, check, text, base64 } = parsed.data;
  if ((text === undefined) === (base64 === undefined))
    throw new CorruptError(id, 'it has not exactly one body');
  const value = text === undefined ? new Uint8Array(Buffer.from(base64!, 'base64')) : utf8(text);
  const envelope: Envelope = { term, revision, writer, writtenAt, value };
  if (checkOf(envelope) !== check) throw new CorruptError(id, 'its checksum does not fit');
  return envelope;
}

function checkOf({ term, revision, writer, writtenAt, value }: Envelope): string {
  const head = utf8(JSON.stringify([VERSION, term, revision, writer, writtenAt]));
  return crc32c(value, crc32c(head)).toString(16).padStart(8, '0');
}

function asText(value: Uint8Array): string | undefined {
  try {
    const text = fromUtf8(value);
    return equalBytes(utf8(text), value) ? text : undefined; // a byte order mark does not come back
  } catch {
    return undefined; // not UTF-8
  }
}
