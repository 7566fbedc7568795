import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { type JournalReader, openSession, slotKey, slotPrefix, type Session } from '../index.ts';
import { decodeSlot, encodeSlot } from '../format/slot.ts';
import { calmJournal, lastSlots, type CalmJournal } from '../testing/index.ts';

async function open(calm: CalmJournal, author = 7, term = 1): Promise<Session> {
  const { reader } = await lastSlots(calm);
  const { clock, random } = calm;
  return await openSession(calm.journal, { cursor: reader.cursor, author, term, clock, random });
}

async function story<T>(tell: (calm: CalmJournal, session: Session) => Promise<T>): Promise<T> {
  const calm = calmJournal();
  const telling = open(calm).then((session) => tell(calm, session));
  return await calm.clock.run(telling, { maxVirtualMs: 400_000_000 });
}

async function commit(session: Session, ...texts: string[]): Promise<void> {
  for (const text of texts) await session.append(utf8(text), { barrier: true }).committed;
}

async function toTail(reader: JournalReader): Promise<void> {
  while ((await reader.next()).kind !== 'tail');
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'nothing',
    (error: { code: string }) => error.code,
  );

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory in use, without what the test's store remembers of its callers. */
function heapBytes(calm: CalmJournal): number {
  calm.store.gets.length = 0;
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('a reader', () => {
  test('that met what it cannot read stays there, however often it is asked', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b');
      const slot = decodeSlot(calm.store.objects.get(slotKey(calm.journal, 1))!, 1, 'test');
      calm.store.objects.set(slotKey(calm.journal, 1), encodeSlot({ ...slot, codec: 'zstd' }));
      const reader = calm.reader();
      await reader.next();
      for (let i = 0; i < 3; i++) expect(await codeOf(reader.next())).toBe('CORRUPT_SLOT');
      expect(reader.cursor).toMatchObject({ nextSeq: 1, offset: 0 });
    }));

  test('that met damage goes on when the object has been restored, and skips nothing', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b');
      const key = slotKey(calm.journal, 1);
      const good = calm.store.objects.get(key)!;
      calm.store.objects.set(key, good.with(128, good[128]! ^ 1));
      const reader = calm.reader();
      await reader.next();
      for (let i = 0; i < 2; i++) expect(await codeOf(reader.next())).toBe('CORRUPT_SLOT');
      calm.store.objects.set(key, good);
      expect([await reader.next(), await reader.next()]).toMatchObject([
        { kind: 'data', begin: 0, end: 1 },
        { kind: 'data', begin: 1, end: 2 },
      ]);
    }));

  test('asked for two events at a time refuses the second, and delivers each slot once', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b');
      const reader = calm.reader();
      const first = reader.next();
      await expect(reader.next()).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
      const kinds = [(await first).kind];
      for (let i = 0; i < 3; i++) kinds.push((await reader.next()).kind);
      expect(kinds).toEqual(['fence', 'data', 'data', 'tail']);
    }));

  // Each poll left a reaction on a promise that only wake() settles: some 100 MB a day in a standby that nobody wakes.
  test('that waits for hours leaves nothing behind in memory', () =>
    story(async (calm) => {
      const reader = calm.reader();
      await toTail(reader);
      const stop = new AbortController();
      const waiting = codeOf(reader.next(stop.signal));
      await calm.clock.sleep(60_000);
      const before = heapBytes(calm);
      await calm.clock.sleep(4 * 3_600_000); // some 33,000 polls
      expect(heapBytes(calm) - before).toBeLessThan(4 * 1024 * 1024);
      stop.abort(new Error('enough'));
      await waiting;
    }));

  test('that fell behind catches up as fast as one that starts', () =>
    story(async (calm, session) => {
      const { clock, store } = calm;
      const reader = calm.reader();
      await toTail(reader);
      store.readFault = new StoreError('STORE_UNREACHABLE', 'away', { retryable: true });
      const next = reader.next();
      for (let i = 0; i < 80; i++) await commit(session, 'x');
      store.readFault = undefined;
      await next;
      const startMs = clock.monotonicMs();
      await toTail(reader);
      const behindMs = clock.monotonicMs() - startMs;
      const fresh = calm.reader();
      const freshMs = clock.monotonicMs();
      await toTail(fresh);
      expect(behindMs).toBeLessThanOrEqual(1.5 * (clock.monotonicMs() - freshMs));
    }));

  test.each(['wake in the middle of a look', 'wake in the middle of a rest'])('is told by %s', (what) =>
    story(async (calm, session) => {
      const reader = calm.reader();
      await toTail(reader);
      const next = reader.next();
      await calm.clock.sleep(60_000);
      if (what.includes('look')) {
        const asked = calm.store.gets.length;
        while (calm.store.gets.length === asked) await calm.clock.sleep(1);
      }
      await commit(session, 'x');
      const startMs = calm.clock.monotonicMs();
      reader.wake();
      await next;
      expect(calm.clock.monotonicMs() - startMs).toBeLessThanOrEqual(10 + 50 + 10);
    }),
  );
});

describe('names of strangers among the slots', () => {
  const strange = (calm: CalmJournal, ...names: string[]): void => {
    for (const name of names) calm.store.objects.set(slotPrefix(calm.journal) + name, utf8('?'));
  };

  test('do not hide that a slot is missing', () =>
    story(async (calm, session) => {
      await commit(session, 'a', 'b', 'c');
      calm.store.objects.delete(slotKey(calm.journal, 2));
      strange(calm, '0000000000000001.bak', '0000000000000001.old', '0000000000000002.bak');
      expect(await codeOf(lastSlots(calm))).toBe('DATA_LOSS');
    }));

  test('do not hide a fence above the own', () =>
    story(async (calm) => {
      const { reader } = await lastSlots(calm);
      const stale = { ...reader.cursor, nextSeq: 0, session: undefined, lastPutId: undefined, registers: {} };
      await open(calm, 8, 2);
      calm.store.objects.delete(slotKey(calm.journal, 0)); // what only a broken rule or a foreign hand could do
      strange(calm, '0000000000000000.bak', '0000000000000000.old');
      const { clock, random, journal } = calm;
      const opening = openSession(journal, { cursor: stale, author: 9, term: 3, clock, random });
      expect(await codeOf(opening)).toBe('FENCED');
    }));
});

describe('the chain', () => {
  test('is checked at a fence too: one that does not follow the slot before it is damage', () =>
    story(async (calm, session) => {
      await commit(session, 'a');
      await open(calm, 8, 2);
      const key = slotKey(calm.journal, 2);
      const fence = decodeSlot(calm.store.objects.get(key)!, 2, 'test');
      calm.store.objects.set(key, encodeSlot({ ...fence, previousPutId: new Uint8Array(16).fill(3) }));
      expect(await codeOf(lastSlots(calm))).toBe('CORRUPT_SLOT');
    }));
});
