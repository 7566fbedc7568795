/**
 * logio: the original's own tests (seeds.md §1.8), and what its readers and writers promise beyond them.
 */
import { describe, expect, test } from '@jest/globals';
import { concatBytes, equalBytes, fromUtf8, utf8, viewOf, xxh64Low32 } from '../base/index.ts';
import { seededRandom } from '../base/testing/index.ts';
import { encodeLogEntry } from './encode.ts';
import { WriterBrokenError } from './errors.ts';
import { alignedStart, BLOCK_BYTES, HEADER_BYTES } from './format.ts';
import { LogReader } from './log-reader.ts';
import type { LogOutcome } from './log-scan.ts';
import { LogWriter } from './log-writer.ts';
import { rewind } from './rewind.ts';
import { MemoryStateFile } from './testing/memory-file.ts';
import { g2Payload } from './testing/vectors.ts';

/** TestLogIO's sizes: growing up to 128 KiB, shuffled, and those around a block. */
function sizes(): number[] {
  const random = seededRandom(7);
  const growing = Array.from({ length: 100 }, (_, n) => Math.floor((n / 99) ** 3 * 131_072) + 1);
  for (let n = growing.length - 1; n > 0; n--) {
    const other = random.below(n + 1);
    [growing[n], growing[other]] = [growing[other]!, growing[n]!];
  }
  return [...growing, BLOCK_BYTES, BLOCK_BYTES - 15, BLOCK_BYTES - 17];
}

async function written(payloads: readonly Uint8Array[]): Promise<MemoryStateFile> {
  const file = new MemoryStateFile();
  const writer = new LogWriter(file);
  for (const payload of payloads) await writer.append(payload);
  return file;
}

async function all(reader: LogReader): Promise<LogOutcome[]> {
  const outcomes: LogOutcome[] = [];
  for (;;) {
    const outcome = await reader.next();
    outcomes.push(outcome);
    if (outcome.kind === 'end') return outcomes;
  }
}

const payloadsOf = (outcomes: readonly LogOutcome[]): (Uint8Array | undefined)[] =>
  outcomes.flatMap((each) => (each.kind === 'entry' ? [each.entry.payload] : []));

test('entries of every awkward size come back in order, then the end, for good', async () => {
  const payloads = sizes().map((size) => g2Payload(size));
  const reader = new LogReader(await written(payloads));
  const outcomes = await all(reader);
  expect(outcomes.length).toBe(payloads.length + 1);
  expect(payloadsOf(outcomes).every((each, n) => equalBytes(each!, payloads[n]!))).toBe(true);
  expect(await reader.next()).toBe(outcomes.at(-1));
});

test('a flipped byte costs its entry; every other one is read', async () => {
  const payloads = [10, 40_000, 20, 70_000, 30].map((size) => g2Payload(size));
  const bytes = (await written(payloads)).bytes;
  bytes[1]! ^= 0xff;
  const outcomes = await all(new LogReader(new MemoryStateFile(bytes)));
  expect(outcomes[0]).toMatchObject({ kind: 'damage', damage: { offset: 0, bytes: 25, reason: 'checksum' } });
  expect(payloadsOf(outcomes).map((each, n) => equalBytes(each!, payloads[n + 1]!))).toEqual(
    Array(4).fill(true),
  );
});

test('rewinding with the answer as the next limit walks back, and reading from there gives that entry', async () => {
  const payloads = Array.from({ length: 50 }, (_, n) => g2Payload((n * 2_503) % 90_000 || 1));
  const file = await written(payloads);
  let limit = file.size();
  for (let n = payloads.length - 1; n >= 0; n--) {
    const start = (await rewind(file, limit))!;
    const outcome = await new LogReader(file, { from: start }).next();
    expect(outcome).toMatchObject({ kind: 'entry', entry: { start } });
    expect(equalBytes(payloadsOf([outcome])[0]!, payloads[n]!)).toBe(true);
    limit = start;
  }
  expect(await rewind(file, limit)).toBeUndefined();
});

test('an entry without a byte writes nothing, but the padding before the next one', async () => {
  const file = new MemoryStateFile();
  const writer = new LogWriter(file);
  expect(await writer.append(new Uint8Array(0))).toEqual({ start: 0, end: 0 });
  await writer.append(new Uint8Array(BLOCK_BYTES - 2 * HEADER_BYTES)); // fifteen bytes are left
  expect(await writer.append(new Uint8Array(0))).toEqual({ start: BLOCK_BYTES, end: BLOCK_BYTES });
  expect(file.size()).toBe(BLOCK_BYTES);
  expect(await writer.stream(() => Promise.resolve())).toEqual({ start: BLOCK_BYTES, end: BLOCK_BYTES });
  await writer.append(utf8('next'));
  expect(payloadsOf(await all(new LogReader(file))).map((each) => each!.length)).toEqual([
    BLOCK_BYTES - 2 * HEADER_BYTES,
    4,
  ]);
});

test('padded files behind one another are one file', async () => {
  const one = await written([utf8('a'), g2Payload(40_000)]);
  const padding = new Uint8Array(Math.ceil(one.size() / BLOCK_BYTES) * BLOCK_BYTES - one.size());
  const both = new MemoryStateFile(concatBytes([one.bytes, padding, (await written([utf8('b')])).bytes]));
  const outcomes = await all(new LogReader(both));
  expect(outcomes.map(({ kind }) => kind)).toEqual(['entry', 'entry', 'damage', 'entry', 'end']);
  expect(outcomes[2]).toMatchObject({ damage: { bytes: padding.length } }); // more than a block's end: it is told
  expect(fromUtf8(payloadsOf(outcomes)[2]!)).toBe('b');
});

test('a record of a type that nobody knows is passed over, and told', async () => {
  const file = await written([utf8('one')]);
  const strange = encodeLogEntry(0, utf8('from the future')).bytes;
  strange[4] = 9;
  viewOf(strange).setBigUint64(7, 1n, true);
  viewOf(strange).setUint32(0, xxh64Low32(strange.subarray(4)), true);
  const start = file.size();
  file.extend(strange);
  file.extend(encodeLogEntry(file.size(), utf8('two')).bytes);
  expect(await all(new LogReader(file))).toMatchObject([
    { kind: 'entry' },
    { kind: 'damage', damage: { offset: start, bytes: strange.length, reason: 'type' } },
    { kind: 'entry' },
    { kind: 'end', torn: 0 },
  ]);
});

describe('in bounded memory', () => {
  test('a streamed entry has the bytes of a whole one, at every place near a block’s end', async () => {
    const payload = g2Payload(70_000);
    for (let left = 0; left <= 40; left++) {
      const offset = BLOCK_BYTES - left;
      const whole = new MemoryStateFile(new Uint8Array(offset));
      await new LogWriter(whole, offset).append(payload, utf8('head'));
      const streamed = new MemoryStateFile(new Uint8Array(offset));
      const placed = await new LogWriter(streamed, offset).stream(async (write) => {
        await write(utf8('head'));
        for (let at = 0; at < payload.length; at += 9_973) await write(payload.subarray(at, at + 9_973));
      });
      expect(placed).toEqual({ start: alignedStart(offset), end: whole.size() });
      expect(equalBytes(streamed.bytes, whole.bytes)).toBe(true);
    }
  });

  test('an entry longer than what is retained comes in pieces, while the reader goes on', async () => {
    const payloads = [10, 3_000_000, 20].map((size) => g2Payload(size));
    const reader = new LogReader(await written(payloads), { retain: 1000 });
    const outcomes = await all(reader);
    expect(payloadsOf(outcomes).map((each) => each?.length)).toEqual([10, undefined, 20]);
    const long = outcomes[1]!;
    if (long.kind !== 'entry') throw new Error('an entry was expected');
    expect(long.entry.length).toBe(3_000_000);
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.chunks(long.entry)) pieces.push(piece);
    expect(equalBytes(concatBytes(pieces), payloads[1]!)).toBe(true);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(BLOCK_BYTES);
  });

  test('an entry that is changed while its pieces are read is an error, never other bytes', async () => {
    const file = await written([g2Payload(100_000)]);
    const reader = new LogReader(file, { retain: 0 });
    const first = await reader.next();
    if (first.kind !== 'entry') throw new Error('an entry was expected');
    const changed = file.bytes;
    changed[50_000]! ^= 1;
    await file.write(changed, 0);
    const read = async (): Promise<void> => {
      for await (const piece of reader.chunks(first.entry)) expect(piece.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toMatchObject({ code: 'STATEIO_ENTRY_VANISHED' });
  });
});

describe('a sync', () => {
  /** A file whose syncs end when the test says so. */
  class Slow extends MemoryStateFile {
    readonly syncs: PromiseWithResolvers<void>[] = [];
    override sync(): Promise<void> {
      const sync = Promise.withResolvers<void>();
      this.syncs.push(sync);
      return sync.promise;
    }
  }

  test('lets entries go on, and answers for those before it', async () => {
    const file = new Slow();
    const writer = new LogWriter(file);
    const { end } = await writer.append(utf8('one'));
    const first = writer.sync();
    const second = await writer.append(utf8('two'));
    const later = writer.sync();
    file.syncs.forEach((sync) => sync.resolve());
    expect([await first, await later]).toEqual([end, second.end]);
  });

  test('that fails breaks the writer for the entries that went on, and for the syncs beside it', async () => {
    const file = new Slow();
    const writer = new LogWriter(file);
    await writer.append(utf8('one'));
    const syncs = [writer.sync(), writer.sync()];
    file.syncs[0]!.reject(new Error('the disk is gone'));
    await expect(syncs[0]).rejects.toMatchObject({ cause: { message: 'the disk is gone' } });
    file.syncs[1]!.resolve(); // the system told the other one only
    await expect(syncs[1]).rejects.toThrow(WriterBrokenError);
    await expect(writer.append(utf8('two'))).rejects.toThrow(WriterBrokenError);
  });

  test('that was called off before it began breaks nothing', async () => {
    const writer = new LogWriter(new MemoryStateFile());
    const reason = new RangeError('enough');
    await expect(writer.sync(AbortSignal.abort(reason))).rejects.toBe(reason);
    await writer.append(utf8('one'));
    expect(writer.broken).toBe(false);
  });
});
