/**
 * What a batch is stored as: put together once, compressed when that pays (s3log.md §6.6, docs/decisions/0025). Done before the slot has a number or
 * a put-id, so a crash in here is no case of its own: nothing has been sent.
 */
import { concatBytes, ensureError } from '../base/index.ts';
import type { Batch } from './append-buffer.ts';
import type { Codec, compress } from './codec.ts';
import { MIN_SAVING, type SessionOptions } from './options.ts';
import { slotRoom } from './slot.ts';

/** A batch of several times this is judged by a sample of it first: content that is compressed or encrypted already then costs next to nothing. */
const SAMPLE_BYTES = 64 * 1024;
/** Taken from as many places, so that a header or a run of zeros does not speak for all. */
const SAMPLE_PLACES = 4;

/** The bytes of a slot that lacks only its header. */
export interface Packed {
  readonly codec: Codec;
  readonly bytes: Uint8Array;
  readonly payloadBytes: number;
  /** Why the content is raw although it should be compressed. */
  readonly problem?: Error | undefined;
}

/** The batch as it is. */
export function packRaw({ begin, end, parts }: Batch): Packed {
  const { bytes, payload } = slotRoom(end - begin);
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return { codec: 'raw', bytes, payloadBytes: payload.length };
}

/** Whether a batch of `contentBytes` is worth trying to compress. */
export function isCompressed(contentBytes: number, options: SessionOptions): boolean {
  return options.compression !== 'raw' && contentBytes > options.compressAboveBytes;
}

/**
 * The raw batch compressed, or the same again when too little is saved. Compression that fails, for want of memory, is a `problem` and not an
 * error: durability does not hang on it.
 */
export async function packCompressed(
  raw: Packed,
  codec: Codec,
  compressWith: typeof compress,
): Promise<Packed> {
  const content = raw.bytes.subarray(raw.bytes.length - raw.payloadBytes);
  let compressed: Uint8Array;
  try {
    const sample = sampleOf(content);
    if (sample && !saves(await compressWith(codec, sample), sample)) return raw;
    compressed = await compressWith(codec, content);
  } catch (error) {
    return { ...raw, problem: ensureError(error) };
  }
  if (!saves(compressed, content)) return raw;
  const { bytes, payload } = slotRoom(compressed.length);
  payload.set(compressed);
  return { codec, bytes, payloadBytes: compressed.length };
}

function saves(compressed: Uint8Array, content: Uint8Array): boolean {
  return compressed.length < content.length * (1 - MIN_SAVING);
}

/** Pieces from all over the content; undefined when that is not worth it. */
function sampleOf(content: Uint8Array): Uint8Array | undefined {
  if (content.length < SAMPLE_BYTES * SAMPLE_PLACES) return undefined;
  const piece = SAMPLE_BYTES / SAMPLE_PLACES;
  const stride = Math.floor((content.length - piece) / (SAMPLE_PLACES - 1));
  const starts = Array.from({ length: SAMPLE_PLACES }, (_, i) => i * stride);
  return concatBytes(starts.map((start) => content.subarray(start, start + piece)));
}
