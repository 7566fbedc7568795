import { describe, expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../../base/index.ts';
import { FencedError, JournalReader, openSession, slotKey, START, type Session } from '../index.ts';
import { advance, type JournalCursor } from '../read/cursor.ts';
import { fillHoles, leap } from './leap-fence.ts';
import { MAX_LEAP_SLOTS } from './leap-holes.ts';
import { journalMetrics } from '../metrics.ts';
import { Opener } from './opener.ts';
import { sessionOptions } from '../session/options.ts';
import { isStale, newestCheckpoint, pass, passedNothing, type Passed } from './passed.ts';
import { encodeSlot, type Slot, ZERO_PUT_ID } from '../format/slot.ts';
import { calmJournal, lastSlots, type CalmJournal } from '../testing/index.ts';

/** A journal with one session of term 1 and these records, one a slot from slot 1 on. */
async function story<T>(
  records: readonly string[],
  tell: (calm: CalmJournal, session: Session) => Promise<T>,
): Promise<T> {
  const calm = calmJournal();
  const { clock, random } = calm;
  const whole = async (): Promise<T> => {
    const session = await openSession(calm.journal, { cursor: START, author: 7, term: 1, clock, random });
    for (const text of records) await session.append(utf8(text), { barrier: true }).committed;
    return await tell(calm, session);
  };
  return await clock.run(whole(), { maxVirtualMs: 3_600_000 });
}

function opener(calm: CalmJournal, term: number, author = 8): Opener {
  const { clock, random } = calm;
  const options = sessionOptions();
  return new Opener(calm.journal, {
    author,
    term,
    options,
    clock,
    random,
    log: silentLogger,
    metrics: journalMetrics(),
  });
}

/** The leap fence of somebody who died right behind it. */
function orphan(calm: CalmJournal, cursor: JournalCursor, seq: number, term: number): Slot {
  const fence = opener(calm, term, 50 + term).slot(cursor, { kind: 'fence', leap: true, seq });
  calm.store.objects.set(slotKey(calm.journal, seq), encodeSlot(fence));
  return fence;
}

/** The cursor of a reader that stopped behind `slots` slots. */
async function cursorAfter(calm: CalmJournal, slots: number): Promise<JournalCursor> {
  const reader = calm.reader();
  while (reader.cursor.nextSeq < slots) await reader.next();
  return reader.cursor;
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'nothing',
    (error: { code: string }) => error.code,
  );

describe('a reader at a hole', () => {
  test('below a leap fence tells the tail there, and reads on once it is filled', () =>
    story(['a', 'b'], async (calm) => {
      const { reader } = await lastSlots(calm);
      orphan(calm, reader.cursor, 6, 2);
      const late = calm.reader();
      const kinds: string[] = [];
      for (let i = 0; i < 4; i++) kinds.push((await late.next()).kind);
      expect(kinds).toEqual(['fence', 'data', 'data', 'tail']);
      expect(late.cursor.nextSeq).toBe(3);
      const next = late.next();
      const passed = await fillHoles(opener(calm, 2, 52), passedNothing(late.cursor), 6);
      expect(passed.cursor.nextSeq).toBe(6);
      expect(await next).toMatchObject({ kind: 'fence', seq: 6, offset: 2 });
    }));

  test('below several leap fences tells the tail too', () =>
    story(['a'], async (calm) => {
      const { reader } = await lastSlots(calm);
      for (const [seq, term] of [
        [5, 2],
        [9, 4],
        [11, 3],
      ] as const)
        orphan(calm, reader.cursor, seq, term);
      expect((await lastSlots(calm)).reader.cursor.nextSeq).toBe(2);
      const { clock, random } = calm;
      const { cursor } = reader;
      const session = await openSession(calm.journal, { cursor, author: 9, term: 5, clock, random });
      await session.append(utf8('b'), { barrier: true }).committed;
      expect((await lastSlots(calm)).text).toBe('ab');
    }));

  test.each([
    ['with content above the leap fence is damage: somebody had filled it', [4, 5, 6, 7, 8], 11],
    ['wider than any leap is damage', [4, 5], MAX_LEAP_SLOTS + 20],
  ])('%s', (_what, missing, leapSeq) =>
    story(['a', 'b', 'c', 'd'], async (calm) => {
      const at = (await lastSlots(calm)).reader.cursor;
      orphan(calm, at, leapSeq, 2);
      if (leapSeq < MAX_LEAP_SLOTS) {
        const { clock, random } = calm;
        const session = await openSession(calm.journal, { cursor: at, author: 9, term: 3, clock, random });
        await session.append(utf8('e'), { barrier: true }).committed;
        expect((await lastSlots(calm)).text).toBe('abcde');
      }
      for (let seq = missing[0]!; seq < leapSeq; seq++) calm.store.objects.delete(slotKey(calm.journal, seq));
      expect(await codeOf(lastSlots(calm))).toBe('DATA_LOSS');
    }),
  );
});

describe('a leap fence among others', () => {
  const base: JournalCursor = {
    ...START,
    nextSeq: 4,
    offset: 10,
    session: 3,
    registers: { author: '5', term: '6', zone: 'new' },
  };
  const leaped = (registers: Slot['registers']): Slot => ({
    kind: 'fence',
    codec: 'raw',
    leap: true,
    seq: 4,
    begin: 2, // it did not know better
    end: 2,
    session: 4,
    author: 1,
    putId: new Uint8Array(16).fill(1),
    previousPutId: ZERO_PUT_ID,
    checkpoint: undefined,
    registers,
    payload: new Uint8Array(0),
  });

  test.each([
    ['of a lower term is void', { author: '1', term: '5' }],
    ['of the same term by another author is void', { author: '1', term: '6' }],
  ])('%s: the session below it goes on', (_what, registers) => {
    const { cursor, live } = advance(base, leaped(registers));
    expect(live).toBe(false);
    expect(cursor).toMatchObject({ nextSeq: 5, session: 3, offset: 10, registers: base.registers });
  });

  test('that counts lays what it sets over the registers below it, and moves no offset', () => {
    const { cursor, live } = advance(base, leaped({ author: '1', term: '7' }));
    expect(live).toBe(true);
    expect(cursor).toMatchObject({
      session: 4,
      offset: 10,
      registers: { author: '1', term: '7', zone: 'new' },
    });
  });

  test('that does not count is passed by a session which stands below it', () =>
    story(['a'], async (calm) => {
      const { reader } = await lastSlots(calm);
      orphan(calm, reader.cursor, 7, 2);
      const { clock, random } = calm;
      const { cursor } = reader;
      const session = await openSession(calm.journal, { cursor, author: 9, term: 3, clock, random });
      expect(session.fenceSeq).toBe(2);
      await session.append(utf8('b'), { barrier: true }).committed;
      await session.readIndex();
      const after = await lastSlots(calm);
      expect([after.text, after.reader.cursor.nextSeq]).toEqual(['ab', 9]);
      expect(after.reader.cursor.registers['term']).toBe('3');
      const fences = after.events.filter(({ kind }) => kind === 'fence');
      expect(fences).toHaveLength(2); // the void one is told to nobody
    }));

  test('which its own owner may not follow any more: the owner stops filling and takes no slot of the new session', () =>
    story(['a'], async (calm) => {
      const { reader } = await lastSlots(calm);
      const late = opener(calm, 2, 52);
      const { clock, random } = calm;
      const { cursor } = reader;
      const session = await openSession(calm.journal, { cursor, author: 9, term: 3, clock, random });
      orphan(calm, cursor, 9, 2); // its PUT was long under way
      expect(await codeOf(fillHoles(late, passedNothing(cursor), 9))).toBe('STALE_TERM');
      for (const text of ['b', 'c']) await session.append(utf8(text), { barrier: true }).committed;
      expect((await lastSlots(calm)).text).toBe('abc');
    }));
});

describe('an opener whose holes were reclaimed (L6)', () => {
  test('sees that a slot does not follow its FILLER, and gives up; who reads the rest never meets it', () =>
    story(['a', 'b', 'c', 'd'], async (calm) => {
      const cursor = await cursorAfter(calm, 1);
      for (const seq of [1, 2]) calm.store.objects.delete(slotKey(calm.journal, seq));
      const leaping = leap(opener(calm, 2), passedNothing(cursor));
      await expect(leaping).rejects.toBeInstanceOf(FencedError);
      await expect(leaping).rejects.toMatchObject({
        outcome: 'not-appended',
        cause: { code: 'CORRUPT_SLOT' },
      });
    }));

  test('sees a CHECKPOINT above its FILLER, and gives up', () =>
    story(['a', 'b'], async (calm) => {
      const after = (await lastSlots(calm)).reader.cursor;
      const cursor = await cursorAfter(calm, 1);
      const checkpoint: Slot = {
        ...opener(calm, 1).slot(after, { kind: 'filler', leap: false, seq: 3 }),
        kind: 'checkpoint',
        session: 0,
      };
      calm.store.objects.set(slotKey(calm.journal, 3), encodeSlot(checkpoint));
      for (const seq of [1, 2]) calm.store.objects.delete(slotKey(calm.journal, seq));
      const end: unknown = await leap(opener(calm, 2), passedNothing(cursor)).catch(
        (error: unknown) => error,
      );
      expect(end).toBeInstanceOf(FencedError);
      expect((end as FencedError).cause).toBeUndefined(); // by the CHECKPOINT, before the chain told it too
      expect(calm.store.objects.has(slotKey(calm.journal, 4))).toBe(false); // it filled nothing above the CHECKPOINT
    }));

  test('that lags a journal in which nothing was reclaimed does not give up', () =>
    story(['a', 'b', 'c'], async (calm) => {
      const { passed, fenceSeq } = await leap(opener(calm, 2), passedNothing(await cursorAfter(calm, 1)));
      expect([fenceSeq, passed.cursor.session, passed.cursor.offset]).toEqual([12, 12, 3]);
    }));

  test('knows the newest CHECKPOINT from its number or from who knew of it', () => {
    expect(newestCheckpoint(undefined, { kind: 'data', seq: 5, checkpoint: undefined })).toBeUndefined();
    expect(newestCheckpoint(undefined, { kind: 'data', seq: 5, checkpoint: 3 })).toBe(3);
    expect(newestCheckpoint(3, { kind: 'checkpoint', seq: 7, checkpoint: 3 })).toBe(7);
    expect(newestCheckpoint(7, { kind: 'data', seq: 8, checkpoint: 3 })).toBe(7);
  });

  test.each([
    [4, undefined, false],
    [4, 3, false],
    [4, 4, false], // the hole itself is kept
    [4, 5, true],
  ])('with its first FILLER at %i and a floor of %p is stale: %p', (filler, floor, stale) => {
    expect(isStale(filler, floor)).toBe(stale);
  });

  test('without any FILLER takes a broken chain for what it is: damage', () =>
    story(['a', 'b', 'c'], async (calm) => {
      const passed: Passed = passedNothing(await cursorAfter(calm, 2));
      const wrong = { ...passed, cursor: { ...passed.cursor, offset: 5 } };
      const slot = await opener(calm, 2).read(2);
      expect(() => pass(wrong, slot)).toThrow(/damaged/);
      expect(pass({ ...wrong, firstFiller: 1 }, slot)).toMatchObject({ kind: 'stale', firstFiller: 1 });
    }));
});

test('a reader behind a leap delivers the content of the holes that the old session won', () =>
  story(['a'], async (calm, session) => {
    const { reader } = await lastSlots(calm);
    orphan(calm, reader.cursor, 5, 2);
    await session.append(utf8('b'), { barrier: true }).committed;
    await session.append(utf8('c'), { barrier: true }).committed;
    await fillHoles(opener(calm, 2, 52), passedNothing(reader.cursor), 5);
    const follower = new JournalReader(calm.journal, { clock: calm.clock, random: calm.random });
    const kinds: string[] = [];
    do kinds.push((await follower.next()).kind);
    while (kinds.at(-1) !== 'tail');
    expect(kinds).toEqual(['fence', 'data', 'data', 'data', 'fence', 'tail']);
    expect(await codeOf(session.append(utf8('d'), { barrier: true }).committed)).toBe('FENCED');
  }));
