/**
 * Content as the simulation's readers see it.
 *
 * T1  Whatever anybody reads at an offset is what everybody else read there: the truth is learned from the first and compared with all others.
 * T2  A reader's content is gapless from where it began; what is not there is a hole that it was told of.
 * T3  Content is records: a number and its complement, 8 bytes each, so that a shift or a mixture shows.
 */
import type { JournalEvent } from '../../src/journal/index.ts';

export const RECORD_BYTES = 8;

export function encodeRecord(id: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  new DataView(bytes.buffer).setUint32(0, id, true);
  new DataView(bytes.buffer).setUint32(4, ~id >>> 0, true);
  return bytes;
}

const FIRST_BYTES = 4096;

/** The log, as far as anybody has read it (T1). */
export class Truth {
  #bytes: Buffer = Buffer.alloc(FIRST_BYTES);
  /** 1 for each byte that somebody has read. */
  #known: Buffer = Buffer.alloc(FIRST_BYTES);
  #end = 0;
  /** Everything below is known. */
  #gapless = 0;

  /** End of what anybody has read. */
  get end(): number {
    return this.#end;
  }

  learn(begin: number, bytes: Uint8Array, who: string): void {
    const end = begin + bytes.length;
    while (end > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
      this.#known = Buffer.concat([this.#known, Buffer.alloc(this.#known.length)]);
    }
    if (end <= this.#gapless) {
      if (this.#bytes.compare(bytes, 0, bytes.length, begin, end) === 0) return;
      throw new Error(`X4: ${who} read in [${begin}, ${end}) something else than others`);
    }
    for (let i = 0; i < bytes.length; i++) {
      if (this.#known[begin + i] === 1 && this.#bytes[begin + i] !== bytes[i])
        throw new Error(`X4: ${who} read at ${begin + i} something else than others`);
    }
    this.#bytes.set(bytes, begin);
    this.#known.fill(1, begin, end);
    if (begin <= this.#gapless) this.#gapless = end;
    this.#end = Math.max(this.#end, end);
  }

  isKnown(begin: number, end: number): boolean {
    return end <= this.#end && !this.#known.subarray(begin, end).includes(0);
  }

  /** Offsets of the records that are wholly known (T3). */
  records(): Map<number, number> {
    const offsets = new Map<number, number>();
    for (let at = 0; at + RECORD_BYTES <= this.#end; at += RECORD_BYTES) {
      if (!this.isKnown(at, at + RECORD_BYTES)) continue;
      const id = this.#bytes.readUInt32LE(at);
      if (this.#bytes.readUInt32LE(at + 4) !== ~id >>> 0) throw new Error(`X4: no record stands at ${at}`);
      if (offsets.has(id))
        throw new Error(`X1: record ${id} is in the log at ${offsets.get(id)} and at ${at}`);
      offsets.set(id, at);
    }
    return offsets;
  }
}

/** What one reader has read (T2). */
export class Content {
  readonly who: string;
  readonly #truth: Truth;
  readonly #onHole: (begin: number, end: number, who: string) => void;
  #end: number;

  constructor(
    truth: Truth,
    onHole: (begin: number, end: number, who: string) => void,
    who: string,
    from = 0,
  ) {
    this.who = who;
    this.#truth = truth;
    this.#onHole = onHole;
    this.#end = from;
  }

  get end(): number {
    return this.#end;
  }

  take(event: JournalEvent): void {
    if (event.kind !== 'data' && event.kind !== 'hole') return;
    const { begin, end } = event;
    if (begin !== this.#end || end <= begin)
      throw new Error(`X4: ${this.who} is at ${this.#end} and is given [${begin}, ${end})`);
    if (event.kind === 'hole') this.#onHole(begin, end, this.who);
    else if (event.bytes.length !== end - begin)
      throw new Error(`X4: ${this.who} is given ${event.bytes.length} bytes for [${begin}, ${end})`);
    else this.#truth.learn(begin, event.bytes, this.who);
    this.#end = end;
  }
}
