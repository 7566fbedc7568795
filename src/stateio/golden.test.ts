import { describe, expect, test } from '@jest/globals';
import { equalBytes, sha256Hex, toHex, utf8 } from '../base/index.ts';
import { encodeLogEntry } from './encode.ts';
import { alignedStart } from './format.ts';
import { restore, updatesOf } from './restore.ts';
import { MemoryStateFile } from './testing/memory-file.ts';
import { readAll } from './testing/read-all.ts';
import {
  G1,
  G1_BOUNDARIES,
  G2_SHA256,
  g2Payload,
  G3_BOUNDARIES,
  G3_SHA256,
  writeG1,
  writeG2,
  writeG3,
} from './testing/vectors.ts';
import { StateWriter } from './writer.ts';

describe('bytes equal to those of the Go packages', () => {
  test('G1: two updates, a snapshot, an update; one write an entry', async () => {
    const file = await writeG1();
    expect(toHex(file.bytes)).toBe(toHex(G1));
    expect(file.boundaries).toEqual(G1_BOUNDARIES);
  });

  test('G2: every awkward size, with snapshots between', async () => {
    const file = await writeG2();
    expect(file.bytes.length).toBe(372_833);
    expect(sha256Hex(file.bytes)).toBe(G2_SHA256);
    const restored = await restore(file);
    expect(restored.epoch).toBe(241_554);
    expect(await restored.snapshot?.bytes()).toEqual(g2Payload(7));
    expect(restored.skipped).toEqual([]);
    const reader = updatesOf(file, restored);
    for (const size of [8, 9, 131_072, 3]) {
      const next = await reader.next();
      expect(next.kind === 'update' && equalBytes(next.payload, g2Payload(size))).toBe(true);
    }
    expect(await reader.next()).toMatchObject({ kind: 'end', why: 'eof' });
  });

  test('G3: a snapshot over three blocks is still one write', async () => {
    const file = await writeG3();
    expect(sha256Hex(file.bytes)).toBe(G3_SHA256);
    expect(file.boundaries).toEqual(G3_BOUNDARIES);
  });

  test('a streamed snapshot has the bytes of a whole one, whatever its chunks', async () => {
    const payload = g2Payload(2_200_000);
    for (const [start, chunk] of [
      [0, 1_000_000],
      [25, 70_001],
      [32_768 - 16, 32_753],
      [32_768 - 15, 1_048_577],
      [7, 2_200_000],
    ] as const) {
      const whole = new MemoryStateFile(new Uint8Array(start));
      await new StateWriter(whole, start, 0).snapshot(payload);
      const streamed = new MemoryStateFile(new Uint8Array(start));
      const writer = new StateWriter(streamed, start, 0);
      const placed = await writer.streamSnapshot(async (write) => {
        for (let at = 0; at < payload.length; at += chunk) await write(payload.subarray(at, at + chunk));
      });
      expect(sha256Hex(streamed.bytes)).toBe(sha256Hex(whole.bytes));
      expect(placed.start).toBe(alignedStart(start));
      expect(writer.offset).toBe(whole.bytes.length);
    }
  });

  test('an entry is split at a block boundary', () => {
    const at = 32_768 - 20;
    expect(toHex(encodeLogEntry(at, utf8('0123456789')).bytes)).toBe(
      '37de8256020500000000000000000030313233347656b0b404050014000000000000003536373839',
    );
    expect(toHex(encodeLogEntry(32_768 - 16, utf8('xy')).bytes)).toBe(
      '0e718cf50201000000000000000000780a6f78ec040100100000000000000079',
    );
  });

  test.each([
    [0, 0],
    [1, 32_768],
    [14, 32_768],
    [15, 15],
    [32_752, 32_752],
    [32_753, 32_768],
    [32_767, 32_768],
    [32_768, 32_768],
    [65_536 + 14, 98_304],
  ])('a writer at %i starts its entry at %i: both padding rules', (offset, start) => {
    expect(alignedStart(offset)).toBe(start);
    const empty = encodeLogEntry(offset, new Uint8Array(0));
    expect(equalBytes(empty.bytes, new Uint8Array(start - offset))).toBe(true);
  });
});

describe('states', () => {
  test('an empty file is the empty state, with nothing skipped', async () => {
    expect(await readAll(new MemoryStateFile())).toEqual({
      state: undefined,
      epoch: 0,
      updates: [],
      damage: [],
      end: 'eof',
      skipped: [],
    });
  });

  test('an empty snapshot is not the same as no snapshot, and empty updates survive', async () => {
    const file = new MemoryStateFile();
    const writer = new StateWriter(file);
    await writer.snapshot(new Uint8Array(0));
    await writer.update(new Uint8Array(0));
    expect(await readAll(file)).toMatchObject({ state: '', epoch: 0, updates: [''], end: 'eof' });
  });

  test('a hundred operations with re-opens restore to the last snapshot and what followed', async () => {
    const file = new MemoryStateFile();
    let writer = new StateWriter(file);
    for (let n = 0; n < 100; n++) {
      if (n % 5 === 0) writer = new StateWriter(file, file.size(), (await restore(file)).epoch);
      const payload = utf8(n % 7 === 0 ? '' : `op ${n} `.repeat(n * 40));
      await (n % 10 === 0 ? writer.snapshot(payload) : writer.update(payload));
    }
    const text = await readAll(file);
    expect(text.state).toBe('op 90 '.repeat(90 * 40));
    expect(text.updates).toEqual(
      [91, 92, 93, 94, 95, 96, 97, 98, 99].map((n) => (n % 7 === 0 ? '' : `op ${n} `.repeat(n * 40))),
    );
  });

  test('what a reader returns does not alias what it reads next', async () => {
    const file = await writeG1();
    const reader = updatesOf(file, await restore(file, 51), 51);
    const first = await reader.next();
    if (first.kind !== 'update') throw new Error('an update was expected');
    first.payload.fill(0);
    expect(await readAll(file, 51)).toMatchObject({ updates: ['a', 'bc'] });
  });
});
