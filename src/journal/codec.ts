/**
 * Compression of stored content: what slots and fragments are written with, and the way back.
 *
 * Z1  Work is done on the thread pool in pieces of CHUNK_BYTES; the event loop only passes them on.
 * Z2  Decompressing takes no more memory than the caller's `expectedBytes`, one piece and a bounded window, whatever the bytes say. Content that
 *     is longer, or shorter, is an error.
 * Z3  All stored bytes are used: what follows the last member is an error, never ignored. More than one gzip member or zstd frame is fine, as
 *     Gazette's readers have it.
 * Z4  What is written here carries a checksum of the content in either format, so that damage is an error and not other content.
 */
import { promisify } from 'node:util';
import {
  constants,
  createGunzip,
  createZstdDecompress,
  gzip,
  zstdCompress,
  type Gunzip,
  type ZstdDecompress,
} from 'node:zlib';
import { assert, ensureError, HoldfastError } from '../base/index.ts';

/** How content is stored. */
export type Codec = 'raw' | 'gzip' | 'zstd';

/** Stored bytes that do not decode to the content promised. */
export class CodecError extends HoldfastError {
  constructor(codec: Codec, problem: string, cause?: unknown) {
    super(
      'CODEC_DAMAGED',
      `The ${codec} bytes do not decode: ${problem}. Restore the object that holds them from a copy.`,
      { fields: { codec, problem }, cause },
    );
  }
}

/** The fastest level that compresses: the writer waits for it. */
export const DEFAULT_LEVEL = 1;
/** Z1: large enough that the hand-over between threads is nothing, small enough that a piece takes milliseconds. */
const CHUNK_BYTES = 1024 * 1024;
/** node:zlib accepts no smaller buffer. Also the room beyond the expected end in which too much content shows. */
const SLACK_BYTES = 64;
const MAX_LEVEL = { gzip: 9, zstd: 19 } as const;
/** Z2: 8 MiB, which every decoder must support (RFC 8878 §3.1.1.1.2) and streaming encoders use whatever the content. */
const MIN_WINDOW_LOG = 23;
/** Z2: 128 MiB, the largest window that zstd itself accepts unless told otherwise. */
const MAX_WINDOW_LOG = 27;

const gzipAsync = promisify(gzip);
const zstdAsync = promisify(zstdCompress);

/**
 * `content` as it is stored; `raw` is the very same bytes. They must not change until the promise settles.
 * `level`: 1 (fast) to 9 for gzip, to 19 for zstd.
 */
export async function compress(
  codec: Codec,
  content: Uint8Array,
  level: number = DEFAULT_LEVEL,
): Promise<Uint8Array> {
  if (codec === 'raw') return content;
  assert(Number.isInteger(level) && level >= 1 && level <= MAX_LEVEL[codec], 'a compression level exists', {
    codec,
    level,
  });
  const chunkSize = Math.min(CHUNK_BYTES, content.length + SLACK_BYTES);
  if (codec === 'gzip') return await gzipAsync(content, { level, chunkSize });
  return await zstdAsync(content, {
    chunkSize,
    pledgedSrcSize: content.length, // readers then need no more window than there is content
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/**
 * The content of `stored`: exactly `expectedBytes` of it (Z2). `raw` is the very same bytes, otherwise they are new. `stored` must not change until
 * the promise settles.
 * @throws CodecError when it is damaged, or is content of another length.
 */
export async function decompress(
  codec: Codec,
  stored: Uint8Array,
  expectedBytes: number,
): Promise<Uint8Array> {
  if (codec === 'raw') {
    if (stored.length !== expectedBytes) throw wrongLength(codec, stored.length, expectedBytes);
    return stored;
  }
  assert(Number.isSafeInteger(expectedBytes) && expectedBytes >= 0, 'an expected length is a length', {
    expectedBytes,
  });
  const content = new Uint8Array(Buffer.allocUnsafeSlow(expectedBytes).buffer); // every byte is written, or it is thrown away
  for (let from = 0, filled = 0; ;) {
    const stream = decoder(codec, expectedBytes - filled, expectedBytes);
    filled = await inflate(codec, stream, stored.subarray(from), content, filled);
    const used = stream.bytesWritten;
    from += used;
    if (from === stored.length) {
      if (filled < expectedBytes) throw wrongLength(codec, filled, expectedBytes);
      return content;
    }
    // A gzip stream of node:zlib ends after all members, a zstd stream after one frame; what follows is another, or Z3.
    if (codec === 'gzip' || used === 0)
      throw new CodecError(codec, `${stored.length - from} bytes follow its end`);
  }
}

function wrongLength(codec: Codec, bytes: number | string, expectedBytes: number): CodecError {
  return new CodecError(codec, `${bytes} bytes of content, expected ${expectedBytes}`);
}

function decoder(
  codec: Exclude<Codec, 'raw'>,
  leftBytes: number,
  expectedBytes: number,
): Gunzip | ZstdDecompress {
  const chunkSize = Math.min(CHUNK_BYTES, leftBytes + SLACK_BYTES);
  if (codec === 'gzip') return createGunzip({ chunkSize });
  const windowLog = Math.ceil(Math.log2(Math.max(1, expectedBytes)));
  const windowLogMax = Math.min(MAX_WINDOW_LOG, Math.max(MIN_WINDOW_LOG, windowLog));
  return createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } });
}

/** Decodes into `content` from `at` on; the offset after it. @throws CodecError */
async function inflate(
  codec: Codec,
  stream: Gunzip | ZstdDecompress,
  stored: Uint8Array,
  content: Uint8Array,
  at: number,
): Promise<number> {
  let filled = at;
  try {
    stream.end(stored);
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      if (filled + piece.length > content.length)
        throw wrongLength(codec, `${filled + piece.length} or more`, content.length); // leaving the loop ends the stream
      content.set(piece, filled);
      filled += piece.length;
    }
    return filled;
  } catch (error) {
    if (error instanceof CodecError) throw error;
    throw new CodecError(codec, ensureError(error).message, error);
  }
}
