/**
 * The records that these tests append: a number in eight bytes, so that a torn or shifted one is no record.
 */

export const RECORD_BYTES = 8;

/** A record's number, 0 to 2^32-1, and its complement. */
export function encodeRecord(record: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, record, true);
  view.setUint32(4, ~record >>> 0, true);
  return bytes;
}

/** The records in content that arrives in order from its beginning, cut anywhere. */
export class Records {
  readonly numbers: number[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  #end = 0;

  /** @throws Error when the content does not continue what came before, or is no record. */
  add(begin: number, bytes: Uint8Array): void {
    if (begin !== this.#end) throw new Error(`content jumps from byte ${this.#end} to ${begin}`);
    this.#end += bytes.length;
    const whole = Buffer.concat([this.#rest, bytes]);
    const count = Math.floor(whole.length / RECORD_BYTES);
    for (let i = 0; i < count; i++) {
      const number = whole.readUInt32LE(i * RECORD_BYTES);
      if (whole.readUInt32LE(i * RECORD_BYTES + 4) !== ~number >>> 0)
        throw new Error(`no record at byte ${this.numbers.length * RECORD_BYTES}`);
      this.numbers.push(number);
    }
    this.#rest = whole.subarray(count * RECORD_BYTES);
  }
}

/** Index of the record at a byte. @throws Error when no record begins there. */
export function indexOf(position: number): number {
  if (position % RECORD_BYTES !== 0) throw new Error(`byte ${position} is inside a record`);
  return position / RECORD_BYTES;
}
