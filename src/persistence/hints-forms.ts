/**
 * hints-forms: how a hints value is kept: as it is, packed, or as an object beside its log (seeds.md F2.21, F5.11; decision 0038).
 *
 * F1  The first form that fits a slot's share of the annotations is taken: as it is (what Gazette stores, readable by people), gzip, an object.
 * F2  An object holds the packed value. What is read from it is compared with size and digest before it is unpacked, and what is unpacked is bounded.
 * F3  What takes longer than a few milliseconds is packed on the thread pool. The rest is done at once: a simulation, which has no threads, stays one.
 */
import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib';
import { sha256Hex } from '../base/index.ts';
import { encodeEnvelope, type Body, type Envelope, type ObjectPointer } from './envelope.ts';
import { CorruptError, TooLargeError } from './errors.ts';

/**
 * Share of a slot, bytes of its annotation. Three of them leave 76 KiB of the server's 256 KiB to everybody else's annotations, among them the copy
 * of the manifest that `kubectl apply` keeps there.
 */
export const HINTS_SLOT_BYTES: number = 60 * 1024;
/** Largest hints value, bytes: 300,000 segments. A longer one says that the application makes files without end. */
export const MAX_HINTS_BYTES: number = 64 * 1024 * 1024;

/** F3: 256 KiB take 5 ms to pack, once in a hints interval; to unpack a quarter of that. */
const SYNC_BYTES = 256 * 1024;

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** A value for a slot, inside the annotation if it fits (F1). */
export type Formed = Extract<Body, { kind: 'plain' | 'gzip' }> | { readonly kind: 'object' };

/** The form for `value` beside these fields. @throws TooLargeError above MAX_HINTS_BYTES */
export async function formFor(
  value: Uint8Array,
  fields: Omit<Envelope, 'revision' | 'body'>,
): Promise<Formed> {
  if (value.length > MAX_HINTS_BYTES) throw new TooLargeError('a hints value', value.length, MAX_HINTS_BYTES);
  const fits = (body: Body): boolean =>
    Buffer.byteLength(encodeEnvelope({ ...fields, revision: Number.MAX_SAFE_INTEGER, body })) <=
    HINTS_SLOT_BYTES;
  const plain = { kind: 'plain', value } as const;
  if (value.length <= HINTS_SLOT_BYTES && fits(plain)) return plain;
  const gzipped = { kind: 'gzip', packed: await packed(value) } as const;
  return fits(gzipped) ? gzipped : { kind: 'object' };
}

/** The bytes of an object (F2). */
export async function packed(value: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(value.length > SYNC_BYTES ? await pack(value) : gzipSync(value));
}

/** A packed value that stood in an annotation, so it is small. @throws CorruptError */
export function unpackInline(id: string, bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(gunzipSync(bytes, { maxOutputLength: MAX_HINTS_BYTES }));
  } catch (cause) {
    throw new CorruptError(id, 'what is packed in it cannot be unpacked', cause);
  }
}

/** The value of an object that `pointer` names (F2). @param bytes undefined: there is no such object @throws CorruptError */
export async function unpackObject(
  id: string,
  pointer: ObjectPointer,
  bytes: Uint8Array | undefined,
): Promise<Uint8Array> {
  const { object } = pointer;
  const limit = { maxOutputLength: MAX_HINTS_BYTES };
  if (bytes === undefined) throw new CorruptError(id, `its object ${object} does not exist`);
  if (bytes.length !== pointer.bytes)
    throw new CorruptError(id, `its object ${object} has ${bytes.length} bytes instead of ${pointer.bytes}`);
  if (sha256Hex(bytes) !== pointer.sha256)
    throw new CorruptError(id, `its object ${object} is not the one that was written: the digest differs`);
  try {
    return new Uint8Array(bytes.length > SYNC_BYTES ? await unpack(bytes, limit) : gunzipSync(bytes, limit));
  } catch (cause) {
    throw new CorruptError(id, `its object ${object} cannot be unpacked`, cause);
  }
}
