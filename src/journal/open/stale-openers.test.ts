/**
 * Several openers that slept past the same floor (open-session.ts F5): each believes what the one before it left in a reclaimed slot.
 *
 * Found by the simulation (e2e/sim/regressions.ts): the second one carried its false view up to the true tail, and the FENCE it put there, at an offset at which
 * the log did not end, could be passed by no reader: the journal was closed for good.
 */
import { expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../../base/index.ts';
import { Compactor } from '../compaction/compactor.ts';
import { journalMetrics, openSession, slotKey, type JournalCursor } from '../index.ts';
import { lastSlots, openAtTail, outcomeOf, story, type CalmJournal } from '../testing/index.ts';

const GRACE_MS = 900_000;

const openFrom = (calm: CalmJournal, cursor: JournalCursor, term: number): Promise<string> => {
  const { journal, clock, random } = calm;
  return outcomeOf(openSession(journal, { cursor, author: 1000 + term, term, clock, random }));
};

test.each([
  { openers: 2, gone: 1 },
  { openers: 3, gone: 1 },
  { openers: 3, gone: 3 },
  { openers: 5, gone: 3 },
])(
  '$openers openers that slept while $gone slots were reclaimed leave a journal that goes on',
  ({ openers, gone }) =>
    story(async (calm) => {
      const { clock, random, journal, store } = calm;
      const session = await openAtTail(calm, 1, { options: { flushIntervalMs: 0 } });
      const append = (text: string): Promise<void> => session.append(utf8(text), { barrier: true }).committed;
      await append('a');
      const { cursor } = (await lastSlots(calm)).reader; // all of them read so far, and fell asleep
      const compactor = new Compactor(
        { session, clock, random, log: silentLogger, metrics: journalMetrics() },
        { compression: 'raw', triggerSlots: 2, graceMs: GRACE_MS },
      );
      const written = 'bcd'.slice(0, gone);
      for (const text of written) await append(text);
      await clock.sleep(5000);
      compactor.stop();
      await append('e');
      const plan = compactor.plan!;
      expect(plan.index.floor).toBe(cursor.nextSeq + gone);
      for (let seq = cursor.nextSeq; seq < plan.index.floor; seq++) await store.delete(slotKey(journal, seq)); // as after the grace
      for (let i = 0; i < openers; i++)
        expect(await openFrom(calm, cursor, 2 + i)).toBe('FENCED not-appended');
      expect(store.objects.has(slotKey(journal, cursor.nextSeq))).toBe(true); // what the first one left
      await append('f');
      expect(session.isOpen).toBe(true);
      expect((await lastSlots(calm)).text).toBe(`a${written}ef`);
      const next = await openAtTail(calm, 50);
      await next.append(utf8('g'), { barrier: true }).committed;
      expect((await lastSlots(calm)).text).toBe(`a${written}efg`);
    }),
);
