/**
 * snapshot-file/write: writes a snapshot file in bounded memory: one block.
 *
 * T1  The header comes last: a file whose writer died on the way has none, and is refused.
 * T2  Each write is handed memory of its own, which may be kept until it is durable (as recorded files ask).
 */
import type { StateFile } from '../../stateio/index.ts';
import type { WriteChunk } from '../types.ts';
import {
  BLOCK_BYTES,
  CHECKSUM_BYTES,
  checksumBytes,
  crc32,
  encodeHeaderArea,
  encodeTail,
  HEADER_AREA_BYTES,
  layoutOf,
} from './format.ts';

/** Writes a snapshot, one chunk after another. The first chunk is the prologue: what the runtime keeps beside the machine's bytes (format.ts). */
export type SaveSnapshot = (write: WriteChunk) => Promise<void>;

/** Figures of a snapshot file, bytes. */
export interface SnapshotFigures {
  readonly prologueBytes: number;
  readonly stateBytes: number;
  readonly fileBytes: number;
  /** CRC-32 over the checksums of its blocks: tells one snapshot from another. */
  readonly payloadChecksum: number;
}

/**
 * Writes a whole file, from byte 0 on, into an empty one. It is not synced.
 * @throws what `save` and the file throw; the file is of no use then
 */
export async function writeSnapshotFile(
  file: Pick<StateFile, 'write'>,
  save: SaveSnapshot,
  blockBytes: number = BLOCK_BYTES,
): Promise<SnapshotFigures> {
  const blocks = new BlockWriter(file, blockBytes);
  let prologueBytes: number | undefined;
  await save(async (chunk) => {
    prologueBytes ??= chunk.length;
    await blocks.write(chunk);
  });
  const payloadChecksum = await blocks.finish();
  prologueBytes ??= 0;
  const stateBytes = blocks.payloadBytes - prologueBytes;
  const layout = layoutOf({ prologueBytes, stateBytes }, blockBytes);
  await file.write(encodeTail(layout), HEADER_AREA_BYTES + layout.blocks);
  await file.write(encodeHeaderArea({ prologueBytes, stateBytes, payloadChecksum }), 0); // T1
  return { prologueBytes, stateBytes, fileBytes: layout.total, payloadChecksum };
}

class BlockWriter {
  readonly #file: Pick<StateFile, 'write'>;
  readonly #blockBytes: number;
  /** The block being filled, with room for its checksum; undefined before its first byte. */
  #block: Uint8Array | undefined;
  #filled = 0;
  #at = HEADER_AREA_BYTES;
  #checksums = 0;
  payloadBytes = 0;

  constructor(file: Pick<StateFile, 'write'>, blockBytes: number) {
    this.#file = file;
    this.#blockBytes = blockBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length;) {
      this.#block ??= new Uint8Array(this.#blockBytes + CHECKSUM_BYTES);
      const part = chunk.subarray(taken, taken + this.#blockBytes - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      this.payloadBytes += part.length;
      taken += part.length;
      if (this.#filled === this.#blockBytes) await this.#flush(this.#block);
    }
  }

  /** @returns the checksum over the checksums of all blocks */
  async finish(): Promise<number> {
    if (this.#block) await this.#flush(this.#block);
    return this.#checksums;
  }

  async #flush(block: Uint8Array): Promise<void> {
    const checksum = checksumBytes(crc32(block.subarray(0, this.#filled)));
    block.set(checksum, this.#filled);
    this.#checksums = crc32(checksum, this.#checksums);
    const bytes = block.subarray(0, this.#filled + CHECKSUM_BYTES);
    this.#block = undefined; // T2
    this.#filled = 0;
    await this.#file.write(bytes, this.#at);
    this.#at += bytes.length;
  }
}
