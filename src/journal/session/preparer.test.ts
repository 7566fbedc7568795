/** What is made ready while another slot is on its way (preparer.ts). A PUT takes PUT_MS, compressing COMPRESS_MS, so that the times tell what waited for what. */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { piecesOf } from '../../store/index.ts';
import { compress } from '../format/codec.ts';
import { slotKey, type OpenSession, type Session, type SessionOptions } from '../index.ts';
import { decodeSlot, type Slot } from '../format/slot.ts';
import { SlotBuffers } from './slot-buffers.ts';
import {
  lastSlots,
  openAtTail,
  outcomeOf,
  realTimeJournal,
  story,
  type CalmJournal,
} from '../testing/index.ts';

const PUT_MS = 500;
const COMPRESS_MS = 100;
const BATCH = 1024;
const OPTIONS: Partial<SessionOptions> = {
  maxBatchBytes: BATCH,
  compressAboveBytes: 100,
  giveUpMs: 3000,
  firstAttemptMs: 1000,
};

const text = (letter: string, length = BATCH): string => letter.repeat(length);

const slotAt = (calm: CalmJournal, seq: number): Slot =>
  decodeSlot(calm.store.objects.get(slotKey(calm.journal, seq))!, seq, 'test');

interface Saturated {
  readonly session: Session;
  /** How the appends of batches a, b and c end. */
  readonly outcomes: readonly Promise<unknown>[];
  /** What was given to be compressed, by its first letter and length. */
  readonly compressed: readonly string[];
  readonly putMs: () => readonly number[];
}

/** Three full batches appended at once, the first on its way since a moment ago, the second being prepared or prepared. */
async function saturated(
  calm: CalmJournal,
  options: Partial<SessionOptions> = {},
  compressMs = COMPRESS_MS,
): Promise<Saturated> {
  const compressed: string[] = [];
  const slow: OpenSession['compress'] = async (codec, content) => {
    compressed.push(`${String.fromCharCode(content[0]!)} ${content.length}`);
    await calm.clock.sleep(compressMs);
    return await compress(codec, content);
  };
  const session = await openAtTail(calm, 1, { options: { ...OPTIONS, ...options }, compress: slow });
  calm.store.latencyMs = PUT_MS;
  const before = calm.store.puts.length;
  const outcomes = ['a', 'b', 'c'].map((letter) => outcomeOf(session.append(utf8(text(letter))).committed));
  await calm.clock.sleep(compressMs + 10);
  const putMs = (): number[] => calm.store.puts.slice(before).map(({ atMs }) => atMs);
  return { session, outcomes, compressed, putMs };
}

const abc = text('a') + text('b') + text('c');

describe('while a slot is on its way', () => {
  test('the batch behind it is made ready, once, and leaves at the moment of the answer', () =>
    story(async (calm) => {
      const { outcomes, compressed, putMs } = await saturated(calm);
      expect(await Promise.all(outcomes)).toEqual(['committed', 'committed', 'committed']);
      const [first, ...later] = putMs();
      expect(later.map((ms) => ms - first!)).toEqual([PUT_MS, 2 * PUT_MS]);
      expect(compressed).toEqual(['a 1024', 'b 1024', 'c 1024']);
      expect((await lastSlots(calm)).text).toBe(abc);
    }));

  test('also when that batch came after the slot had left', () =>
    story(async (calm) => {
      const { session, outcomes, putMs } = await saturated(calm);
      await Promise.all(outcomes);
      await calm.clock.sleep(10_000);
      session.append(utf8(text('d')));
      await calm.clock.sleep(COMPRESS_MS + 10);
      await session.append(utf8(text('e'))).committed;
      const [d, e] = putMs().slice(3);
      expect(e! - d!).toBe(PUT_MS);
      expect((await lastSlots(calm)).text).toBe(abc + text('d') + text('e'));
    }));

  test('a batch that can still grow is left to grow: no slot gets smaller by preparing', () =>
    story(async (calm) => {
      const { session, outcomes, compressed } = await saturated(calm);
      await Promise.all(outcomes.slice(0, 2));
      session.append(utf8(text('d', 200))); // behind c, which is on its way
      await calm.clock.sleep(PUT_MS / 2);
      await session.append(utf8(text('e', 300)), { barrier: true }).committed;
      expect(compressed.slice(3)).toEqual(['d 500']);
      expect([slotAt(calm, 4).begin, slotAt(calm, 4).end]).toEqual([3 * BATCH, 3 * BATCH + 500]);
    }));

  test('preparing that takes longer is waited for, and begins no second time', () =>
    story(async (calm) => {
      const { outcomes, compressed, putMs } = await saturated(calm, {}, 2 * PUT_MS);
      await Promise.all(outcomes);
      const [first, second] = putMs();
      expect(second! - first!).toBe(2 * PUT_MS + 1); // it paused for a moment, for the sake of the slot that had just left
      expect(compressed.length).toBe(3);
    }));

  test('the pauses of preparing end when its turn comes: they are never waited for', () =>
    story(async (calm) => {
      const MIB = 1024 * 1024;
      const session = await openAtTail(calm, 1, {
        options: { maxBatchBytes: 4 * MIB, compression: 'raw', flushIntervalMs: 0 },
      });
      calm.store.latencyMs = 3; // too short for all of them
      for (const letter of ['a', 'b', 'c']) session.append(utf8(text(letter, 4 * MIB)));
      await session.barrier();
      const [a, b, c] = calm.store.puts.slice(-3).map(({ atMs }) => atMs);
      expect([b! - a!, c! - b!]).toEqual([3, 3]);
      expect((await lastSlots(calm)).reader.cursor.offset).toBe(12 * MIB);
    }));

  test('what is prepared cannot be compressed: it is stored as it is', () =>
    story(async (calm) => {
      const session = await openAtTail(calm, 1, {
        options: OPTIONS,
        compress: () => Promise.reject(new Error('no memory')),
      });
      await session.append(utf8(abc)).committed;
      expect([slotAt(calm, 2).codec, slotAt(calm, 3).codec]).toEqual(['raw', 'raw']);
      expect((await lastSlots(calm)).text).toBe(abc);
    }));

  test('what is prepared still counts as waiting: nobody may append more because of it', () =>
    story(async (calm) => {
      const { session, outcomes } = await saturated(calm, { bufferLimitBytes: 2 * BATCH });
      const beganMs = calm.clock.monotonicMs();
      await session.whenWritable();
      expect(calm.clock.monotonicMs() - beganMs).toBe(PUT_MS - 10); // the answer to the first PUT
      await Promise.all(outcomes);
    }));

  test('what is prepared is not sent: a read is served without it', () =>
    story(async (calm) => {
      const { session, outcomes } = await saturated(calm);
      await session.readIndex();
      expect(session.head).toBe(BATCH);
      await Promise.all(outcomes);
    }));

  test('a CHECKPOINT goes before what is prepared, which then follows it in the chain', () =>
    story(async (calm) => {
      const { session, outcomes } = await saturated(calm);
      await calm.clock.sleep(PUT_MS / 2); // b is ready
      expect(await session.checkpoint(utf8('index'))).toBe(2);
      await Promise.all(outcomes);
      const [a, checkpoint, b] = [1, 2, 3].map((seq) => slotAt(calm, seq)) as [Slot, Slot, Slot];
      expect([a.kind, checkpoint.kind, b.kind]).toEqual(['data', 'checkpoint', 'data']);
      expect(b).toMatchObject({ begin: BATCH, end: 2 * BATCH, checkpoint: 2 });
      expect(b.previousPutId).toEqual(checkpoint.putId);
    }));
});

describe('a session that ends while a batch is prepared', () => {
  test('by a fence: nothing of it is in the log, and its caller is told so', () =>
    story(async (calm) => {
      const { session, outcomes, putMs } = await saturated(calm);
      // the fence takes the very slot that is on its way: it is stored at once, the PUT later
      calm.store.latencyMs = 0;
      const next = await openAtTail(calm, 2);
      expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 3 }, () => 'FENCED not-appended'));
      expect(await session.ended).toMatchObject({ kind: 'fenced', by: { seq: next.fenceSeq } });
      await calm.clock.sleep(10_000);
      expect(putMs().length).toBe(2); // the first, and that fence
      expect((await lastSlots(calm)).text).toBe('');
    }));

  test('by a slot that stays undecided: that one is unknown, what was prepared is known not to be there', () =>
    story(async (calm) => {
      calm.store.faults = ['ok', ...Array.from({ length: 50 }, () => 'lost-request' as const)];
      const { outcomes } = await saturated(calm);
      expect(await Promise.all(outcomes)).toEqual([
        'APPEND_UNKNOWN unknown',
        'NOT_APPENDED not-appended',
        'NOT_APPENDED not-appended',
      ]);
    }));

  test('by abandon: at once, and only what was sent is unknown', () =>
    story(async (calm) => {
      const { session, outcomes, putMs } = await saturated(calm);
      const beganMs = calm.clock.monotonicMs();
      session.abandon('the process stops');
      expect(await Promise.all(outcomes)).toEqual([
        'APPEND_UNKNOWN unknown',
        'NOT_APPENDED not-appended',
        'NOT_APPENDED not-appended',
      ]);
      expect(calm.clock.monotonicMs() - beganMs).toBe(0);
      await calm.clock.sleep(10_000);
      expect(putMs().length).toBe(1);
    }));

  test('by close: after all of it was committed', () =>
    story(async (calm) => {
      const { session, outcomes } = await saturated(calm);
      const last = outcomeOf(session.append(utf8('last words')).committed);
      await session.close();
      expect(await Promise.all([...outcomes, last])).toEqual(Array.from({ length: 4 }, () => 'committed'));
      expect((await lastSlots(calm)).text).toBe(`${abc}last words`);
    }));
});

describe('the memory of slots', () => {
  const SLOTS = 12;
  const LARGE: Partial<SessionOptions> = { maxBatchBytes: 128 * 1024, compression: 'raw' };
  /** Large enough to be kept, each of another size and content. */
  const contents = Array.from({ length: SLOTS }, (_, i) =>
    new Uint8Array(66_000 + ((i * 7919) % 60_000)).fill(i + 1),
  );

  /** Appends them all at once; every body that the store was given, as it was then and as the caller holds it at the end. */
  async function appendAll(
    calm: CalmJournal,
  ): Promise<readonly (readonly [then: Buffer, held: Uint8Array])[]> {
    const session = await openAtTail(calm, 1, { options: LARGE });
    const create = calm.store.create.bind(calm.store);
    const given: (readonly [Buffer, Uint8Array])[] = [];
    calm.store.create = (key, body, call) => {
      const [held] = piecesOf(body); // a slot has one
      given.push([Buffer.from(held!), held!]);
      return create(key, body, call);
    };
    for (const content of contents) session.append(content);
    await session.barrier();
    return given;
  }

  const stored = async (calm: CalmJournal): Promise<Buffer> => {
    const { events } = await lastSlots(calm);
    return Buffer.concat(events.flatMap((event) => ('bytes' in event ? [event.bytes] : [])));
  };

  test('is used again: two buffers do for any number of slots, and each slot has its own content', () =>
    story(async (calm) => {
      const given = await appendAll(calm);
      expect(given.length).toBe(SLOTS);
      expect(new Set(given.map(([, { buffer }]) => buffer)).size).toBe(2);
      expect(Buffer.compare(await stored(calm), Buffer.concat(contents))).toBe(0);
    }));

  test.each(['lost-answer', 'lost-request', 'busy'] as const)(
    'is not used again after a %s: what may still be sending those bytes sends the very same ones (A2)',
    (fault) =>
      story(async (calm) => {
        calm.store.faults = ['ok', 'ok', fault, 'ok', 'ok', fault, fault, 'ok', 'ok', 'ok', fault];
        const given = await appendAll(calm);
        expect(Buffer.compare(await stored(calm), Buffer.concat(contents))).toBe(0);
        const keys = given.map(([then]) => then.readBigUint64LE(8));
        const twice = given.filter((_, i) => keys.indexOf(keys[i]!) !== keys.lastIndexOf(keys[i]!));
        expect(twice.length).toBeGreaterThanOrEqual(2 * 3);
        for (const [then, held] of twice) expect(Buffer.compare(then, held)).toBe(0);
      }),
  );

  test('never goes to two at a time, and no more of it is kept than is used', () => {
    const KIB = 1024;
    const buffers = new SlotBuffers(200 * KIB);
    const take = (kib: number): ArrayBufferLike => {
      const bytes = buffers.take(kib * KIB);
      expect(bytes.length).toBe(kib * KIB);
      return bytes.buffer;
    };
    const all = [100, 70, 200].map(take);
    expect(new Set(all).size).toBe(3);
    for (const buffer of all) buffers.giveBack(new Uint8Array(buffer, 0, 100 * KIB));
    const again = [200, 100, 100].map(take);
    expect(again.map((buffer) => all.includes(buffer))).toEqual([true, true, false]);
    expect(new Set(again).size).toBe(3);
    const small = buffers.take(KIB);
    buffers.giveBack(small);
    expect(take(1)).not.toBe(small.buffer);
  });
});

test('on real threads, megabytes that compress and megabytes that do not come back as they were', async () => {
  const calm = realTimeJournal();
  const session = await openAtTail(calm, 1, { options: { maxBatchBytes: 1024 * 1024 } });
  let state = 7;
  const noise = (): number => (state = (state * 48_271) % 0x7fff_ffff) >> 8;
  const content = Uint8Array.from({ length: 6_500_000 }, (_, i) => ((i >> 20) % 2 === 0 ? i >> 9 : noise()));
  for (let from = 0; from < content.length; from += 100_000) {
    await session.whenWritable();
    session.append(content.slice(from, from + 100_000));
  }
  await session.close();
  const { events } = await lastSlots(calm);
  const parts = events.flatMap((event) => ('bytes' in event ? [event.bytes] : []));
  expect(Buffer.compare(Buffer.concat(parts), content)).toBe(0);
});
