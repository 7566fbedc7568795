import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { openSession, slotKey, type JournalEvent, type Session } from '../index.ts';
import { decodeSlot, encodeSlot } from '../format/slot.ts';
import { calmJournal, lastSlots, type CalmJournal } from '../testing/index.ts';

async function story<T>(tell: (calm: CalmJournal, session: Session) => Promise<T>): Promise<T> {
  const calm = calmJournal();
  const opening = async (): Promise<T> => {
    const { reader } = await lastSlots(calm);
    const { clock, random } = calm;
    return await tell(
      calm,
      await openSession(calm.journal, { cursor: reader.cursor, author: 7, term: 1, clock, random }),
    );
  };
  return await calm.clock.run(opening(), { maxVirtualMs: 3_600_000 });
}

async function commit(session: Session, ...texts: string[]): Promise<void> {
  for (const text of texts) await session.append(utf8(text), { barrier: true }).committed;
}

describe('following a journal', () => {
  test('tells the tail once for each arrival, and goes on when more comes', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b');
      const reader = calm.reader();
      const kinds: string[] = [];
      const collect = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) kinds.push((await reader.next()).kind);
      };
      await collect(4);
      const more = collect(2);
      await calm.clock.sleep(30_000);
      await commit(session, 'c');
      await more;
      expect(kinds).toEqual(['fence', 'data', 'data', 'tail', 'data', 'tail']);
    }));

  test('from an offset delivers only what lies above it', () =>
    story(async (calm, session) => {
      await commit(session, 'hello ', 'world');
      const { JournalReader } = await import('../index.ts');
      const reader = new JournalReader(calm.journal, { clock: calm.clock, random: calm.random, from: 8 });
      const events: JournalEvent[] = [await reader.next(), await reader.next()];
      expect(events[1]).toMatchObject({ kind: 'data', begin: 8, end: 11 });
    }));

  test('wake makes an idle reader look at once', () =>
    story(async (calm, session) => {
      const reader = calm.reader();
      while ((await reader.next()).kind !== 'tail');
      const next = reader.next();
      await calm.clock.sleep(60_000); // polls every half second by now
      const asked = calm.store.gets.length;
      await commit(session, 'x');
      const beforeMs = calm.clock.monotonicMs();
      reader.wake();
      await next;
      expect(calm.store.gets.length - asked).toBeLessThanOrEqual(2);
      expect(calm.clock.monotonicMs() - beforeMs).toBeLessThan(50);
    }));

  test('an aborted wait ends with the reason', () =>
    story(async (calm) => {
      const reader = calm.reader();
      while ((await reader.next()).kind !== 'tail');
      const stop = new AbortController();
      const waiting = reader.next(stop.signal);
      await calm.clock.sleep(1000);
      stop.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
    }));

  // Found by statemachine/history.prop.test.ts, seed -1231067170: a takeover inherited the reads of the tailing that it had ended.
  test('a caller who stops between two events takes nothing from the next caller', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b', 'c');
      const reader = calm.reader();
      const stop = new AbortController();
      expect((await reader.next(stop.signal)).kind).toBe('fence'); // more are on their way already
      stop.abort(new Error('somebody else goes on'));
      await calm.clock.sleep(1);
      const kinds: string[] = [];
      for (let i = 0; i < 4; i++) kinds.push((await reader.next()).kind);
      expect(kinds).toEqual(['data', 'data', 'data', 'tail']);
    }));

  test('a store that is away is waited for, and what is wrong can be asked meanwhile', () =>
    story(async (calm, session) => {
      await commit(session, 'a');
      const reader = calm.reader();
      await reader.next();
      calm.store.readFault = new StoreError('STORE_UNREACHABLE', 'away', { retryable: true });
      const next = (async () => {
        for (;;) {
          const event = await reader.next();
          if (event.kind === 'tail') return event;
        }
      })();
      await commit(session, 'b');
      await calm.clock.sleep(120_000);
      expect(reader.problem).toMatchObject({ code: 'STORE_UNREACHABLE' });
      calm.store.readFault = undefined;
      expect(await next).toMatchObject({ offset: 2 });
    }));
});

describe('damage is reported, with its place', () => {
  const lost = (calm: CalmJournal): Promise<unknown> =>
    lastSlots(calm).then(
      () => 'nothing',
      (error: unknown) => error,
    );

  test.each([
    ['the first slot', 0, 0],
    ['a slot in the middle', 2, 1],
  ])('%s gone', (_what, seq, begin) =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b', 'c');
      calm.store.objects.delete(slotKey(calm.journal, seq));
      expect(await lost(calm)).toMatchObject({ code: 'DATA_LOSS', begin });
    }),
  );

  test('a slot with a flipped bit, asked for again in case only the copy was bad', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b');
      calm.store.objects.get(slotKey(calm.journal, 1))![128]! ^= 1;
      expect(await lost(calm)).toMatchObject({ code: 'CORRUPT_SLOT' });
      expect(calm.store.gets.filter((key) => key === slotKey(calm.journal, 1)).length).toBeGreaterThanOrEqual(
        3,
      );
    }));

  test('a slot of the right session that does not follow the one before it', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b');
      const key = slotKey(calm.journal, 2);
      const slot = decodeSlot(calm.store.objects.get(key)!, 2, 'test');
      calm.store.objects.set(key, encodeSlot({ ...slot, previousPutId: new Uint8Array(16) }));
      expect(await lost(calm)).toMatchObject({ code: 'CORRUPT_SLOT' });
    }));

  test('a slot of a session that was already over adds nothing', () =>
    story(async (calm, session) => {
      await commit(session, 'a');
      const { reader } = await lastSlots(calm);
      const next = await openSession(calm.journal, {
        cursor: reader.cursor,
        author: 8,
        term: 2,
        clock: calm.clock,
        random: calm.random,
      });
      const dead = decodeSlot(calm.store.objects.get(slotKey(calm.journal, 1))!, 1, 'test');
      calm.store.objects.set(slotKey(calm.journal, 3), encodeSlot({ ...dead, seq: 3, begin: 1, end: 2 }));
      expect(next.fenceSeq).toBe(2);
      expect((await lastSlots(calm)).text).toBe('a');
    }));

  test('what a newer version wrote is not skipped', () =>
    story(async (calm, session) => {
      await commit(session, 'a');
      const slot = decodeSlot(calm.store.objects.get(slotKey(calm.journal, 1))!, 1, 'test');
      calm.store.objects.set(
        slotKey(calm.journal, 1),
        encodeSlot({ ...slot, kind: 'filler', codec: 'zstd', end: 0 }),
      );
      expect(await lost(calm)).toMatchObject({ code: 'JOURNAL_TOO_NEW' });
    }));
});
