import { describe, expect, test } from '@jest/globals';
import { crc32c, createMetrics, utf8, viewOf } from '../../base/index.ts';
import { compress, type Codec } from '../format/codec.ts';
import { journalMetrics, slotKey, type OpenSession, type Session, type SessionOptions } from '../index.ts';
import { decodeSlot, encodeSlot, type Slot } from '../format/slot.ts';
import {
  lastSlots,
  openAtTail,
  outcomeOf,
  realTimeJournal,
  story,
  type CalmJournal,
} from '../testing/index.ts';

let terms = 0;

const open = (
  calm: Parameters<typeof openAtTail>[0],
  options: Partial<SessionOptions>,
  rest: Partial<OpenSession> = {},
): Promise<Session> => openAtTail(calm, ++terms, { options, ...rest });

const slotAt = (calm: Pick<CalmJournal, 'journal' | 'store'>, seq: number): Slot =>
  decodeSlot(calm.store.objects.get(slotKey(calm.journal, seq))!, seq, 'test');

/** Content of a simulation: small enough that it is compressed without a thread. */
const SMALL = { compressAboveBytes: 100 };
const text = (length: number): string => 'all work and no play '.repeat(length / 21 + 1).slice(0, length);

describe('a batch is compressed', () => {
  test.each(['gzip', 'zstd'] as const)('with %s when it saves enough, and read back as it was', (codec) =>
    story(async (calm) => {
      const session = await open(calm, { compression: codec, ...SMALL });
      await session.append(utf8(text(5000)), { barrier: true }).committed;
      await session.append(utf8('short'), { barrier: true }).committed;
      const slot = slotAt(calm, 1);
      expect(slot.codec).toBe(codec);
      expect(slot.payload.length).toBeLessThan(500);
      expect([slot.begin, slot.end]).toEqual([0, 5000]);
      expect((await lastSlots(calm)).text).toBe(`${text(5000)}short`);
    }),
  );

  test('only above the size that was set, and not when told not to', () =>
    story(async (calm) => {
      const codecs: Codec[] = [];
      for (const [options, bytes] of [
        [SMALL, 100],
        [SMALL, 101],
        [{ ...SMALL, compression: 'raw' }, 5000],
        [{}, 64 * 1024],
        [{}, 64 * 1024 + 1],
      ] as const) {
        const session = await open(calm, options, {
          compress: (codec, all) => compress(codec, all.slice(0, 1000)),
        });
        const seq = session.fenceSeq + 1;
        await session.append(utf8(text(bytes)), { barrier: true }).committed;
        codecs.push(slotAt(calm, seq).codec);
      }
      expect(codecs).toEqual(['raw', 'zstd', 'raw', 'raw', 'zstd']);
    }));

  test('not when it saves a tenth or less', () =>
    story(async (calm) => {
      const found: Codec[] = [];
      for (const length of [901, 900, 899]) {
        const session = await open(calm, SMALL, { compress: () => Promise.resolve(new Uint8Array(length)) });
        const seq = session.fenceSeq + 1;
        await session.append(new Uint8Array(1000), { barrier: true }).committed;
        found.push(slotAt(calm, seq).codec);
      }
      expect(found).toEqual(['raw', 'raw', 'zstd']);
    }));

  test('judged by a sample when it is large: from its beginning, its end and between', async () => {
    const KIB = 1024;
    const asked = async (content: Uint8Array): Promise<number[]> => {
      const calm = realTimeJournal();
      const lengths: number[] = [];
      const session = await open(
        calm,
        { flushIntervalMs: 0 },
        {
          compress: (codec, all) => {
            lengths.push(all.length / KIB);
            return compress(codec, all);
          },
        },
      );
      await session.append(content, { barrier: true }).committed;
      const { events } = await lastSlots(calm);
      expect(Buffer.compare((events[1] as { bytes: Uint8Array }).bytes, content)).toBe(0);
      await session.close();
      return lengths;
    };
    const random = (): Uint8Array => {
      let state = 1;
      return Uint8Array.from({ length: 1024 * KIB }, () => (state = (state * 48_271) % 0x7fff_ffff) >> 8);
    };
    expect(await asked(random())).toEqual([64]);
    expect(await asked(random().fill(0, 0, 16 * KIB))).toEqual([64, 1024]);
    expect(await asked(random().fill(0, 1008 * KIB))).toEqual([64, 1024]);
    expect(await asked(random().fill(0, 16 * KIB, 64 * KIB))).toEqual([64]);
    expect(await asked(random().subarray(0, 255 * KIB))).toEqual([255]);
  });

  test('as it is when compressing fails: durability does not hang on it', () =>
    story(async (calm) => {
      const session = await open(calm, SMALL, { compress: () => Promise.reject(new Error('no memory')) });
      await session.append(utf8(text(5000)), { barrier: true }).committed;
      expect(slotAt(calm, 1).codec).toBe('raw');
      expect((await lastSlots(calm)).text).toBe(text(5000));
    }));

  test('and the figures tell how much that saves', () =>
    story(async (calm) => {
      const metrics = createMetrics();
      const session = await open(calm, SMALL, { metrics: journalMetrics(metrics) });
      await session.append(utf8(text(5000)), { barrier: true }).committed;
      const figures = await metrics.render();
      expect(figures).toContain('holdfast_journal_committed_bytes_total 5000');
      expect(figures).toContain(`holdfast_journal_stored_bytes_total ${slotAt(calm, 1).payload.length}`);
    }));

  test('on the thread pool when it is large, with megabytes coming back as they were', async () => {
    const calm = realTimeJournal();
    const session = await open(calm, { flushIntervalMs: 0 });
    const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) >> 7);
    await session.append(content, { barrier: true }).committed;
    expect(slotAt(calm, 1).codec).toBe('zstd');
    const { events } = await lastSlots(calm);
    expect(Buffer.compare((events[1] as { bytes: Uint8Array }).bytes, content)).toBe(0);
  });
});

describe('while a batch is being compressed', () => {
  const COMPRESS_MS = 100;

  /** A session whose first batch is being compressed, for COMPRESS_MS, since a moment ago. */
  async function compressing(
    calm: CalmJournal,
  ): Promise<{ session: Session; first: Promise<unknown>; puts: () => number }> {
    const slow: OpenSession['compress'] = async (codec, content) => {
      await calm.clock.sleep(COMPRESS_MS);
      return await compress(codec, content);
    };
    const session = await open(calm, SMALL, { compress: slow });
    const before = calm.store.puts.length;
    const first = outcomeOf(session.append(utf8(text(500)), { barrier: true }).committed);
    await calm.clock.sleep(1);
    return { session, first, puts: () => calm.store.puts.length - before };
  }

  test('what is appended goes into the next batch, and nothing is acknowledged early', () =>
    story(async (calm) => {
      const { session, first, puts } = await compressing(calm);
      const order: string[] = [];
      void first.then(() => order.push('first'));
      const second = session.append(utf8('second'), { barrier: true });
      void second.committed.then(() => order.push('second'));
      await calm.clock.sleep(COMPRESS_MS - 2);
      expect([puts(), session.head, order]).toEqual([0, 0, []]);
      await second.committed;
      expect(order).toEqual(['first', 'second']);
      expect([slotAt(calm, 1).end, slotAt(calm, 2).begin, slotAt(calm, 2).end]).toEqual([500, 500, 506]);
      expect((await lastSlots(calm)).text).toBe(`${text(500)}second`);
    }));

  test('it is not counted as sent: a read is not made to wait for it', () =>
    story(async (calm) => {
      const { session, puts } = await compressing(calm);
      await session.readIndex();
      expect(puts()).toBe(0);
    }));

  test('close commits it, and what came after it', () =>
    story(async (calm) => {
      const { session, first } = await compressing(calm);
      const second = outcomeOf(session.append(utf8('last words')).committed);
      await session.close();
      expect([await first, await second]).toEqual(['committed', 'committed']);
      expect((await lastSlots(calm)).text).toBe(`${text(500)}last words`);
    }));

  test('abandon ends the session at once, and all of it is known not to be in the log', () =>
    story(async (calm) => {
      const { session, first, puts } = await compressing(calm);
      const second = outcomeOf(session.append(utf8('second')).committed);
      const beganMs = calm.clock.monotonicMs();
      session.abandon('the process stops');
      expect([await first, await second]).toEqual(['NOT_APPENDED not-appended', 'NOT_APPENDED not-appended']);
      expect(await session.ended).toMatchObject({ kind: 'failed' });
      expect(calm.clock.monotonicMs() - beganMs).toBe(0);
      await calm.clock.sleep(1000);
      expect(puts()).toBe(0);
    }));

  test('a fence that a read sees ends it without a PUT', () =>
    story(async (calm) => {
      const { session, first, puts } = await compressing(calm);
      const next = await open(calm, {});
      expect(puts()).toBe(1); // that fence
      expect(await outcomeOf(session.readIndex())).toBe('FENCED not-appended');
      expect(await first).toBe('FENCED not-appended');
      expect(await session.ended).toMatchObject({ kind: 'fenced', by: { seq: next.fenceSeq } });
      await calm.clock.sleep(1000);
      expect(puts()).toBe(1);
    }));

  test('a fence that nobody saw wins the slot, as ever', () =>
    story(async (calm) => {
      const { session, first } = await compressing(calm);
      const next = await open(calm, {});
      expect(await first).toBe('FENCED not-appended');
      expect(await session.ended).toMatchObject({ kind: 'fenced', by: { seq: next.fenceSeq } });
      expect((await lastSlots(calm)).text).toBe('');
    }));

  test('on real threads, a stop before it is done is a stop before anything was sent', async () => {
    const calm = realTimeJournal();
    const session = await open(calm, { flushIntervalMs: 0 });
    const puts = calm.store.puts.length;
    const first = outcomeOf(session.append(new Uint8Array(4_000_000), { barrier: true }).committed);
    for (let i = 0; i < 50; i++) await Promise.resolve(); // the committer is in it now; no thread can have answered yet
    session.abandon('the process stops');
    expect(await first).toBe('NOT_APPENDED not-appended');
    expect(calm.store.puts.length).toBe(puts);
  });
});

describe('a slot whose content does not decode is damage, with its place', () => {
  const forged = (change: (slot: Slot) => Partial<Slot>): Promise<unknown> =>
    story(async (calm) => {
      const session = await open(calm, SMALL);
      await session.append(utf8(text(500)), { barrier: true }).committed;
      const slot = slotAt(calm, 1);
      calm.store.objects.set(slotKey(calm.journal, 1), encodeSlot({ ...slot, ...change(slot) }));
      return await lastSlots(calm).then(
        () => 'read',
        (error: unknown) => error,
      );
    });

  test.each([
    ['longer', 499, 'more content than the 499 bytes expected'],
    ['shorter', 501, '500 bytes of content, expected 501'],
  ])('it is %s than its range', async (_what, end, problem) => {
    const error = await forged(() => ({ end }));
    expect(error).toMatchObject({ code: 'CORRUPT_SLOT', fields: { where: 'test/journal #1' } });
    expect((error as Error).message).toContain(problem);
  });

  test('its bytes are of no such codec', async () => {
    expect(await forged(() => ({ codec: 'gzip' }))).toMatchObject({ code: 'CORRUPT_SLOT' });
    expect(await forged(({ payload }) => ({ payload: payload.subarray(0, -1) }))).toMatchObject({
      code: 'CORRUPT_SLOT',
    });
  });

  test('it promises more than a slot may hold', () =>
    story(async (calm) => {
      const session = await open(calm, SMALL);
      await session.append(utf8(text(500)), { barrier: true }).committed;
      expect(() => encodeSlot({ ...slotAt(calm, 1), end: 9_000_000 })).toThrow(/at most 8 MiB/);
      const bytes = calm.store.objects.get(slotKey(calm.journal, 1))!;
      viewOf(bytes).setBigUint64(24, 9_000_000n, true); // the end, with a header checksum that is right
      viewOf(bytes).setUint32(124, crc32c(bytes.subarray(0, 124)), true);
      await expect(lastSlots(calm)).rejects.toMatchObject({
        code: 'CORRUPT_SLOT',
        fields: { problem: 'promises 9000000 bytes of content' },
      });
    }));
});
