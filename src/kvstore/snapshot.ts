/**
 * The bytes of a snapshot: what a new replica loads instead of the whole history.
 *
 *   u8 version = 1 | varint pairs | frames … | frame of length 0
 *   frame: u32 big endian length | pairs as key block, value block
 *
 * P1  Frames hold whole pairs in ascending key order, so that both sides work in bounded memory and between frames the writer may wait.
 * P2  The count stands at the front and an empty frame at the end: a snapshot cut anywhere, or with a pair lost, is refused.
 */
import { bytesOf } from './key.ts';
import { KvFormatError } from './errors.ts';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, MIN_KEY_BYTES } from './limits.ts';
import { type OrderedView } from './ordered-map.ts';
import { KvState } from './store.ts';
import { WireReader, WireWriter } from './wire.ts';

const VERSION = 1;
/** A frame is closed once it has this many bytes: large enough for few writes, small enough to hold in memory without a thought. */
const FRAME_BYTES = 256 * 1024;
/** No writer makes a longer one: FRAME_BYTES less one byte, then one more pair with its lengths. */
const MAX_FRAME_BYTES: number = FRAME_BYTES + MAX_KEY_BYTES + MAX_VALUE_BYTES + 16;
const LENGTH_BYTES = 4;
const WHAT = 'snapshot';

/** The snapshot of a view, frame by frame. */
export function* snapshotChunks(view: OrderedView<Uint8Array>): Generator<Uint8Array> {
  yield new WireWriter().byte(VERSION).varint(view.size).finish();
  let frame = new WireWriter();
  for (const [key, value] of view.entries()) {
    frame.block(bytesOf(key)).block(value);
    if (frame.length < FRAME_BYTES) continue;
    yield framed(frame.finish());
    frame = new WireWriter();
  }
  if (frame.length > 0) yield framed(frame.finish());
  yield framed(new Uint8Array());
}

function framed(body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(whole.buffer).setUint32(0, body.length);
  whole.set(body, LENGTH_BYTES);
  return whole;
}

/** Reads a snapshot that arrives in chunks of any size. @throws KvFormatError (P2), or the signal's reason */
export async function readSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<KvState> {
  const state = new KvState();
  let count: number | undefined;
  let ended = false;
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (count === undefined) {
      const header = headerIn(rest);
      if (!header) continue;
      count = header.count;
      rest = rest.subarray(header.length);
    }
    while (!ended && rest.length >= LENGTH_BYTES) {
      const length = new DataView(rest.buffer, rest.byteOffset, LENGTH_BYTES).getUint32(0);
      if (length > MAX_FRAME_BYTES) throw new KvFormatError(WHAT, `a frame of ${length} bytes`);
      if (rest.length < LENGTH_BYTES + length) break;
      addFrame(state, rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
      rest = rest.subarray(LENGTH_BYTES + length);
      ended = length === 0;
    }
  }
  if (!ended) throw new KvFormatError(WHAT, 'it ends too early');
  if (rest.length > 0) throw new KvFormatError(WHAT, `${rest.length} bytes too many`);
  if (state.keys !== count)
    throw new KvFormatError(WHAT, `it has ${state.keys} pairs where ${count} are announced`);
  return state;
}

/** Version and count, once all their bytes are there. */
function headerIn(bytes: Uint8Array): { readonly count: number; readonly length: number } | undefined {
  const end = bytes.findIndex((byte, at) => at > 0 && byte < 0x80) + 1;
  if (end === 0 && bytes.length < MAX_HEADER_BYTES) return undefined;
  const input = new WireReader(bytes.subarray(0, end === 0 ? undefined : end), WHAT);
  const version = input.byte();
  if (version !== VERSION) throw input.bad(`version ${version}`);
  return { count: input.varint(), length: end };
}

/** Version byte and the longest varint. */
const MAX_HEADER_BYTES = 6;

function addFrame(state: KvState, body: Uint8Array): void {
  const input = new WireReader(body, WHAT);
  while (!input.atEnd) {
    const key = input.block(MIN_KEY_BYTES, MAX_KEY_BYTES);
    state.apply({ kind: 'put', pairs: [{ key, value: input.block(0, MAX_VALUE_BYTES) }] });
  }
}
