/**
 * Writes that follow one another, gathered into one: SQLite writes a page of its journal in three parts, and neighbouring pages one by one.
 *
 * W1  Nothing overtakes: whatever is not the direct continuation of what is held makes that go out first, and so does every other operation (files.ts).
 *     The order stays SQLite's, and every state after an operation of the log is one that SQLite's own calls went through.
 * W2  At most GATHER_BYTES are held.
 */
import { concatBytes } from '../../../base/index.ts';

/** Enough that frames and system calls cost nothing beside the bytes; little beside what the session buffers. */
export const GATHER_BYTES: number = 128 * 1024;

export class Gatherer<File> {
  readonly #write: (file: File, data: Uint8Array, offset: number) => void;
  #file: File | undefined;
  #begin = 0;
  #end = 0;
  #parts: Uint8Array[] = [];

  /** `write` is given data that nobody else holds. */
  constructor(write: (file: File, data: Uint8Array, offset: number) => void) {
    this.#write = write;
  }

  /** Takes a copy of the data. */
  add(file: File, data: Uint8Array, offset: number): void {
    const continues = file === this.#file && offset === this.#end;
    if (!continues || this.#end - this.#begin + data.length > GATHER_BYTES) {
      this.flush();
      this.#file = file;
      this.#begin = offset;
    }
    this.#parts.push(data.slice());
    this.#end = offset + data.length;
  }

  flush(): void {
    const [file, parts] = [this.#file, this.#parts];
    if (file === undefined) return;
    this.#file = undefined;
    this.#parts = [];
    this.#write(file, parts.length === 1 ? parts[0]! : concatBytes(parts), this.#begin);
  }
}
