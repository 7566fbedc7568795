/**
 * Cuts, flips, holes: the sweeps of seeds.md §1.7 with the answers we want instead of Go's. Never an error, never an entry that was not
 * written, never a lost epoch that is intact, never silence about what was passed over.
 */
import { describe, expect, test } from '@jest/globals';
import { equalBytes, utf8 } from '../base/index.ts';
import { HeadMissingError } from './errors.ts';
import { encodeLogEntry, encodeStateEntry } from './encode.ts';
import { BLOCK_BYTES, ENTRY_SNAPSHOT, ENTRY_UPDATE } from './format.ts';
import { restore, updatesOf } from './restore.ts';
import { rewind } from './rewind.ts';
import { MemoryStateFile } from './testing/memory-file.ts';
import { readAll, type RestoredText } from './testing/read-all.ts';
import { G1, G3_BOUNDARIES, writeG3 } from './testing/vectors.ts';
import { resumeWriter, StateWriter } from './writer.ts';

/** What G1 holds when only its entries that end at or before `size` count. */
function g1Prefix(size: number): Pick<RestoredText, 'state' | 'epoch' | 'updates'> {
  if (size >= 102) return { state: 'S1', epoch: 51, updates: ['d'] };
  if (size >= 77) return { state: 'S1', epoch: 51, updates: [] };
  if (size >= 51) return { state: undefined, epoch: 0, updates: ['a', 'bc'] };
  return { state: undefined, epoch: 0, updates: size >= 25 ? ['a'] : [] };
}

function lastBoundary(boundaries: readonly number[], size: number): number {
  return boundaries.findLast((boundary) => boundary <= size) ?? 0;
}

describe('a file cut at every byte', () => {
  test('G1: the whole entries before the cut, and the torn bytes reported', async () => {
    for (let size = 0; size <= G1.length; size++) {
      const text = await readAll(new MemoryStateFile(G1.slice(0, size)));
      const boundary = lastBoundary([25, 51, 77, 102], size);
      const torn = size - boundary;
      expect({ size, ...text }).toEqual({
        size,
        ...g1Prefix(size),
        damage: [],
        end: torn > 0 ? `torn ${torn}` : 'eof',
        skipped: torn > 0 ? [`torn ${boundary}+${torn}`] : [],
      });
    }
  });

  test('G3: an unfinished snapshot over three blocks never hides the epoch before it', async () => {
    const { bytes } = await writeG3();
    const cuts = [
      78, 79, 93, 94, 500, 32_766, 32_767, 32_768, 32_769, 32_783, 40_000, 65_535, 65_536, 65_537, 70_131,
    ];
    for (const size of [...cuts, ...Array.from({ length: 15 }, (_, i) => 78 + i * 4_663)]) {
      if (size >= 70_132) continue;
      const text = await readAll(new MemoryStateFile(bytes.slice(0, size)));
      expect({ size, ...text }).toMatchObject({ size, state: 'S1', epoch: 26, updates: ['u2'], damage: [] });
      expect(text.skipped).toEqual(size > 78 ? [`torn 78+${size - 78}`] : []);
    }
    for (let size = 70_132; size <= 70_158; size++) {
      const text = await readAll(new MemoryStateFile(bytes.slice(0, size)));
      expect(text.state).toHaveLength(70_000);
      expect(text.updates).toEqual(size === 70_158 ? ['u3'] : []);
    }
  });

  test('a torn entry stays torn, whatever bytes it lost', async () => {
    // Entries that end in a run of one byte value, as padded files do: filling the block with that value would complete the entry.
    for (const value of [0, 255]) {
      const file = new MemoryStateFile();
      await new StateWriter(file).update(new Uint8Array(9).fill(value));
      for (let size = 1; size < file.size(); size++) {
        const torn = new MemoryStateFile(file.bytes.slice(0, size));
        expect((await readAll(torn)).updates).toEqual([]);
        await resumeWriter(torn, await restore(torn)).update(utf8('more'));
        expect({ size, value, ...(await readAll(torn)) }).toMatchObject({ updates: ['more'], end: 'eof' });
        const streamed = new MemoryStateFile(file.bytes.slice(0, size));
        const writer = resumeWriter(streamed, await restore(streamed));
        await writer.streamSnapshot((write) => write(utf8('S')));
        expect(equalBytes(streamed.bytes.slice(0, BLOCK_BYTES), torn.bytes.slice(0, BLOCK_BYTES))).toBe(true);
      }
    }
  });

  test('a torn entry of several records stays torn', async () => {
    const file = new MemoryStateFile();
    await new StateWriter(file).update(new Uint8Array(40_000));
    for (const size of [32_767, 32_768, 32_769, 32_783, 40_000, file.size() - 1]) {
      const torn = new MemoryStateFile(file.bytes.slice(0, size));
      await resumeWriter(torn, await restore(torn)).update(utf8('more'));
      expect({ size, ...(await readAll(torn)) }).toMatchObject({ size, updates: ['more'], end: 'eof' });
    }
  });

  test('a writer that resumes after any cut loses nothing it appends, and nothing that was whole', async () => {
    for (let size = 0; size <= G1.length; size++) {
      const file = new MemoryStateFile(G1.slice(0, size));
      const writer = resumeWriter(file, await restore(file));
      await writer.update(utf8('more'));
      const expected = g1Prefix(size);
      const text = await readAll(file);
      expect({ size, ...text }).toMatchObject({
        size,
        ...expected,
        updates: [...expected.updates, 'more'],
        end: 'eof',
        skipped: [],
      });
      // The torn bytes stay visible as damage inside the epoch.
      expect(text.damage).toHaveLength([0, 25, 51, 77, 102].includes(size) ? 0 : 1);
      await writer.snapshot(utf8('S2'));
      await writer.update(utf8('after'));
      expect(await readAll(file)).toMatchObject({ state: 'S2', updates: ['after'], damage: [], skipped: [] });
    }
  });
});

describe('a file with one flipped bit', () => {
  const anyReason = expect.stringMatching(/^(checksum|length|sequence|type) /);

  test('G1: only the damaged entry is lost, and its place is told', async () => {
    for (let bit = 0; bit < G1.length * 8; bit++) {
      const bytes = G1.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const text = await readAll(new MemoryStateFile(bytes));
      const at = bit >> 3;
      const place = { bit, ...text };
      if (at < 51) expect(place).toEqual({ bit, ...g1Prefix(102), damage: [], end: 'eof', skipped: [] });
      else if (at < 77) {
        // The snapshot is gone: its epoch cannot be restored, the one before it can.
        expect(place).toMatchObject({ bit, state: undefined, epoch: 0, updates: ['a', 'bc'] });
        expect(text.damage).toEqual([anyReason, 'epoch 77+25']);
        expect(text.skipped).toEqual(['epoch-unreadable 51+51']);
      } else {
        expect(place).toMatchObject({ bit, state: 'S1', epoch: 51, updates: [], damage: [anyReason] });
        expect(text.skipped).toEqual([expect.stringMatching(/ 77\+25$/)]);
      }
    }
  });

  test('G3: the epoch before a damaged long snapshot is found, for flips all over it', async () => {
    const { bytes } = await writeG3();
    for (let at = 78; at < 70_132; at += 8_999) {
      const flipped = bytes.slice();
      flipped[at]! ^= 0x10;
      const text = await readAll(new MemoryStateFile(flipped));
      expect({ at, ...text }).toMatchObject({ at, state: 'S1', epoch: 26, updates: ['u2'] });
      expect(text.skipped.length).toBeGreaterThan(0);
    }
  });

  test('a hole of zeros in the last block costs at most that block', async () => {
    const file = new MemoryStateFile();
    const writer = new StateWriter(file);
    await writer.snapshot(utf8('S0'));
    const ends: number[] = [];
    for (let n = 0; n < 200; n++) ends.push((await writer.update(utf8(`${n} `.padEnd(500, '.')))).end);
    const bytes = file.bytes;
    bytes.fill(0, 70_000, 70_512);
    const text = await readAll(new MemoryStateFile(bytes));
    const numbers = text.updates.map((update) => Number.parseInt(update, 10));
    const before = ends.filter((end) => end <= 70_000).length;
    expect(numbers.slice(0, before)).toEqual(Array.from({ length: before }, (_, n) => n));
    expect(text.damage).toHaveLength(1);
    expect(numbers).toContain(199);
    expect(ends[numbers[before]! - 1]).toBeGreaterThan(98_304 - 525);
  });
});

describe('strange files', () => {
  test('records inside a payload never come back as entries, however the payload is damaged', async () => {
    const inner = encodeStateEntry(0, ENTRY_SNAPSHOT, 0, utf8('never written as state')).bytes;
    const file = new MemoryStateFile();
    const writer = new StateWriter(file);
    await writer.update(utf8('first'));
    const outer = await writer.update(Uint8Array.from([...inner, ...inner, ...inner]));
    for (let bit = outer.start * 8; bit < outer.end * 8; bit++) {
      const bytes = file.bytes;
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const text = await readAll(new MemoryStateFile(bytes));
      expect({ bit, ...text }).toMatchObject({ bit, state: undefined, updates: ['first'] });
    }
  });

  test('a file of noise is the empty state with everything reported', async () => {
    const noise = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31 + (i >> 8) * 7) & 255);
    const text = await readAll(new MemoryStateFile(noise));
    expect(text).toMatchObject({ state: undefined, epoch: 0, updates: [] });
    expect(text.skipped.length).toBeGreaterThan(0);
  });

  test('a Go epoch pointer made with one padding rule still finds its snapshot', async () => {
    // Seven stray bytes at a block start: Go's pointer says 7, its snapshot stands at the next block (F1.33 D).
    const snapshot = encodeStateEntry(7, ENTRY_SNAPSHOT, 0, utf8('S'));
    const update = encodeStateEntry(snapshot.end, ENTRY_UPDATE, 7, utf8('u'));
    const file = new MemoryStateFile(new Uint8Array(7).fill(9));
    file.extend(snapshot.bytes);
    file.extend(update.bytes);
    expect(await readAll(file)).toMatchObject({
      state: 'S',
      epoch: BLOCK_BYTES,
      updates: ['u'],
      skipped: [],
    });
  });

  test('a file whose head was cut off: restore stays total, rewind names the place', async () => {
    const { bytes } = await writeG3();
    const headless = new MemoryStateFile(bytes.slice(BLOCK_BYTES, 70_132));
    await expect(rewind(headless, headless.size())).rejects.toThrow(HeadMissingError);
    const text = await readAll(headless);
    expect(text).toMatchObject({ state: undefined, updates: [] });
    expect(text.skipped).toEqual([`sequence 0+${headless.size()}`]);
  });

  test('rewinding with the answer as the next limit walks every entry backwards', async () => {
    const { bytes } = await writeG3();
    const file = new MemoryStateFile(bytes);
    const starts: number[] = [];
    for (let limit = file.size(); ;) {
      const start = await rewind(file, limit);
      if (start === undefined) break;
      starts.push(start);
      limit = start;
    }
    expect(starts).toEqual([70_132, 78, 52, 26, 0]);
    expect(G3_BOUNDARIES.slice(0, 4).toReversed()).toEqual(starts.slice(0, 4));
  });

  test('entries that are no state entries are damage', async () => {
    const file = new MemoryStateFile();
    file.extend(encodeLogEntry(0, utf8('short')).bytes);
    const outcome = await updatesOf(file, await restore(file)).next();
    expect(outcome).toEqual({ kind: 'damage', damage: { offset: 0, bytes: 20, reason: 'entry' } });
  });
});
