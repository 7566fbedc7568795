/**
 * What a batch is stored as: put together once, compressed when that pays (s3log.md §6.6, docs/decisions/0025). Done before the slot has a number or
 * a put-id, so a crash in here is no case of its own: nothing has been sent.
 */
import { assert, concatBytes, ensureError } from '../../base/index.ts';
import type { Batch } from './append-buffer.ts';
import type { Codec, compress } from '../format/codec.ts';
import { MIN_SAVING, type SessionOptions } from './options.ts';
import { HEADER_BYTES } from '../format/slot.ts';
import type { SlotBuffers } from './slot-buffers.ts';

/** A batch of several times this is judged by a sample of it first: content that is compressed or encrypted already then costs next to nothing. */
const SAMPLE_BYTES = 64 * 1024;
/** Taken from as many places, so that a header or a run of zeros does not speak for all. */
const SAMPLE_PLACES = 4;

/** The bytes of a slot that lacks only its header: the payload is what comes from HEADER_BYTES on. */
export interface Packed {
  readonly codec: Codec;
  readonly bytes: Uint8Array;
  /** Why the content is raw although it should be compressed. */
  readonly problem?: Error | undefined;
}

/** The batch as it is. */
export function packRaw({ begin, end, parts }: Batch, buffers: SlotBuffers): Packed {
  const bytes = buffers.take(HEADER_BYTES + (end - begin));
  let at = HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  assert(at === bytes.length, 'a batch has the bytes of its range', { begin, end, at });
  return { codec: 'raw', bytes };
}

/** What the slot carries, as stored. */
export function payloadOf({ bytes }: Packed): Uint8Array {
  return bytes.subarray(HEADER_BYTES);
}

/** Whether a batch of `contentBytes` is worth trying to compress. */
export function isCompressed(contentBytes: number, options: SessionOptions): boolean {
  return options.compression !== 'raw' && contentBytes > options.compressAboveBytes;
}

/**
 * The raw batch compressed, or the very same object when too little is saved. Compression that fails, for want of memory, is a `problem` and not an
 * error: durability does not hang on it.
 */
export async function packCompressed(
  raw: Packed,
  codec: Codec,
  compressWith: typeof compress,
  buffers: SlotBuffers,
): Promise<Packed> {
  const content = payloadOf(raw);
  let compressed: Uint8Array;
  try {
    const sample = sampleOf(content);
    if (sample && !saves(await compressWith(codec, sample), sample)) return raw;
    compressed = await compressWith(codec, content);
  } catch (error) {
    return { ...raw, problem: ensureError(error) };
  }
  if (!saves(compressed, content)) return raw;
  const bytes = buffers.take(HEADER_BYTES + compressed.length);
  bytes.set(compressed, HEADER_BYTES);
  buffers.giveBack(raw.bytes); // nobody reads them: the compressor has answered
  return { codec, bytes };
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
