/**
 * Checksums: CRC-32C (journal slots, recovery-log chain), SHA-1 (fragment names), SHA-256 and XXH64 (stateio records).
 *
 * Own table code for CRC-32C: fastest on the small inputs we have and free of native code (ecosystem.md §1.6: slice-by-8
 * 1.5 GB/s at 1 MiB and 0.7 GB/s at 64 bytes).
 */
import { createHash } from 'node:crypto';
import { xxh64 } from './xxh64.ts';

const CASTAGNOLI = 0x82f63b78;
const SLICES = 8;

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
 * CRC-32C (Castagnoli, reflected, init and final XOR 0xFFFFFFFF) of `data`, continued from `previous`, as an unsigned 32-bit number.
 * crc32c(b, crc32c(a)) equals crc32c(a followed by b). Source: gazette.md §1.4.
 */
export function crc32c(data: Uint8Array, previous = 0): number {
  const t = tables;
  let crc = ~previous;
  let i = 0;
  const end8 = data.length - (data.length % SLICES);
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
    i += SLICES;
  }
  while (i < data.length) crc = (crc >>> 8) ^ t[(crc ^ data[i++]!) & 0xff]!;
  return ~crc >>> 0;
}

/** SHA-1 of `data` in lower-case hex, as fragment names carry it (gazette.md §6.1). */
export function sha1Hex(data: Uint8Array): string {
  return createHash('sha1').update(data).digest('hex');
}

/** SHA-256 of `data` in lower-case hex. */
export function sha256Hex(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Low 32 bits of XXH64 with seed 0, the checksum of a logio record (seeds.md F1.1). */
export function xxh64Low32(data: Uint8Array): number {
  return xxh64(data).low;
}
