/**
 * The frames of one part of a restore, from the events of the reader of its log.
 *
 * K1  Where the reader has left bytes out, frames begin anew: what was pending belongs to nothing that is wanted (reader.ts D7).
 * K2  Bytes of an operation that a fence has cut off are given up, with their range.
 */
import type { JournalEvent } from '../../journal/index.ts';
import { FrameReader, type Frame } from '../format/frame.ts';

type Data = Extract<JournalEvent, { kind: 'data' }>;

export class LogFeed {
  readonly log: string;
  #frames: FrameReader;
  /** End of what was read. */
  #readTo: number;

  /** @param begin where its first frame begins */
  constructor(log: string, begin: number) {
    this.log = log;
    this.#frames = new FrameReader(log, begin);
    this.#readTo = begin;
  }

  /** Offset up to which frames were given. */
  get offset(): number {
    return this.#frames.offset;
  }

  /** End of what was read. */
  get readTo(): number {
    return this.#readTo;
  }

  push({ begin, end, bytes }: Pick<Data, 'begin' | 'end' | 'bytes'>): void {
    if (begin > this.#readTo) this.#frames = new FrameReader(this.log, begin); // K1
    this.#frames.push(bytes);
    this.#readTo = end;
  }

  /** The next whole frame or desync, as FrameReader. @throws ReplayError */
  next(): Frame | undefined {
    return this.#frames.next();
  }

  /** Nothing refers to the memory of what was pushed last but the frames that were given. */
  letGo(): void {
    this.#frames.copyRest();
  }

  /** K2 */
  cutOff(): { readonly firstOffset: number; readonly lastOffset: number } | undefined {
    return this.#frames.cutOff();
  }
}
