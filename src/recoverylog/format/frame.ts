/**
 * Frames: how ops and their data lie in the journal (gazette.md §1.2-1.3).
 *
 *   66 33 93 36 | u32 length N | N bytes of RecordedOp | write.length bytes of data, if the op is a write
 *
 * R1  Bytes that are no frame are a desync: passed over up to the next magic word and reported with their range, never dropped silently.
 * R2  A frame whose length cannot be true (beyond MAX_OP_BYTES) is not waited for: it is an error with its offset.
 * R3  An incomplete frame stays pending until more bytes come or the caller says that none will (a fence, the head).
 * R4  What is pushed and given out is not copied: frames are views of it. Whoever wants its memory back says so with copyRest(), before anything else is
 *     pushed.
 */
import { checkPosition, viewOf } from '../../base/index.ts';
import { ReplayError } from '../errors.ts';
import { decodeOp, encodeOp, type RecordedOp } from './op.ts';

export const FRAME_HEADER_BYTES = 8;
const MAGIC = 0x3693_3366;
/** Longest op payload: two paths of 4 KiB and a property would still be far below. Without it four damaged bytes ask for 4 GiB. */
export const MAX_OP_BYTES: number = 1024 * 1024;
/** Longest data of one write that is taken into memory whole. Recorders of ours write far less; Gazette's are bounded by their 64 MiB buffer. */
export const MAX_DATA_BYTES: number = 256 * 1024 * 1024;

export type Frame =
  | {
      readonly kind: 'op';
      readonly op: RecordedOp;
      /** The payload as received: what the checksum chain runs over. */
      readonly payload: Uint8Array;
      readonly data: Uint8Array;
      readonly firstOffset: number;
      readonly lastOffset: number;
    }
  | { readonly kind: 'desync'; readonly firstOffset: number; readonly lastOffset: number };

/** A frame's header and payload, in one buffer. */
export function encodeFrame(op: RecordedOp): { readonly frame: Uint8Array; readonly payload: Uint8Array } {
  const frame = encodeOp(op, FRAME_HEADER_BYTES);
  const view = viewOf(frame);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, frame.length - FRAME_HEADER_BYTES, true);
  return { frame, payload: frame.subarray(FRAME_HEADER_BYTES) };
}

/** Takes bytes as they come and gives frames. */
export class FrameReader {
  readonly #log: string;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  /** Offset of the first byte that is not yet part of a frame given out. */
  #offset: number;

  constructor(log: string, offset: number) {
    this.#log = log;
    this.#offset = checkPosition('offset', offset);
  }

  get offset(): number {
    return this.#offset;
  }

  /** Bytes of an incomplete frame. */
  get pending(): number {
    return this.#buffered;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
  }

  /** R4: bytes of the last push() that are still pending are copied, so that nothing but frames given out refers to its memory. */
  copyRest(): void {
    const rest = this.#chunks.pop();
    if (rest) this.#chunks.push(new Uint8Array(rest));
  }

  /** The next whole frame or desync, or undefined until more bytes come (R3). @throws ReplayError */
  next(): Frame | undefined {
    if (this.#buffered < FRAME_HEADER_BYTES) return undefined;
    const header = this.#peek(FRAME_HEADER_BYTES);
    const view = viewOf(header);
    if (view.getUint32(0, true) !== MAGIC) return this.#desync();
    const length = view.getUint32(4, true);
    if (length > MAX_OP_BYTES)
      throw new ReplayError(this.#log, this.#offset, `an operation of ${length} bytes`);
    if (this.#buffered < FRAME_HEADER_BYTES + length) return undefined;
    const payload = this.#peek(FRAME_HEADER_BYTES + length).subarray(FRAME_HEADER_BYTES);
    const op = this.#decode(payload);
    const dataLength = op.write?.length ?? 0;
    if (dataLength > MAX_DATA_BYTES)
      throw new ReplayError(this.#log, this.#offset, `a write of ${dataLength} bytes`);
    const total = FRAME_HEADER_BYTES + length + dataLength;
    if (this.#buffered < total) return undefined;
    const whole = this.#take(total);
    const firstOffset = this.#offset - total;
    return {
      kind: 'op',
      op,
      payload: whole.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length),
      data: whole.subarray(FRAME_HEADER_BYTES + length),
      firstOffset,
      lastOffset: this.#offset,
    };
  }

  /** No more bytes will follow these: an incomplete frame is given up, and its range returned (R3). */
  cutOff(): { readonly firstOffset: number; readonly lastOffset: number } | undefined {
    if (this.#buffered === 0) return undefined;
    const firstOffset = this.#offset;
    this.#take(this.#buffered);
    return { firstOffset, lastOffset: this.#offset };
  }

  #decode(payload: Uint8Array): RecordedOp {
    try {
      return decodeOp(payload);
    } catch (error) {
      throw new ReplayError(
        this.#log,
        this.#offset,
        'an intact frame holds no operation that this program can read',
        error,
      );
    }
  }

  /** R1: up to the next magic word, or all but three bytes, which may be its beginning. */
  #desync(): Frame {
    const all = this.#peek(this.#buffered);
    const view = viewOf(all);
    let end = 1;
    while (end + 4 <= all.length && view.getUint32(end, true) !== MAGIC) end++;
    if (end + 4 > all.length) end = Math.max(1, all.length - 3);
    const firstOffset = this.#offset;
    this.#take(end);
    return { kind: 'desync', firstOffset, lastOffset: this.#offset };
  }

  /** The first `length` buffered bytes in one piece, left in place. */
  #peek(length: number): Uint8Array {
    if (this.#chunks[0]!.length < length) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!.subarray(0, length);
  }

  #take(length: number): Uint8Array {
    const taken = this.#peek(length);
    const rest = this.#chunks[0]!.subarray(length);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    this.#buffered -= length;
    this.#offset += length;
    return taken;
  }
}
