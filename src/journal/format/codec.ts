/**
 * Compression of stored content: what slots and fragments are written with, and the way back.
 *
 * Z1  Work is done on the thread pool in pieces of CHUNK_BYTES; the event loop only passes them on. What has at most SMALL_BYTES is done at once:
 *     handing it over would take longer, and a simulation, which has no threads, stays one.
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
  gunzipSync,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompressSync,
  type ZlibOptions,
  type ZstdOptions,
} from 'node:zlib';
import { assert, ensureError, errorCode, HoldfastError } from '../../base/index.ts';

/** How content is stored. */
export type Codec = 'raw' | 'gzip' | 'zstd';

export type Compressed = Exclude<Codec, 'raw'>;

/** Stored bytes that do not decode to the content promised. */
export class CodecError extends HoldfastError {
  constructor(codec: string, problem: string, cause?: unknown) {
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
/** Z1: 0.2 ms to compress with zstd, 0.7 ms with gzip, as long as the event loop spends on other things. */
export const SMALL_BYTES: number = 64 * 1024;
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
  const isSmall = content.length <= SMALL_BYTES;
  const options = encoding(content.length, level);
  if (codec === 'gzip')
    return isSmall ? gzipSync(content, options.gzip) : await gzipAsync(content, options.gzip);
  return isSmall ? zstdCompressSync(content, options.zstd) : await zstdAsync(content, options.zstd);
}

/** How content of so many bytes is compressed (Z4). */
export function encoding(
  contentBytes: number,
  level: number = DEFAULT_LEVEL,
): { readonly gzip: ZlibOptions; readonly zstd: ZstdOptions } {
  const chunkSize = Math.min(CHUNK_BYTES, contentBytes + SLACK_BYTES);
  const zstd = {
    chunkSize,
    pledgedSrcSize: contentBytes, // readers then need no more window than there is content
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  };
  return { gzip: { level, chunkSize }, zstd };
}

/**
 * The content of `stored`: exactly `expectedBytes` of it (Z2). `raw` is the very same bytes, otherwise they are new. `stored` must not change until
 * the promise settles. `seen` is told of the content from its beginning on, as it is decoded; it may turn out to be wrong.
 * @throws CodecError when it is damaged, or is content of another length.
 */
export async function decompress(
  codec: Codec,
  stored: Uint8Array,
  expectedBytes: number,
  seen: (content: Uint8Array) => void = () => undefined,
): Promise<Uint8Array> {
  if (codec === 'raw') {
    if (stored.length !== expectedBytes) throw wrongLength(codec, stored.length, expectedBytes);
    seen(stored);
    return stored;
  }
  assert(Number.isSafeInteger(expectedBytes) && expectedBytes >= 0, 'an expected length is a length', {
    expectedBytes,
  });
  const content = new Uint8Array(Buffer.allocUnsafeSlow(expectedBytes).buffer); // every byte is written, or it is thrown away
  const inflate = Math.max(stored.length, expectedBytes) <= SMALL_BYTES ? inflateNow : inflateOnThreads;
  for (let from = 0, filled = 0; ;) {
    const used = await inflate(codec, stored.subarray(from), content, filled, seen);
    from += used.stored;
    filled += used.content;
    if (from === stored.length) {
      if (filled < expectedBytes) throw wrongLength(codec, filled, expectedBytes);
      return content;
    }
    // node:zlib ends after all members of gzip, but after one frame of zstd; what follows is another, or Z3.
    if (codec === 'gzip' || used.stored === 0)
      throw new CodecError(codec, `${stored.length - from} bytes follow its end`);
  }
}

/** How far one step has come: bytes read and bytes written. */
interface Used {
  readonly stored: number;
  readonly content: number;
}

export function wrongLength(codec: Codec, bytes: number, expectedBytes: number): CodecError {
  return new CodecError(codec, `${bytes} bytes of content, expected ${expectedBytes}`);
}

export function tooLong(codec: Codec, expectedBytes: number): CodecError {
  return new CodecError(codec, `more content than the ${expectedBytes} bytes expected`);
}

/** Decodes into `content` from `at` on. @throws CodecError */
async function inflateOnThreads(
  codec: Compressed,
  stored: Uint8Array,
  content: Uint8Array,
  at: number,
  seen: (content: Uint8Array) => void,
): Promise<Used> {
  const options = decoding(codec, content.length - at, content.length);
  const stream = codec === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  let filled = at;
  try {
    stream.end(stored);
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      if (filled + piece.length > content.length) throw tooLong(codec, content.length); // leaving the loop ends the stream
      content.set(piece, filled);
      seen(piece);
      filled += piece.length;
    }
  } catch (error) {
    if (error instanceof CodecError) throw error;
    throw new CodecError(codec, ensureError(error).message, error);
  }
  return { stored: stream.bytesWritten, content: filled - at };
}

/** Same, at once. @throws CodecError */
function inflateNow(
  codec: Compressed,
  stored: Uint8Array,
  content: Uint8Array,
  at: number,
  seen: (content: Uint8Array) => void,
): Used {
  const left = content.length - at;
  const options = {
    ...decoding(codec, left, content.length),
    maxOutputLength: Math.max(1, left),
    info: true,
  };
  let decoded: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    // With `info` there is more to the answer than the type says.
    decoded = (codec === 'gzip' ? gunzipSync : zstdDecompressSync)(
      stored,
      options,
    ) as unknown as typeof decoded;
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLong(codec, content.length);
    throw new CodecError(codec, ensureError(error).message, error);
  }
  if (decoded.buffer.length > left) throw tooLong(codec, content.length);
  content.set(decoded.buffer, at);
  seen(decoded.buffer);
  return { stored: decoded.engine.bytesWritten, content: decoded.buffer.length };
}

/** How content of so many bytes is decompressed, of which `leftBytes` are still to come (Z2). */
export function decoding(
  codec: Compressed,
  leftBytes: number,
  expectedBytes: number,
): ZlibOptions & ZstdOptions {
  const chunkSize = Math.min(CHUNK_BYTES, leftBytes + SLACK_BYTES);
  if (codec === 'gzip') return { chunkSize };
  const windowLog = Math.ceil(Math.log2(Math.max(1, expectedBytes)));
  const windowLogMax = Math.min(MAX_WINDOW_LOG, Math.max(MIN_WINDOW_LOG, windowLog));
  return { chunkSize, params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } };
}
