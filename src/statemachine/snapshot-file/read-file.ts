/**
 * snapshot-file/read: reads a snapshot file, or a stream of its bytes, block by block.
 *
 * U1  Nothing is given on that was not checked: a block goes to the machine once its checksum holds.
 * U2  The machine's stream ends well only if every byte of the file is the one that was written (format S1): any flip, any cut, anything added is an error, at
 *     the latest behind the last byte. Whoever takes the state in must be able to drop it then.
 * U3  Where the size is known before, a cut is found before the first byte is given on.
 */
import { concatBytes } from '../../base/index.ts';
import type { ReadableStateFile } from '../../stateio/index.ts';
import { SnapshotDamagedError } from './errors.ts';
import {
  BLOCK_BYTES,
  CHECKSUM_BYTES,
  checkTail,
  crc32,
  decodeHeaderArea,
  HEADER_AREA_BYTES,
  layoutOf,
  TAIL_BYTES,
  type FileHeader,
} from './format.ts';
import type { SnapshotFigures } from './write-file.ts';

export interface OpenedSnapshot {
  readonly prologue: Uint8Array;
  /** The machine's bytes, to be read once and to their end (U2). */
  readonly state: AsyncIterable<Uint8Array>;
  readonly figures: SnapshotFigures;
}

/**
 * Opens a snapshot that comes as bytes in pieces of any size.
 * @param size of the whole, bytes, where that is known (U3)
 * @throws SnapshotDamagedError, SnapshotVersionError, what the source throws; so does the state's stream
 */
export async function readSnapshotFile(
  source: AsyncIterable<Uint8Array>,
  { size, blockBytes = BLOCK_BYTES }: { readonly size?: number; readonly blockBytes?: number } = {},
): Promise<OpenedSnapshot> {
  const input = new ExactReader(source);
  const header = decodeHeaderArea(await input.take(HEADER_AREA_BYTES));
  const layout = layoutOf(header, blockBytes);
  if (size !== undefined && size !== layout.total)
    throw new SnapshotDamagedError(
      `it has ${size} bytes where its header asks for ${layout.total}`,
      Math.min(size, layout.total),
    );
  const payload = checkedPayload(input, header, blockBytes);
  const { prologue, state } = await splitAt(payload, header.prologueBytes);
  return { prologue, state, figures: { ...header, fileBytes: layout.total } };
}

/** Opens a snapshot file. @throws as readSnapshotFile */
export async function openSnapshotFile(file: ReadableStateFile): Promise<OpenedSnapshot> {
  const size = await file.size();
  return await readSnapshotFile(bytesOf(file, size), { size });
}

/** Reads all of a snapshot and keeps nothing: it is intact if this resolves. @throws as readSnapshotFile */
export async function validateSnapshot(
  source: AsyncIterable<Uint8Array>,
  options: { readonly size?: number; readonly blockBytes?: number } = {},
): Promise<SnapshotFigures> {
  const { state, figures } = await readSnapshotFile(source, options);
  for await (const chunk of state) void chunk;
  return figures;
}

/** A file's bytes, a block at a time. */
export async function* bytesOf(file: ReadableStateFile, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < size; at += BLOCK_BYTES) yield await file.read(at, Math.min(BLOCK_BYTES, size - at));
}

/** The payload, one checked block after another (U1), then the checks behind the last one (U2). */
async function* checkedPayload(
  input: ExactReader,
  header: FileHeader,
  blockBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let checksums = 0;
  for (let left = header.prologueBytes + header.stateBytes; left > 0;) {
    const length = Math.min(left, blockBytes);
    const start = input.offset;
    const block = await input.take(length + CHECKSUM_BYTES);
    const [payload, checksum] = [block.subarray(0, length), block.subarray(length)];
    if (Buffer.from(checksum).readUInt32BE() !== crc32(payload))
      throw new SnapshotDamagedError('the checksum of a block does not hold', start);
    checksums = crc32(checksum, checksums);
    left -= length;
    yield payload;
  }
  if (checksums !== header.payloadChecksum)
    throw new SnapshotDamagedError('its blocks are not those its header was written for', HEADER_AREA_BYTES);
  checkTail(await input.take(TAIL_BYTES), layoutOf(header, blockBytes));
  await input.finish();
}

/** The first bytes of a stream, and the rest as a stream. */
async function splitAt(
  payload: AsyncGenerator<Uint8Array, void>,
  prologueBytes: number,
): Promise<{ readonly prologue: Uint8Array; readonly state: AsyncIterable<Uint8Array> }> {
  const parts: Uint8Array[] = [];
  let rest: Uint8Array | undefined;
  for (let missing = prologueBytes; missing > 0;) {
    const { value } = await payload.next();
    if (!value) break; // cannot be: the payload has at least the prologue's bytes, or has thrown
    parts.push(value.subarray(0, missing));
    if (value.length > missing) rest = value.subarray(missing);
    missing -= Math.min(missing, value.length);
  }
  return { prologue: concatBytes(parts), state: startingWith(rest, payload) };
}

async function* startingWith(
  first: Uint8Array | undefined,
  payload: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  if (first) yield first;
  yield* payload;
}

/** Takes exact numbers of bytes off a stream of pieces. */
class ExactReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  /** Bytes taken so far. */
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @throws SnapshotDamagedError when fewer are left */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      if (this.#piece.length === 0 && !(await this.#fill()))
        throw new SnapshotDamagedError('it ends too early', this.offset + length - missing);
      const part = this.#piece.subarray(0, missing);
      this.#piece = this.#piece.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    this.offset += length;
    return parts.length === 1 && parts[0] ? parts[0] : concatBytes(parts);
  }

  /** @throws SnapshotDamagedError unless everything was taken */
  async finish(): Promise<void> {
    while (this.#piece.length === 0) if (!(await this.#fill())) return;
    throw new SnapshotDamagedError('there is something behind its end', this.offset);
  }

  async #fill(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#piece = next.value;
    return true;
  }
}
