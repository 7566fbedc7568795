/**
 * Frames: how ops and their data lie in the journal (gazette.md §1.2-1.3).
 *
 *   66 33 93 36 | u32 length N | N bytes of RecordedOp | write.length bytes of data, if the op is a write
 *
 * R1  Bytes that are no frame are a desync: passed over up to the next magic word and reported with their range, never dropped silently.
 * R2  A frame whose length cannot be true (beyond MAX_OP_BYTES) is not waited for: it is an error with its offset, and nothing is allocated for it.
 * R3  An incomplete frame stays pending until more bytes come or the caller says that none will (a fence, the head).
 * R4  What is pushed and given out is not copied: frames are views of it, made when somebody looks. Whoever wants its memory back says so with
 *     copyRest(), before anything else is pushed. Only a frame that lies across the end of a piece is put together, and only that one.
 */
import { checkPosition, crc32c } from '../../base/index.ts';
import { ReplayError } from '../errors.ts';
import { decodeOpAt, opLength, opReader, putOp, type OpPlace, type RecordedOp } from './op.ts';
import type { WireReader } from './wire.ts';

export const FRAME_HEADER_BYTES = 8;
const MAGIC = [0x66, 0x33, 0x93, 0x36] as const;
const MAGIC_BYTES = Buffer.from(MAGIC);
/** Longest op payload: two paths of 4 KiB and a property would still be far below. Without it four damaged bytes ask for 4 GiB. */
export const MAX_OP_BYTES: number = 1024 * 1024;
/** Longest data of one write that is taken into memory whole. Recorders of ours write far less; Gazette's are bounded by their 64 MiB buffer. */
export const MAX_DATA_BYTES: number = 256 * 1024 * 1024;

/** An operation as it was found in the log. */
export class OpFrame implements OpPlace {
  readonly kind = 'op' as const;
  readonly op: RecordedOp;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly log: string;
  readonly #bytes: Uint8Array;
  readonly #payloadAt: number;
  readonly #dataAt: number;

  /** The frame of `op` in `bytes`: its payload is [payloadAt, dataAt), its data follows. */
  constructor(
    op: RecordedOp,
    bytes: Uint8Array,
    payloadAt: number,
    dataAt: number,
    log: string,
    firstOffset: number,
    lastOffset: number,
  ) {
    this.op = op;
    this.firstOffset = firstOffset;
    this.lastOffset = lastOffset;
    this.log = log;
    this.#bytes = bytes;
    this.#payloadAt = payloadAt;
    this.#dataAt = dataAt;
  }

  /** The payload as received: what the checksum chain runs over. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(this.#payloadAt, this.#dataAt);
  }

  /** What a write writes. */
  get data(): Uint8Array {
    return this.#bytes.subarray(this.#dataAt, this.#dataAt + (this.op.write?.length ?? 0));
  }

  /** The checksum chain behind this operation, given the one before it. */
  checksumAfter(before: number): number {
    return crc32c(this.#bytes, before, this.#payloadAt, this.#dataAt);
  }
}

export interface Desync {
  readonly kind: 'desync';
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export type Frame = OpFrame | Desync;

/** Bytes of a frame: its header and its payload. */
export function frameLength(op: RecordedOp): number {
  return FRAME_HEADER_BYTES + opLength(op);
}

/**
 * Writes a frame at `at` of `bytes`, which has room for frameLength() of them, and returns where it ends. Its payload begins FRAME_HEADER_BYTES behind `at`.
 * @throws PositionError
 */
export function putFrame(op: RecordedOp, bytes: Uint8Array, at: number): number {
  const end = putOp(op, bytes, at + FRAME_HEADER_BYTES);
  const length = end - at - FRAME_HEADER_BYTES;
  for (let i = 0; i < 4; i++) {
    bytes[at + i] = MAGIC[i]!;
    bytes[at + 4 + i] = length >>> (8 * i);
  }
  return end;
}

/** A frame's header and payload, in one buffer. @throws PositionError */
export function encodeFrame(op: RecordedOp): { readonly frame: Uint8Array; readonly payload: Uint8Array } {
  const frame = new Uint8Array(frameLength(op));
  putFrame(op, frame, 0);
  return { frame, payload: frame.subarray(FRAME_HEADER_BYTES) };
}

/** Takes bytes as they come and gives frames. */
export class FrameReader {
  readonly #log: string;
  readonly #wire: WireReader = opReader();
  #chunks: Uint8Array[] = [];
  /** Where the first chunk goes on. */
  #at = 0;
  #buffered = 0;
  /** With fewer bytes there is nothing to be found. */
  #needed = FRAME_HEADER_BYTES;
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
    if (!rest) return;
    const from = this.#chunks.length === 0 ? this.#at : 0;
    this.#chunks.push(new Uint8Array(rest.subarray(from)));
    if (from > 0) this.#at = 0;
  }

  /** The next whole frame or desync, or undefined until more bytes come (R3). @throws ReplayError */
  next(): Frame | undefined {
    if (this.#buffered < this.#needed) return undefined;
    const head = this.#reach(FRAME_HEADER_BYTES);
    if (!isMagic(head, this.#at)) return this.#desync();
    const length = lengthAt(head, this.#at + 4);
    if (length > MAX_OP_BYTES) throw this.#bad(`an operation of ${length} bytes`);
    const behindPayload = FRAME_HEADER_BYTES + length;
    if (this.#buffered < behindPayload) return this.#wait(behindPayload);
    const op = this.#decode(this.#reach(behindPayload), length);
    const dataLength = op.write === undefined ? 0 : op.write.length;
    if (dataLength > MAX_DATA_BYTES) throw this.#bad(`a write of ${dataLength} bytes`);
    const total = behindPayload + dataLength;
    if (this.#buffered < total) return this.#wait(total);
    const bytes = this.#reach(total);
    const at = this.#at;
    const firstOffset = this.#offset;
    this.#pass(total);
    const payloadAt = at + FRAME_HEADER_BYTES;
    return new OpFrame(op, bytes, payloadAt, payloadAt + length, this.#log, firstOffset, this.#offset);
  }

  /** No more bytes will follow these: an incomplete frame is given up, and its range returned (R3). */
  cutOff(): { readonly firstOffset: number; readonly lastOffset: number } | undefined {
    if (this.#buffered === 0) return undefined;
    const firstOffset = this.#offset;
    this.#offset += this.#buffered;
    this.#chunks = [];
    this.#at = 0;
    this.#buffered = 0;
    this.#needed = FRAME_HEADER_BYTES;
    return { firstOffset, lastOffset: this.#offset };
  }

  #wait(needed: number): undefined {
    this.#needed = needed;
    return undefined;
  }

  #decode(bytes: Uint8Array, length: number): RecordedOp {
    const payloadAt = this.#at + FRAME_HEADER_BYTES;
    try {
      return decodeOpAt(this.#wire, bytes, payloadAt, payloadAt + length);
    } catch (error) {
      throw this.#bad('an intact frame holds no operation that this program can read', error);
    }
  }

  /** R1: up to the next magic word, or all but three bytes, which may be its beginning. */
  #desync(): Frame {
    const all = this.#reach(this.#buffered);
    const { buffer, byteOffset, byteLength } = all;
    const found = Buffer.from(buffer, byteOffset, byteLength).indexOf(MAGIC_BYTES, this.#at + 1);
    const firstOffset = this.#offset;
    this.#pass(found >= 0 ? found - this.#at : Math.max(1, this.#buffered - MAGIC.length + 1));
    return { kind: 'desync', firstOffset, lastOffset: this.#offset };
  }

  /** The chunk in which the next `length` buffered bytes lie in one piece from #at on (R4). */
  #reach(length: number): Uint8Array {
    const first = this.#chunks[0]!;
    return first.length - this.#at >= length ? first : this.#join(length);
  }

  #join(length: number): Uint8Array {
    const joined = new Uint8Array(length); // no more: what follows must begin in the next piece, not across an end again
    let filled = 0;
    let taken = 0;
    while (filled < joined.length) {
      const chunk = this.#chunks[taken]!;
      const piece = chunk.subarray(this.#at, this.#at + joined.length - filled);
      joined.set(piece, filled);
      filled += piece.length;
      this.#at += piece.length;
      if (this.#at < chunk.length) break;
      this.#at = 0;
      taken++;
    }
    const cut = this.#at;
    this.#chunks.splice(0, taken, joined);
    if (cut > 0) this.#chunks[1] = this.#chunks[1]!.subarray(cut);
    this.#at = 0;
    return joined;
  }

  #pass(length: number): void {
    this.#buffered -= length;
    this.#offset += length;
    this.#needed = FRAME_HEADER_BYTES;
    this.#at += length;
    if (this.#at < this.#chunks[0]!.length) return;
    this.#chunks.shift();
    this.#at = 0;
  }

  #bad(problem: string, cause?: unknown): ReplayError {
    return new ReplayError(this.#log, this.#offset, problem, cause);
  }
}

function isMagic(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === MAGIC[0] &&
    bytes[at + 1] === MAGIC[1] &&
    bytes[at + 2] === MAGIC[2] &&
    bytes[at + 3] === MAGIC[3]
  );
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
