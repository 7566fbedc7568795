/**
 * The bytes of a snapshot: what a new replica loads instead of the whole history.
 *
 *   u8 version = 3 | frame: header | frames: pairs … | frames: staged pairs … | frame of length 0
 *   frame:  u32 big endian length | u32 big endian CRC-32C of the body, continued from the frame before | body
 *   header: number change | history block | number now | number pairs | u8 0, or u8 1 | id block | number next part | number at | number staged pairs
 *   pairs:  key block, value block, number expiry (0 never), again and again
 *
 *   version 2: as version 3, without the history block
 *   version 1: u8 1 | varint pairs | frames … | frame of length 0; a frame is u32 length and pairs without expiry
 *
 * P1  Frames hold whole pairs in ascending key order, so that both sides work in bounded memory and between frames the writer may wait.
 * P2  The counts stand at the front, each frame has a checksum that covers all before it, and an empty frame ends it: a snapshot that is cut, changed, or
 *     lacks a pair is refused.
 * P3  What is read out of a frame is whole: nothing is handed on before its checksum is known to be right.
 */
import { crc32c, fromHex, toHex } from '../../base/index.ts';
import { KvFormatError } from '../errors.ts';
import { bytesOf, keyOf } from '../key.ts';
import { MAX_KEY_BYTES, MAX_REPLACE_ID_BYTES, MAX_VALUE_BYTES, MIN_KEY_BYTES } from '../limits.ts';
import { WireReader, WireWriter } from '../wire.ts';
import { HISTORY_BYTES, NO_HISTORY, type History } from './history.ts';
import { FRAME_HEAD_BYTES, FrameWriter, MAX_FRAME_BYTES } from './snapshot-frame.ts';
import { type Attributes, type Replacement } from './state.ts';
import { type Stored, type TableView } from './table.ts';

const VERSION_1 = 1;
const VERSION_2 = 2;
const VERSION = 3;
const VERSIONS: readonly number[] = [VERSION_1, VERSION_2, VERSION];
const WHAT = 'snapshot';

/** Pairs that follow those before them in ascending order: `keys[n]` holds `stored[n]`. */
export interface PairRun {
  readonly kind: 'pairs';
  readonly into: 'current' | 'staged';
  readonly keys: readonly string[];
  readonly stored: readonly Stored[];
}

export interface SnapshotStart {
  readonly kind: 'start';
  readonly attributes: Attributes;
}

/** The snapshot of a view, chunk by chunk. `staged` belongs to a replacement under way. */
export function* snapshotChunks(
  attributes: Attributes,
  view: TableView,
  staged: TableView | undefined,
): Generator<Uint8Array> {
  const frames = new FrameWriter();
  yield Uint8Array.of(VERSION);
  yield frames.takeOf(headerOf(attributes, view, staged));
  yield* framesOf(frames, view);
  if (staged) yield* framesOf(frames, staged);
  yield frames.take(); // the empty one
}

const FRAME_1_HEAD_BYTES = 4;

function headerOf(
  { change, history = NO_HISTORY, now, replacement }: Attributes,
  view: TableView,
  staged: TableView | undefined,
): Uint8Array {
  const out = new WireWriter().varint(change).block(fromHex(history)).varint(now).varint(view.size);
  if (!replacement) return out.byte(0).finish();
  const { id, nextPart, at } = replacement;
  out.byte(1).block(bytesOf(id)).varint(nextPart).varint(at);
  return out.varint(staged?.size ?? 0).finish();
}

function* framesOf(frames: FrameWriter, view: TableView): Generator<Uint8Array> {
  for (const [key, stored] of view.entries()) {
    frames.add(key, stored);
    if (frames.isFull) yield frames.take();
  }
  if (!frames.isEmpty) yield frames.take();
}

/**
 * Reads a snapshot that arrives in chunks of any size: first its start, then its pairs. What comes at its end is known to be whole only when the
 * iteration is over.
 * @throws KvFormatError (P2), or the signal's reason
 */
export async function* readSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SnapshotStart | PairRun> {
  const reader = new SnapshotReader();
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    reader.add(chunk);
    for (let part = reader.next(); part; part = reader.next()) yield part;
  }
  reader.finish();
}

/** What a snapshot's beginning says. */
interface Announced {
  readonly attributes: Attributes;
  readonly pairs: number;
  readonly staged: number;
  readonly version: number;
}

class SnapshotReader {
  #rest: Uint8Array = new Uint8Array();
  /** What comes behind it: joined when what is next is whole, so that no byte is copied again with every chunk. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Bytes without which nothing more is whole. */
  #needed = 0;
  #version: number | undefined;
  #announced: Announced | undefined;
  #read = 0;
  #crc = 0;
  #ended = false;
  #lastKey = '';

  add(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  #join(): void {
    const [first] = this.#waiting;
    const isOne = this.#rest.length === 0 && this.#waiting.length === 1;
    this.#rest = isOne ? first! : Buffer.concat([this.#rest, ...this.#waiting]);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#needed = 0;
  }

  /** Whether so many bytes are there. */
  #has(bytes: number): boolean {
    if (this.#rest.length >= bytes) return true;
    this.#needed = bytes;
    return false;
  }

  /** What is whole by now. @throws KvFormatError */
  next(): SnapshotStart | PairRun | undefined {
    if (this.#rest.length + this.#waitingBytes < this.#needed) return undefined;
    if (this.#waiting.length > 0) this.#join();
    this.#version ??= this.#take(1)?.[0];
    if (this.#version === undefined || this.#ended) return undefined;
    if (!VERSIONS.includes(this.#version)) throw bad(`version ${this.#version}`);
    if (!this.#announced) {
      this.#announced = this.#version === VERSION_1 ? this.#start1() : this.#start();
      return this.#announced && { kind: 'start', attributes: this.#announced.attributes };
    }
    const body = this.#frame();
    if (body && body.length > 0) return this.#run(body, this.#announced);
    this.#ended = body !== undefined;
    return undefined;
  }

  /** @throws KvFormatError unless all of it was there and nothing else */
  finish(): void {
    if (!this.#ended) throw bad('it ends too early');
    const left = this.#rest.length + this.#waitingBytes;
    if (left > 0) throw bad(`${left} bytes too many`);
    const { pairs, staged } = this.#announced!;
    if (this.#read !== pairs + staged)
      throw bad(`it has ${this.#read} pairs where ${pairs + staged} are announced`);
  }

  #start(): Announced | undefined {
    const body = this.#frame();
    if (!body) return undefined;
    const input = new WireReader(body, WHAT);
    const change = input.number();
    let history: History | undefined;
    if (this.#version !== VERSION_2) history = toHex(input.block(HISTORY_BYTES, HISTORY_BYTES));
    const now = input.number();
    const pairs = input.number();
    const under = input.byte();
    if (under > 1) throw bad(`a replacement marked ${under}`);
    let replacement: Replacement | undefined;
    let staged = 0;
    if (under === 1) {
      const id = keyOf(input.block(1, MAX_REPLACE_ID_BYTES));
      replacement = { id, nextPart: input.number(), at: input.number() };
      staged = input.number();
    }
    input.end();
    return { attributes: { change, history, now, replacement }, pairs, staged, version: VERSION };
  }

  #start1(): Announced | undefined {
    const end = this.#rest.findIndex((byte) => byte < 0x80) + 1;
    if (end === 0 && !this.#has(Math.min(MAX_COUNT_BYTES, this.#rest.length + 1))) return undefined;
    const input = new WireReader(this.#take(end === 0 ? this.#rest.length : end)!, WHAT);
    const pairs = input.varint();
    const attributes = { change: 0, history: undefined, now: 0, replacement: undefined };
    return { attributes, pairs, staged: 0, version: VERSION_1 };
  }

  /** The body of the next frame, once all of it is there. */
  #frame(): Uint8Array | undefined {
    const head = this.#version === VERSION_1 ? FRAME_1_HEAD_BYTES : FRAME_HEAD_BYTES;
    if (!this.#has(head)) return undefined;
    const numbers = new DataView(this.#rest.buffer, this.#rest.byteOffset, head);
    const length = numbers.getUint32(0);
    if (length > MAX_FRAME_BYTES) throw bad(`a frame of ${length} bytes`);
    if (!this.#has(head + length)) return undefined;
    const body = this.#take(head + length)!.subarray(head);
    if (this.#version === VERSION_1) return body;
    this.#crc = crc32c(body, this.#crc);
    if (this.#crc !== numbers.getUint32(4)) throw bad('a checksum is wrong'); // P3
    return body;
  }

  #take(length: number): Uint8Array | undefined {
    if (!this.#has(length)) return undefined;
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  #run(body: Uint8Array, { pairs, version }: Announced): PairRun {
    const keys: string[] = [];
    const stored: Stored[] = [];
    const into = this.#read < pairs ? 'current' : 'staged';
    if (this.#read === pairs) this.#lastKey = '';
    const input = new WireReader(body, WHAT);
    while (!input.atEnd) {
      const key = input.text(MIN_KEY_BYTES, MAX_KEY_BYTES);
      if (key <= this.#lastKey) throw bad('its keys do not ascend');
      this.#lastKey = key;
      const value = input.text(0, MAX_VALUE_BYTES);
      keys.push(key);
      stored.push({ value, expiresAt: version === VERSION_1 ? 0 : input.number() });
    }
    this.#read += keys.length;
    if (into === 'current' && this.#read > pairs) throw bad(`more than the ${pairs} pairs announced`);
    return { kind: 'pairs', into, keys, stored };
  }
}

/** Bytes of the longest count of version 1. */
const MAX_COUNT_BYTES = 5;

function bad(detail: string): KvFormatError {
  return new KvFormatError(WHAT, detail);
}
