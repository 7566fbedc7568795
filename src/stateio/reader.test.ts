import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, utf8 } from '../base/index.ts';
import { WriterBrokenError, WriterUsageError } from './errors.ts';
import { openPlainFile } from './file.ts';
import { UpdatesReader } from './reader.ts';
import { restore, RETAINED_SNAPSHOT_BYTES, updatesOf } from './restore.ts';
import { MemoryStateFile } from './testing/memory-file.ts';
import { readAll } from './testing/read-all.ts';
import { G1, G1_BOUNDARIES, g2Payload, writeG1 } from './testing/vectors.ts';
import { resumeWriter, StateWriter } from './writer.ts';

describe('limit', () => {
  test('at every offset of G1 it bounds the updates as well as the epoch', async () => {
    const file = await writeG1();
    for (let limit = 0; limit <= G1.length; limit++) {
      const whole = G1_BOUNDARIES.findLast((end) => end <= limit) ?? 0;
      const bounded = await readAll(file, limit);
      const cut = await readAll(new MemoryStateFile(G1.slice(0, whole)));
      expect({ limit, state: bounded.state, updates: bounded.updates }).toEqual({
        limit,
        state: cut.state,
        updates: cut.updates,
      });
    }
  });
});

describe('a reader of a growing file', () => {
  test('sees each entry once, whole, whatever the pieces; its end is sticky until it looks again', async () => {
    const whole = new MemoryStateFile();
    const writer = new StateWriter(whole);
    const payloads = [3, 32_000, 800, 70_000, 0, 12].map((size) => g2Payload(size));
    for (const payload of payloads) await writer.update(payload);
    const bytes = whole.bytes;
    for (const piece of [4_001, 40_000]) {
      const file = new MemoryStateFile();
      const reader = new UpdatesReader(file, { from: 0, epoch: 0 });
      const seen: Uint8Array[] = [];
      for (let at = 0; at <= bytes.length + piece; at += piece) {
        const outcome = await reader.next();
        expect(outcome.kind === 'end' && outcome.why !== 'snapshot').toBe(true);
        file.extend(bytes.slice(at, at + piece));
        expect(await reader.next()).toBe(outcome);
        reader.lookAgain();
        for (let next = await reader.next(); next.kind !== 'end'; next = await reader.next()) {
          if (next.kind === 'damage') throw new Error(`damage at ${next.damage.offset}`);
          seen.push(next.payload);
        }
      }
      expect(seen.map((each, n) => equalBytes(each, payloads[n]!))).toEqual(payloads.map(() => true));
    }
  }, 30_000);

  test('an end at the next snapshot is final', async () => {
    const file = await writeG1();
    const reader = updatesOf(file, await restore(file, 51));
    expect([await reader.next(), await reader.next()]).toMatchObject([
      { kind: 'update' },
      { kind: 'update' },
    ]);
    const end = await reader.next();
    expect(end).toEqual({ kind: 'end', why: 'snapshot', offset: 51, bytes: 0 });
    reader.lookAgain();
    expect(await reader.next()).toBe(end);
  });
});

describe('a writer after a failure', () => {
  test('is broken for good, and only restore knows what is in the file', async () => {
    const file = await writeG1();
    const writer = resumeWriter(file, await restore(file));
    file.failWrite = new Error('no space');
    await expect(writer.update(utf8('lost'))).rejects.toMatchObject({
      code: 'STATEIO_WRITER_BROKEN',
      cause: { message: 'no space' },
    });
    await expect(writer.update(utf8('next'))).rejects.toThrow(WriterBrokenError);
    await expect(writer.sync()).rejects.toThrow(WriterBrokenError);
    expect(writer.broken).toBe(true);
    expect((await readAll(file)).updates).toEqual(['d']);
  });

  test('a failed sync leaves the entry undecided and the writer broken', async () => {
    const file = await writeG1();
    const writer = resumeWriter(file, await restore(file));
    await writer.update(utf8('e'));
    file.failSync = new Error('fenced');
    await expect(writer.sync()).rejects.toMatchObject({ cause: { message: 'fenced' } });
    await expect(writer.update(utf8('f'))).rejects.toThrow(WriterBrokenError);
    expect((await readAll(file)).updates).toEqual(['d', 'e']);
  });

  test('an overlapping call is refused and harms nothing', async () => {
    const file = new MemoryStateFile();
    const writer = new StateWriter(file);
    const first = writer.update(utf8('one'));
    await expect(writer.update(utf8('two'))).rejects.toThrow(WriterUsageError);
    await first;
    await writer.update(utf8('three'));
    expect((await readAll(file)).updates).toEqual(['one', 'three']);
  });
});

test('plain files: a streamed snapshot larger than what stays in memory, read back in pieces', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stateio-'));
  const file = await openPlainFile(join(directory, 'state'), 'w+');
  try {
    const writer = new StateWriter(file);
    const chunk = g2Payload(1_000_000);
    const count = Math.ceil(RETAINED_SNAPSHOT_BYTES / chunk.length) + 1;
    await writer.streamSnapshot(async (write) => {
      for (let n = 0; n < count; n++) await write(chunk);
    });
    await writer.update(utf8('u'));
    await writer.sync();
    const restored = await restore(file);
    expect(restored.snapshot?.length).toBe(count * chunk.length);
    const digest = createHash('sha256');
    for await (const piece of restored.snapshot!.chunks()) digest.update(piece);
    const expected = createHash('sha256');
    for (let n = 0; n < count; n++) expected.update(chunk);
    expect(digest.digest('hex')).toBe(expected.digest('hex'));
    expect(await updatesOf(file, restored).next()).toMatchObject({ kind: 'update', payload: utf8('u') });
  } finally {
    await file.close();
    await rm(directory, { recursive: true });
  }
}, 60_000);
