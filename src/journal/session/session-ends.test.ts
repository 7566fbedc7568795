import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { openSession, slotKey, type Session, type SessionOptions } from '../index.ts';
import { decodeSlot, encodeSlot } from '../format/slot.ts';
import { lastSlots, openAtTail, outcomeOf, story, type CalmJournal } from '../testing/index.ts';

const open = (calm: CalmJournal, term: number, options: Partial<SessionOptions> = {}): Promise<Session> =>
  openAtTail(calm, term, { options });

const lost = (count: number): 'lost-request'[] =>
  Array.from({ length: count }, () => 'lost-request' as const);

/** Puts a slot made from slot `like` at `seq`, as another hand would. */
function forge(calm: CalmJournal, like: number, seq: number, change: object): void {
  const slot = decodeSlot(calm.store.objects.get(slotKey(calm.journal, like))!, like, 'test');
  const forged = { ...slot, seq, putId: new Uint8Array(16).fill(9), previousPutId: slot.putId, ...change };
  calm.store.objects.set(slotKey(calm.journal, seq), encodeSlot(forged));
}

describe('what is told when a session ends', () => {
  test('a barrier behind a slot whose fate is unknown is unknown too: bytes it stands for may be in the log', () =>
    story(async (calm) => {
      const session = await open(calm, 1, { giveUpMs: 1000 });
      calm.store.faults = lost(50);
      session.append(utf8('a'), { barrier: true });
      await calm.clock.sleep(1); // its PUT is under way
      const behind = outcomeOf(session.barrier());
      session.append(utf8('b'));
      const last = outcomeOf(session.barrier());
      expect([await behind, await last]).toEqual(['APPEND_UNKNOWN unknown', 'APPEND_UNKNOWN unknown']);
    }));

  test('a barrier behind bytes that were never sent is known not to be in the log', () =>
    story(async (calm) => {
      const session = await open(calm, 1);
      session.append(utf8('a'));
      const behind = outcomeOf(session.barrier());
      session.abandon('the process stops');
      expect(await behind).toBe('NOT_APPENDED not-appended');
      expect((await lastSlots(calm)).text).toBe('');
    }));

  test('a fence that a read has seen ends the session as fenced, also when its own last slot stays undecided', () =>
    story(async (calm) => {
      const session = await open(calm, 1, { giveUpMs: 1000 });
      calm.store.faults = ['lost-answer', ...lost(50)];
      const appended = outcomeOf(session.append(utf8('a'), { barrier: true }).committed);
      await calm.clock.sleep(15);
      forge(calm, 0, 2, { session: 2, begin: 1, end: 1, registers: { author: 'z', term: '2' } });
      expect(await outcomeOf(session.readIndex())).toBe('FENCED not-appended');
      expect(await appended).toBe('FENCED unknown');
      expect(await session.ended).toMatchObject({ kind: 'fenced', by: { seq: 2, registers: { term: '2' } } });
    }));

  test('a copy of the process that writes in the name of the same session ends it, also when it only reads (H24)', () =>
    story(async (calm) => {
      const session = await open(calm, 1);
      await session.append(utf8('a'), { barrier: true }).committed;
      forge(calm, 1, 2, { begin: 1, end: 2 });
      expect(await outcomeOf(session.readIndex())).toBe('FENCED not-appended');
      expect(await session.ended).toMatchObject({ kind: 'fenced' });
    }));

  test('abandoned in the middle of a PUT that a store never answers, it ends at once', () =>
    story(async (calm) => {
      const session = await open(calm, 1);
      calm.store.create = () => new Promise(() => undefined);
      const appended = outcomeOf(session.append(utf8('a'), { barrier: true }).committed);
      await calm.clock.sleep(1);
      session.abandon('the process stops');
      expect(await appended).toBe('APPEND_UNKNOWN unknown');
      expect(await session.ended).toMatchObject({ kind: 'failed' });
    }));

  test('a store that swallows requests and signals alike costs the patience, not for ever', () =>
    story(async (calm) => {
      const session = await open(calm, 1, { giveUpMs: 10_000 });
      calm.store.create = () => new Promise(() => undefined);
      expect(await outcomeOf(session.append(utf8('a'), { barrier: true }).committed)).toBe(
        'APPEND_UNKNOWN unknown',
      );
    }));

  test('a read whose GET was swallowed is served by a later one', () =>
    story(async (calm) => {
      const session = await open(calm, 1);
      const { store } = calm;
      const get = store.get.bind(store);
      let swallowed = 0;
      store.get = (key, call) => (swallowed++ < 2 ? new Promise(() => undefined) : get(key, call));
      await session.readIndex();
      expect(swallowed).toBe(3);
    }));
});

describe('at the limits', () => {
  test('a barrier adds no bytes, so it is not refused when far too much is buffered', () =>
    story(async (calm) => {
      const session = await open(calm, 1, { maxBatchBytes: 1024, bufferLimitBytes: 2048 });
      for (let i = 0; i < 9; i++) session.append(new Uint8Array(1024));
      expect(() => session.append(new Uint8Array(1))).toThrow(/await whenWritable/);
      expect(await session.barrier()).toBe(9 * 1024);
    }));

  test('an append past 2^53-1 is refused before anything changed', () =>
    story(async (calm) => {
      const { reader } = await lastSlots(calm);
      const { clock, random, journal } = calm;
      const cursor = { ...reader.cursor, offset: Number.MAX_SAFE_INTEGER - 1 };
      const session = await openSession(journal, { cursor, author: 1, term: 1, clock, random });
      expect(() => session.append(utf8('abc'))).toThrow(/2\^53-1/);
      expect(session.appendedHead).toBe(Number.MAX_SAFE_INTEGER - 1);
      const { committed } = session.append(utf8('a'), { barrier: true });
      await committed;
      expect(session.head).toBe(Number.MAX_SAFE_INTEGER);
    }));

  test.each([{ maxBatchBytes: 1500.5 }, { bufferLimitBytes: 2 ** 25 + 0.5 }])(
    '%p is no number of bytes',
    (options) =>
      story(async (calm) => {
        await expect(open(calm, 1, options)).rejects.toMatchObject({ code: 'SESSION_OPTIONS_INVALID' });
      }),
  );

  test('whoever has gone already opens no session: nothing is sent', () =>
    story(async (calm) => {
      const { reader } = await lastSlots(calm);
      const { clock, random, journal, store } = calm;
      const signal = AbortSignal.abort(new Error('gone'));
      const opening = openSession(journal, {
        cursor: reader.cursor,
        author: 1,
        term: 1,
        clock,
        random,
        signal,
      });
      await expect(opening).rejects.toThrow('gone');
      expect(store.puts).toEqual([]);
    }));
});
