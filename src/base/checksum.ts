/**
 * Checksums: CRC-32C (journal slots, recovery-log chain), SHA-1 (fragment names), SHA-256 and XXH64 (stateio records).
 *
 * XXH64 is a package's WebAssembly; the instance is made when this module is loaded, so that hashing is synchronous.
 *
 * Own table code for CRC-32C, free of native code: sixteen bytes a step, read as four words through a DataView, which needs no alignment and costs
 * more than it saves on short inputs; those go eight bytes a step, byte by byte.
 * 4 MiB: 2.4 ms; 64 bytes: 80 ns (docs/decisions/0028 for what else was tried).
 */
import { createHash } from 'node:crypto';
import xxhash from 'xxhash-wasm';
import { viewOf } from './bytes.ts';

const xxhasher = await xxhash();

const CASTAGNOLI = 0x82f63b78;
/** Bytes of the longest step. */
const SLICES = 16;
/** From here on making a DataView pays. */
const LONG_BYTES = 256;

const tables = buildTables();

function buildTables(): Int32Array {
  const built = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
    built[byte] = crc;
  }
  for (let i = 256; i < built.length; i++) {
    const previous = built[i - 256]!;
    built[i] = (previous >>> 8) ^ built[previous & 0xff]!;
  }
  return built;
}

/**
 * CRC-32C (Castagnoli, reflected, init and final XOR 0xFFFFFFFF) of `data`, or of its bytes [begin, end), continued from `previous`, as an unsigned
 * 32-bit number. crc32c(b, crc32c(a)) equals crc32c(a followed by b). Source: gazette.md §1.4.
 */
export function crc32c(data: Uint8Array, previous = 0, begin = 0, end: number = data.length): number {
  return (
    ~(end - begin < LONG_BYTES ? short(data, begin, end, ~previous) : long(data, begin, end, ~previous)) >>> 0
  );
}

/** The state after [begin, end), sixteen bytes a step. */
function long(data: Uint8Array, begin: number, end: number, state: number): number {
  const t = tables;
  const words = viewOf(data);
  const end16 = end - ((end - begin) % 16);
  let crc = state;
  for (let i = begin; i < end16; i += 16) {
    const a = words.getInt32(i, true) ^ crc;
    const b = words.getInt32(i + 4, true);
    const c = words.getInt32(i + 8, true);
    const d = words.getInt32(i + 12, true);
    crc =
      t[3840 + (a & 0xff)]! ^
      t[3584 + ((a >>> 8) & 0xff)]! ^
      t[3328 + ((a >>> 16) & 0xff)]! ^
      t[3072 + (a >>> 24)]! ^
      t[2816 + (b & 0xff)]! ^
      t[2560 + ((b >>> 8) & 0xff)]! ^
      t[2304 + ((b >>> 16) & 0xff)]! ^
      t[2048 + (b >>> 24)]! ^
      t[1792 + (c & 0xff)]! ^
      t[1536 + ((c >>> 8) & 0xff)]! ^
      t[1280 + ((c >>> 16) & 0xff)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + (d & 0xff)]! ^
      t[512 + ((d >>> 8) & 0xff)]! ^
      t[256 + ((d >>> 16) & 0xff)]! ^
      t[d >>> 24]!;
  }
  return short(data, end16, end, crc);
}

/** The state after [begin, end), eight bytes a step, then four. */
function short(data: Uint8Array, begin: number, end: number, state: number): number {
  const t = tables;
  let crc = state;
  let i = begin;
  const end8 = end - ((end - begin) % 8);
  while (i < end8) {
    crc ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + data[i + 4]!]! ^
      t[512 + data[i + 5]!]! ^
      t[256 + data[i + 6]!]! ^
      t[data[i + 7]!]!;
    i += 8;
  }
  if (end - i >= 4) {
    crc ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    crc =
      t[768 + (crc & 0xff)]! ^
      t[512 + ((crc >>> 8) & 0xff)]! ^
      t[256 + ((crc >>> 16) & 0xff)]! ^
      t[crc >>> 24]!;
    i += 4;
  }
  while (i < end) crc = (crc >>> 8) ^ t[(crc ^ data[i++]!) & 0xff]!;
  return crc;
}

/** SHA-1 of `data` in lower-case hex, as fragment names carry it (gazette.md §6.1). */
export function sha1Hex(data: Uint8Array): string {
  return createHash('sha1').update(data).digest('hex');
}

/** SHA-256 of `data` in lower-case hex. */
export function sha256Hex(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** XXH64 with seed 0. Vectors: seeds.md §1.2. */
export function xxh64(data: Uint8Array): bigint {
  return BigInt.asUintN(64, xxhasher.h64Raw(data));
}

/** Low 32 bits of XXH64 with seed 0, the checksum of a logio record (seeds.md F1.1). 40 bytes: 0.2 µs; 32 KiB: 5 µs (docs/decisions/0042). */
export function xxh64Low32(data: Uint8Array): number {
  return Number(BigInt.asUintN(32, xxhasher.h64Raw(data)));
}
