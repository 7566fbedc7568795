/**
 * snapshot-stream: writes one snapshot entry of unknown length in bounded memory.
 *
 * M1  The bytes are those the whole-entry encoder would give; only the number of writes differs.
 * M2  One record is held back until more bytes come or the stream ends, because only then is its type known.
 */
import type { StateFile } from './file.ts';
import { recordType } from './encode.ts';
import {
  alignedStart,
  BLOCK_BYTES,
  ENTRY_SNAPSHOT,
  entryHeader,
  HEADER_BYTES,
  MAX_RECORD_PAYLOAD,
  putRecord,
} from './format.ts';

/** Bytes gathered for one write: 1 MiB, far below what one recorded operation may carry. */
const WRITE_BYTES = 32 * BLOCK_BYTES;

export class SnapshotStream {
  readonly #file: StateFile;
  readonly #start: number;
  /** Payload of the record that is held back (M2). */
  readonly #record: Uint8Array = new Uint8Array(MAX_RECORD_PAYLOAD);
  #filled = 0;
  /** Records not yet written, with the file offset of the first byte. */
  readonly #out: Uint8Array = new Uint8Array(WRITE_BYTES + BLOCK_BYTES);
  #outStart: number;
  #outLength = 0;

  constructor(file: StateFile, offset: number, previousEpoch: number) {
    this.#file = file;
    this.#start = alignedStart(offset);
    this.#outStart = offset;
    this.#outLength = this.#start - offset; // the buffer is zero there: padding
    // With 16 bytes left in the block the first record carries one byte of the header (F1.6).
    for (let rest = entryHeader(ENTRY_SNAPSHOT, previousEpoch); rest.length > 0;) {
      rest = rest.subarray(this.#take(rest));
    }
  }

  /** Takes the next payload bytes; resolves when there is room for more. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length;) {
      taken += this.#take(chunk.subarray(taken));
      if (this.#outLength >= WRITE_BYTES) await this.#flush();
    }
  }

  /** Ends the entry and writes what is left. */
  async finish(): Promise<{ readonly start: number; readonly end: number }> {
    this.#emit(true);
    await this.#flush();
    return { start: this.#start, end: this.#outStart };
  }

  /** Moves as much as fits into the held record; a full one is emitted first, since more bytes are here (M2). */
  #take(bytes: Uint8Array): number {
    if (this.#filled === this.#room()) this.#emit(false);
    const part = bytes.subarray(0, this.#room() - this.#filled);
    this.#record.set(part, this.#filled);
    this.#filled += part.length;
    return part.length;
  }

  /** Payload bytes that the record at the current place can hold. */
  #room(): number {
    const at = this.#outStart + this.#outLength;
    return BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES;
  }

  #emit(last: boolean): void {
    const at = this.#outStart + this.#outLength;
    const payload = this.#record.subarray(0, this.#filled);
    putRecord(this.#out, this.#outLength, recordType(at === this.#start, last), at - this.#start, payload);
    this.#outLength += HEADER_BYTES + payload.length;
    this.#filled = 0;
  }

  async #flush(): Promise<void> {
    const bytes = this.#out.slice(0, this.#outLength);
    await this.#file.write(bytes, this.#outStart);
    this.#outStart += bytes.length;
    this.#outLength = 0;
  }
}
