/**
 * A reader at the tail: what it notices although it does not LIST for each slot, and how soon (D2, D3 of reader.ts).
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { slotKey, type JournalReader, type Session } from '../index.ts';
import { RELIST_MS } from './reader.ts';
import { BuiltJournal, openAtTail, story, type CalmJournal } from '../testing/index.ts';

async function toTail(reader: JournalReader): Promise<void> {
  while ((await reader.next()).kind !== 'tail');
}

async function commit(session: Session, ...texts: string[]): Promise<void> {
  for (const text of texts) await session.append(utf8(text), { barrier: true }).committed;
}

/** A reader that follows a writer of a slot every 250 ms and is at its tail: it has not listed for a while. */
async function following(calm: CalmJournal): Promise<{ reader: JournalReader; session: Session }> {
  const session = await openAtTail(calm, 1);
  const reader = calm.reader();
  await toTail(reader);
  for (let i = 0; i < 20; i++) {
    const next = reader.next();
    await calm.clock.sleep(250);
    await commit(session, 'x');
    expect((await next).kind).toBe('data');
  }
  return { reader, session };
}

/** A moment later the store has exactly these objects. */
function replaceObjects(calm: CalmJournal, built: BuiltJournal): void {
  calm.store.objects.clear();
  for (const [key, body] of built.objects(calm.journal)) calm.store.objects.set(key, body);
}

describe('a reader at the tail', () => {
  test('asks for no proof while slots come, and tells a proven tail when they end', () =>
    story(async (calm) => {
      const { reader, session } = await following(calm);
      const before = calm.store.lists;
      for (let i = 0; i < 100; i++) {
        const next = reader.next();
        await calm.clock.sleep(250);
        await commit(session, 'x');
        expect((await next).kind).toBe('data');
      }
      expect(calm.store.lists).toBe(before);
      const endMs = calm.clock.monotonicMs();
      expect((await reader.next()).kind).toBe('tail');
      expect(calm.clock.monotonicMs() - endMs).toBeLessThan(RELIST_MS + 1000);
      expect(calm.store.lists).toBe(before + 1);
    }));

  test('notices that a slot is lost', () =>
    story(async (calm) => {
      const { reader, session } = await following(calm);
      const lost = reader.cursor;
      await commit(session, 'a');
      calm.store.objects.delete(slotKey(calm.journal, lost.nextSeq));
      await commit(session, 'b', 'c');
      const startMs = calm.clock.monotonicMs();
      await expect(reader.next()).rejects.toMatchObject({
        code: 'DATA_LOSS',
        begin: lost.offset,
        end: lost.offset + 1,
      });
      expect(calm.clock.monotonicMs() - startMs).toBeLessThan(RELIST_MS + 1000);
    }));

  test('that slept while the floor passed it goes on in the fragments', () =>
    story(async (calm) => {
      const built = new BuiltJournal(calm.random).fence().data('a').data('b');
      replaceObjects(calm, built);
      const reader = calm.reader();
      await toTail(reader);
      const { offset } = reader.cursor;
      replaceObjects(calm, built.data('c').data('d').checkpoint().reclaim().data('e'));
      let text = '';
      const startMs = calm.clock.monotonicMs();
      while (reader.cursor.offset < built.end) {
        const event = await reader.next();
        if (event.kind === 'data') text += new TextDecoder().decode(event.bytes);
      }
      expect([offset, text]).toEqual([2, 'cde']);
      expect(calm.clock.monotonicMs() - startMs).toBeLessThan(RELIST_MS + 1000);
    }));

  test('looks at once when the store has been away', () =>
    story(async (calm) => {
      const { reader, session } = await following(calm);
      const next = reader.next();
      calm.store.readFault = new StoreError('STORE_UNREACHABLE', 'away', { retryable: true });
      await calm.clock.sleep(5000);
      const before = calm.store.lists;
      calm.store.readFault = undefined;
      expect((await next).kind).toBe('tail'); // something may have happened meanwhile
      expect(calm.store.lists).toBe(before + 1);
      await session.close();
    }));

  test('of a writer that leaves no time for a LIST comes to its tail', () =>
    story(async (calm) => {
      const near = calm.client(3);
      const session = await openAtTail({ ...calm, ...near }, 1);
      const stop = new AbortController();
      const writing = (async () => {
        while (!stop.signal.aborted) await commit(session, 'x');
      })();
      const far = calm.reader();
      const startMs = calm.clock.monotonicMs();
      await toTail(far);
      expect(calm.clock.monotonicMs() - startMs).toBeLessThan(2000);
      stop.abort();
      await writing;
    }));

  test('does not rest on the way to a fence that it was told of', () =>
    story(async (calm) => {
      const { reader } = await following(calm);
      const { cursor } = reader;
      const next = await openAtTail(calm, 2);
      reader.believe(next.fenceSeq);
      const startMs = calm.clock.monotonicMs();
      expect(await reader.next()).toMatchObject({ kind: 'fence', seq: cursor.nextSeq });
      expect(calm.clock.monotonicMs() - startMs).toBe(10); // one GET
    }));
});
