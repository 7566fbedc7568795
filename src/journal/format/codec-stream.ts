/**
 * Compression of content that flows: neither side of it is ever in memory as a whole.
 *
 * Y1  As Z1 of codec.ts: on the thread pool, piece by piece; what has at most SMALL_BYTES is gathered and done at once.
 * Y2  As Z2 and Z3: not one byte more or less than promised, and none stored behind the end. What was given out by then may be wrong.
 * Y3  A piece that was taken is used up: its memory is the giver's again.
 */
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { assert, ensureError } from '../../base/index.ts';
import {
  CodecError,
  compress,
  decoding,
  decompress,
  encoding,
  SMALL_BYTES,
  tooLong,
  wrongLength,
  type Codec,
  type Compressed,
} from './codec.ts';

/** Takes content and gives what is to be stored of it to a sink. */
export interface Flow {
  /** Takes the next piece (Y3). */
  push(piece: Uint8Array): Promise<void>;
  /** All content was pushed: afterwards the sink has everything. */
  end(): Promise<void>;
  /** Ends it wherever it stands. */
  stop(): void;
}

/** Compression of `contentBytes` of content, as compress() does it; the sink uses each piece up before it returns. */
export function compressing(
  codec: Compressed,
  contentBytes: number,
  sink: (stored: Uint8Array) => void,
): Flow {
  if (contentBytes > SMALL_BYTES) return new ThreadedFlow(codec, contentBytes, sink);
  const gathered = new Gathered(contentBytes);
  return {
    push: async (piece) => gathered.add(piece),
    end: async () => sink(await compress(codec, gathered.bytes)),
    stop: () => undefined,
  };
}

/** The one that compresses on threads (Y1). */
class ThreadedFlow implements Flow {
  readonly #stream: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>;
  readonly #over: Promise<void>;

  constructor(codec: Compressed, contentBytes: number, sink: (stored: Uint8Array) => void) {
    const options = encoding(contentBytes);
    const stream = codec === 'gzip' ? createGzip(options.gzip) : createZstdCompress(options.zstd);
    this.#stream = stream;
    this.#over = new Promise((resolve, reject) => {
      stream.on('data', sink).once('end', resolve).once('error', reject);
    });
    this.#over.catch(() => undefined); // seen by whoever pushes or ends
  }

  push(piece: Uint8Array): Promise<void> {
    return written(this.#stream, piece);
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.#over;
  }

  stop(): void {
    this.#stream.destroy();
  }
}

/** Bytes of a known length, put together. */
class Gathered {
  readonly #whole: Uint8Array;
  #filled = 0;

  constructor(bytes: number) {
    this.#whole = new Uint8Array(bytes);
  }

  add(piece: Uint8Array): void {
    assert(this.#filled + piece.length <= this.#whole.length, 'Y2: no more comes than was promised');
    this.#whole.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  get bytes(): Uint8Array {
    return this.#whole.subarray(0, this.#filled);
  }
}

/** Lengths of both sides of a compressed object. */
export interface StoredLengths {
  readonly stored: number;
  readonly content: number;
}

/**
 * The content of what is stored, piece by piece; a piece of `stored` is used up when the next one is asked for (Y3).
 * @throws CodecError (Y2), what `stored` throws
 */
export async function* decompressing(
  codec: Codec,
  stored: AsyncIterable<Uint8Array>,
  lengths: StoredLengths,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = lengths.content;
  const decoded =
    codec === 'raw'
      ? stored
      : Math.max(lengths.stored, lengths.content) <= SMALL_BYTES
        ? decodedAtOnce(codec, stored, lengths)
        : decodedFrames(codec, stored, lengths);
  for await (const piece of decoded) {
    left -= piece.length;
    if (left < 0) throw tooLong(codec, lengths.content);
    yield piece;
  }
  if (left > 0) throw wrongLength(codec, lengths.content - left, lengths.content);
}

async function* decodedAtOnce(
  codec: Compressed,
  stored: AsyncIterable<Uint8Array>,
  lengths: StoredLengths,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gathered = new Gathered(lengths.stored);
  for await (const piece of stored) gathered.add(piece);
  yield await decompress(codec, gathered.bytes, lengths.content);
}

type Inflating = ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>;

/** One stream a frame of zstd, one for all members of gzip: so node:zlib ends. */
async function* decodedFrames(
  codec: Compressed,
  stored: AsyncIterable<Uint8Array>,
  lengths: StoredLengths,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = new Source(stored);
  const options = decoding(codec, lengths.content, lengths.content);
  try {
    for (let first = await source.next(); first;) {
      const stream = codec === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
      const feeding = feed(stream, source, first);
      feeding.catch(() => undefined); // met below
      yield* stream as AsyncIterable<Uint8Array>;
      const rest = await feeding;
      if (rest && (codec === 'gzip' || stream.bytesWritten === 0))
        throw new CodecError(codec, `more bytes follow its end`);
      first = rest;
    }
  } catch (error) {
    if (source.failed) throw source.failed.error;
    if (error instanceof CodecError) throw error;
    throw new CodecError(codec, ensureError(error).message, error);
  } finally {
    await source.stop();
  }
}

/** Writes the first piece and all that follow; what the end of the stream left of a piece, undefined when it took everything. */
async function feed(stream: Inflating, source: Source, first: Uint8Array): Promise<Uint8Array | undefined> {
  const ended = new Promise<void>((resolve) => stream.once('end', resolve));
  let given = 0;
  for (let piece: Uint8Array | undefined = first; piece; piece = await source.next(stream)) {
    await Promise.race([written(stream, piece), ended]); // what ends within a piece does not always answer for it
    const used = stream.bytesWritten - given;
    if (used < piece.length) return piece.subarray(used);
    given += used;
  }
  stream.end();
  return undefined;
}

/** Pieces that are not empty, and the failure that ended them. */
class Source {
  readonly #pieces: AsyncIterator<Uint8Array>;
  failed: { readonly error: unknown } | undefined;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next piece; undefined at the end. A failure ends `reader` too. */
  async next(reader?: Inflating): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const { value, done } = await this.#pieces.next();
        if (done) return undefined;
        if (value.length > 0) return value;
      }
    } catch (error) {
      this.failed = { error };
      reader?.destroy(ensureError(error));
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#pieces.return?.();
  }
}

/** Writes a piece; settles when it is used up. */
function written(stream: ThreadedStream, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

interface ThreadedStream {
  write(piece: Uint8Array, done: (error?: Error | null) => void): boolean;
}
