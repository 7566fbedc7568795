/**
 * entry-stream: writes one entry of unknown length in bounded memory.
 *
 * M1  The bytes are those the whole-entry encoder would give; only the number of writes differs.
 * M2  One record is held back until more bytes come or the stream ends, because only then is its type known.
 */
import { recordType } from './encode.ts';
import type { StateFile } from './file.ts';
import { alignedStart, BLOCK_BYTES, HEADER_BYTES, sealRecord } from './format.ts';

/** Bytes gathered for one write: whoever paces a stream (rewrite.ts E3) counts on it that what was passed on is on its way. */
const WRITE_BYTES = BLOCK_BYTES;

export class EntryStream {
  readonly #file: StateFile;
  readonly #start: number;
  /** Records not yet written, then the one that is held back (M2). */
  readonly #out: Uint8Array = new Uint8Array(WRITE_BYTES + 2 * BLOCK_BYTES);
  /** File offset of the first byte of `#out`. */
  #outStart: number;
  /** Bytes of `#out` that are ready. */
  #ready: number;
  /** Payload bytes of the record that is held back, which stand behind the room for its header. */
  #held = 0;

  constructor(file: StateFile, offset: number) {
    this.#file = file;
    this.#start = alignedStart(offset);
    this.#outStart = offset;
    this.#ready = this.#start - offset; // the buffer is zero there: padding
  }

  /** Takes the next payload bytes; resolves when there is room for more. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length;) {
      taken += this.#take(chunk.subarray(taken));
      if (this.#ready >= WRITE_BYTES) await this.#flush();
    }
  }

  /** Ends the entry and writes what is left. An entry without a byte is none (F1.4). */
  async finish(): Promise<{ readonly start: number; readonly end: number }> {
    if (this.#held > 0) this.#seal(true);
    await this.#flush();
    return { start: this.#start, end: this.#outStart };
  }

  /** Moves as much as fits into the held record; a full one is sealed first, since more bytes are here (M2). */
  #take(bytes: Uint8Array): number {
    if (this.#held === this.#room()) this.#seal(false);
    const part = bytes.subarray(0, this.#room() - this.#held);
    this.#out.set(part, this.#ready + HEADER_BYTES + this.#held);
    this.#held += part.length;
    return part.length;
  }

  /** Payload bytes that the held record can have. */
  #room(): number {
    const at = this.#outStart + this.#ready;
    return BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES;
  }

  #seal(last: boolean): void {
    const at = this.#outStart + this.#ready;
    sealRecord(this.#out, this.#ready, recordType(at === this.#start, last), at - this.#start, this.#held);
    this.#ready += HEADER_BYTES + this.#held;
    this.#held = 0;
  }

  async #flush(): Promise<void> {
    const bytes = this.#out.slice(0, this.#ready);
    await this.#file.write(bytes, this.#outStart);
    this.#out.copyWithin(0, this.#ready, this.#ready + HEADER_BYTES + this.#held);
    this.#outStart += bytes.length;
    this.#ready = 0;
  }
}
