/**
 * vectors: the files of seeds.md §1.2, whose bytes were made by the Go packages.
 */
import { fromHex, utf8 } from '../../base/index.ts';
import { StateWriter } from '../writer.ts';
import { MemoryStateFile } from './memory-file.ts';

/** G1: Update("a"), Update("bc"), Snapshot("S1"), Update("d"). */
export const G1: Uint8Array = fromHex(
  [
    '04d9c95f010a00000000000000000001000000000000000061',
    '4275bd5c010b0000000000000000000100000000000000006263',
    'e93c9be0010b0000000000000000000200000000000000005331',
    '5eaca6c7010a00000000000000000001330000000000000064',
  ].join(''),
);
/** File size after each entry of G1. */
export const G1_BOUNDARIES: readonly number[] = [25, 51, 77, 102];

/** Payload sizes of G2; byte i of an entry of size n is (i*7+n) & 255, every fifth entry from number 3 on is a snapshot. */
export const G2_SIZES: readonly number[] = [
  0, 1, 2, 15, 16, 100, 32_768, 32_744, 32_742, 70_000, 5, 32_744, 40_000, 7, 8, 9, 131_072, 3,
];
export const G2_SHA256 = '2da6c97c6abba51f7f890e38060da8a1871b0c43edd4a78d980bb53359a9918c';
/** G3: Update("u1"), Snapshot("S1"), Update("u2"), Snapshot(70000 x 'S'), Update("u3"). */
export const G3_SHA256 = '4605c737cbc69cf35094c0a5ba3f4c65921bf38b610d967f2425eed589947ca9';
export const G3_BOUNDARIES: readonly number[] = [26, 52, 78, 70_132, 70_158];

export function g2Payload(size: number): Uint8Array {
  const payload = new Uint8Array(size);
  for (let i = 0; i < size; i++) payload[i] = i * 7 + size; // modulo 256
  return payload;
}

export async function writeG1(): Promise<MemoryStateFile> {
  const file = new MemoryStateFile();
  const writer = new StateWriter(file);
  await writer.update(utf8('a'));
  await writer.update(utf8('bc'));
  await writer.snapshot(utf8('S1'));
  await writer.update(utf8('d'));
  return file;
}

export async function writeG2(): Promise<MemoryStateFile> {
  const file = new MemoryStateFile();
  const writer = new StateWriter(file);
  for (const [number, size] of G2_SIZES.entries()) {
    await (number % 5 === 3 ? writer.snapshot(g2Payload(size)) : writer.update(g2Payload(size)));
  }
  return file;
}

export async function writeG3(): Promise<MemoryStateFile> {
  const file = new MemoryStateFile();
  const writer = new StateWriter(file);
  await writer.update(utf8('u1'));
  await writer.snapshot(utf8('S1'));
  await writer.update(utf8('u2'));
  await writer.snapshot(utf8('S'.repeat(70_000)));
  await writer.update(utf8('u3'));
  return file;
}
