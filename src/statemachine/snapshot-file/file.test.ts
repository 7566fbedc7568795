/**
 * Snapshot files: what was written is read, and whatever happens to a byte in between is found, by the validator and by the reader
 * (the original's tests of its blocks, writers, readers and validators: seeds.md §4.6 "file format").
 */
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { concatBytes, equalBytes, errorCode, toHex, utf8, viewOf } from '../../base/index.ts';
import { MemoryStateFile } from '../../stateio/testing/index.ts';
import { BLOCK_BYTES, checksumBytes, crc32, HEADER_AREA_BYTES, layoutOf } from './format.ts';
import { openSnapshotFile, readSnapshotFile, validateSnapshot } from './read-file.ts';
import { writeSnapshotFile } from './write-file.ts';

/** Small blocks, so that tests may look at every byte of many of them. */
const BLOCK = 128;

async function written(
  prologue: Uint8Array,
  state: readonly Uint8Array[],
  blockBytes: number = BLOCK,
): Promise<Uint8Array> {
  const file = new MemoryStateFile();
  await writeSnapshotFile(
    file,
    async (write) => {
      await write(prologue);
      for (const chunk of state) await write(chunk);
    },
    blockBytes,
  );
  return file.bytes;
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

const patterned = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, n) => (n * 7 + length) & 255);

async function read(
  bytes: Uint8Array,
  pieceBytes: number,
  blockBytes: number = BLOCK,
): Promise<{ readonly prologue: Uint8Array; readonly state: Uint8Array }> {
  const { prologue, state } = await readSnapshotFile(inPieces(bytes, pieceBytes), { blockBytes });
  const parts: Uint8Array[] = [];
  for await (const chunk of state) parts.push(chunk);
  return { prologue, state: concatBytes(parts) };
}

/** What the validator and the reader say of these bytes. */
async function verdicts(bytes: Uint8Array, blockBytes: number = BLOCK): Promise<readonly string[]> {
  const codeOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'intact',
      (error: unknown) => errorCode(error) ?? 'without a code',
    );
  return [
    await codeOf(validateSnapshot(inPieces(bytes, BLOCK_BYTES), { blockBytes })),
    await codeOf(read(bytes, 500, blockBytes)),
  ];
}

const SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 5, 2 * BLOCK, 2 * BLOCK + 5, 6 * BLOCK + 1];

describe('a snapshot file', () => {
  test('gives back what was written, of any size, however it is written and read', async () => {
    for (const size of SIZES)
      for (const prologueBytes of [0, 16, BLOCK, BLOCK + 3]) {
        const [prologue, state] = [patterned(prologueBytes), patterned(size)];
        const whole = await written(prologue, [state]);
        const pieces = await written(prologue, [
          state.subarray(0, 3),
          state.subarray(3, 40),
          state.subarray(40),
        ]);
        expect(toHex(pieces)).toBe(toHex(whole));
        expect(whole.length).toBe(layoutOf({ prologueBytes, stateBytes: size }, BLOCK).total);
        for (const pieceBytes of [1, 3, BLOCK, BLOCK + 4, whole.length]) {
          const found = await read(whole, pieceBytes);
          expect(toHex(concatBytes([found.prologue, found.state]))).toBe(
            toHex(concatBytes([prologue, state])),
          );
          expect(found.prologue.length).toBe(prologueBytes);
        }
      }
  });

  test('of real blocks, 2 MiB each, as well', async () => {
    for (const size of [BLOCK_BYTES - 1, BLOCK_BYTES + 1]) {
      const state = new Uint8Array(size).fill(size & 255);
      const bytes = await written(utf8('place and sessions'), [state], BLOCK_BYTES);
      expect(equalBytes((await read(bytes, 100_000, BLOCK_BYTES)).state, state)).toBe(true);
    }
  });

  test('has the sizes of the original: 1060 bytes for sessions alone, 10 486 832 for its ten megabytes', async () => {
    const dummy = await written(new Uint8Array(16), [], BLOCK_BYTES);
    expect(dummy.length).toBe(1060);
    expect(layoutOf({ prologueBytes: 16, stateBytes: 10_485_752 }).total).toBe(10_486_832);
  });

  test('has these bytes, always', async () => {
    const bytes = await written(
      Uint8Array.from({ length: 16 }, (_, n) => n),
      [utf8('state')],
      BLOCK_BYTES,
    );
    const payload = concatBytes([Uint8Array.from({ length: 16 }, (_, n) => n), utf8('state')]);
    const crc = checksumBytes(crc32(payload));
    expect(bytes.subarray(HEADER_AREA_BYTES, HEADER_AREA_BYTES + 25)).toEqual(concatBytes([payload, crc]));
    const tail = bytes.subarray(-16);
    expect(viewOf(tail).getBigUint64(0, true)).toBe(25n);
    expect(toHex(tail.subarray(8))).toBe('3f5bcbf1faba819f');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(GOLDEN);
  });

  test('whose writer died before the header is refused', async () => {
    const bytes = await written(utf8('p'), [patterned(300)]);
    bytes.fill(0, 0, HEADER_AREA_BYTES);
    expect(await verdicts(bytes)).toEqual(['SNAPSHOT_DAMAGED', 'SNAPSHOT_DAMAGED']);
  });

  test('of another version is told so', async () => {
    const bytes = await written(utf8('p'), [utf8('state')]);
    const length = Number(viewOf(bytes).getBigUint64(0, true));
    const version = bytes.subarray(8, 8 + length).lastIndexOf(2); // the value behind the key of field 8
    bytes[8 + version] = 1;
    bytes.set(checksumBytes(crc32(bytes.subarray(8, 8 + length))), 8 + length);
    expect(new Set(await verdicts(bytes))).toEqual(new Set(['SNAPSHOT_VERSION']));
  });

  test('that failed to be saved has no header', async () => {
    const file = new MemoryStateFile();
    const failing = writeSnapshotFile(file, async (write) => {
      await write(new Uint8Array(BLOCK_BYTES + 1));
      throw new Error('no state today');
    });
    await expect(failing).rejects.toThrow('no state today');
    await expect(openSnapshotFile(file)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
  });

  test('is written and read a block at a time', async () => {
    const state = 4 * BLOCK_BYTES;
    const file = new MemoryStateFile();
    const lengths: number[] = [];
    await writeSnapshotFile(
      { write: (data, offset) => (lengths.push(data.length), file.write(data, offset)) },
      async (write) => {
        await write(utf8('p'));
        for (let at = 0; at < state; at += 50_000) await write(new Uint8Array(Math.min(50_000, state - at)));
      },
    );
    expect(Math.max(...lengths)).toBe(BLOCK_BYTES + 4);
    const asked: number[] = [];
    const opened = await openSnapshotFile({
      size: () => file.size(),
      read: (offset, length) => (asked.push(length), file.read(offset, length)),
    });
    let ahead = 0;
    let taken = 0;
    for await (const chunk of opened.state) {
      taken += chunk.length;
      ahead = Math.max(ahead, asked.reduce((sum, length) => sum + length, 0) - taken);
    }
    expect(taken).toBe(state);
    expect(ahead).toBeLessThanOrEqual(2 * BLOCK_BYTES);
  }, 20_000);
});

describe('whatever happens to its bytes is found, by the validator and by the reader', () => {
  test('any byte that changes', async () => {
    const bytes = await written(patterned(40), [patterned(2 * BLOCK)]);
    const missed: string[] = [];
    for (let at = 0; at < bytes.length; at++)
      for (const mask of [1 << (at % 8), 0xff]) {
        bytes[at]! ^= mask;
        if ((await verdicts(bytes)).includes('intact')) missed.push(`byte ${at} ^ ${mask}`);
        bytes[at]! ^= mask;
      }
    expect(missed).toEqual([]);
    expect(await verdicts(bytes)).toEqual(['intact', 'intact']);
  });

  test('any cut, at the end or at the front', async () => {
    const bytes = await written(patterned(40), [patterned(2 * BLOCK)]);
    const missed: number[] = [];
    for (let length = 0; length < bytes.length; length++)
      for (const cut of [bytes.subarray(0, length), bytes.subarray(bytes.length - length)])
        if ((await verdicts(cut)).includes('intact')) missed.push(length);
    expect(missed).toEqual([]);
  });

  test('anything added, a block left out, blocks that change places, a block of another snapshot', async () => {
    const bytes = await written(new Uint8Array(0), [patterned(3 * BLOCK)]);
    const other = await written(new Uint8Array(0), [patterned(3 * BLOCK).reverse()]);
    const [head, tail] = [bytes.subarray(0, HEADER_AREA_BYTES), bytes.subarray(-16)];
    const block = (of: Uint8Array, n: number): Uint8Array =>
      of.subarray(HEADER_AREA_BYTES + n * (BLOCK + 4), HEADER_AREA_BYTES + (n + 1) * (BLOCK + 4));
    const [a, b, c] = [block(bytes, 0), block(bytes, 1), block(bytes, 2)];
    expect(await verdicts(concatBytes([head, a, b, c, tail]))).toEqual(['intact', 'intact']);
    const wrong = [
      [head, a, b, c, tail, Uint8Array.of(0)],
      [Uint8Array.of(0), head, a, b, c, tail],
      [head, a, b, tail],
      [head, b, a, c, tail],
      [head, a, block(other, 1), c, tail],
      [other.subarray(0, HEADER_AREA_BYTES), a, b, c, tail],
    ];
    for (const parts of wrong) expect(await verdicts(concatBytes(parts))).not.toContain('intact');
  });

  test('a cut of a file is found before the first byte of its state is given on', async () => {
    const bytes = await written(utf8('p'), [new Uint8Array(BLOCK_BYTES + 1)], BLOCK_BYTES);
    const cut = new MemoryStateFile(bytes.subarray(0, bytes.length - 1));
    await expect(openSnapshotFile(cut)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
  });
});

/** SHA-256 of the file of 16 bytes of prologue, 0 to 15, and the state "state". */
const GOLDEN = 'f519b770963367639183fcb99396fd9d9d414b781be09cc8244d90ee97393cb0';
