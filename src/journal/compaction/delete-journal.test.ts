/**
 * A journal that is deleted: what remains after a crash at any request says so, or was never touched; a rerun finishes; a new life begins anew.
 */
import { describe, expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../../base/index.ts';
import { Compactor } from './compactor.ts';
import { deleteJournal, type DeleteReport } from './delete-journal.ts';
import { fragmentPrefix } from '../format/fragment.ts';
import { journalMetrics, openSession, START, type Journal } from '../index.ts';
import { generationPrefix, hintsKey, indexKey } from '../names.ts';
import {
  calmJournal,
  lastSlots,
  mortal,
  openAtTail,
  story,
  type CalmJournal,
  type DeathWhen,
} from '../testing/index.ts';

const GRACE_MS = 60_000;

interface Making {
  /** 8: so many fragments that the index is an object of its own. */
  readonly fragmentBytes: number;
  readonly slots: number;
}
const COMPACTED: Making = { fragmentBytes: 64, slots: 30 };

/** Two sessions, the first of them compacted and pruned, and content behind the floor. */
async function made(calm: CalmJournal, { fragmentBytes, slots }: Making): Promise<string> {
  const { clock, random } = calm;
  const first = await openAtTail(calm, 1, { options: { flushIntervalMs: 0 } });
  const needed = (): Promise<{ ranges: { begin: number; end: number }[]; proof: string }> =>
    Promise.resolve({ ranges: [{ begin: 70, end: 71 }], proof: 'a test' });
  const compactor = new Compactor(
    { session: first, needed, clock, random, log: silentLogger, metrics: journalMetrics() },
    { compression: 'raw', triggerSlots: slots, graceMs: 5_000, pruneAgeMs: 0, fragmentBytes },
  );
  for (let i = 0; i < slots; i++) await first.append(utf8(`record ${i};`), { barrier: true }).committed;
  await clock.sleep(200_000);
  compactor.stop();
  const second = await openAtTail(calm, 2, { options: { flushIntervalMs: 0 } });
  await second.append(utf8('the end'), { barrier: true }).committed;
  await second.close();
  return (await lastSlots(calm)).text;
}

const keys = (calm: CalmJournal, prefix: string): string[] =>
  [...calm.store.objects.keys()].filter((key) => key.startsWith(prefix));
const remains = (calm: CalmJournal): string[] => [
  ...keys(calm, generationPrefix(calm.journal)),
  ...keys(calm, fragmentPrefix(calm.journal)),
];

async function remove(calm: CalmJournal, journal: Journal = calm.journal): Promise<DeleteReport> {
  const { clock, random } = calm;
  return await deleteJournal(journal, { graceMs: GRACE_MS, reason: 'a test', clock, random });
}

/** What a reader and an opener are told of the journal. */
async function told(calm: CalmJournal): Promise<string> {
  const [read, opened] = await Promise.all([
    lastSlots(calm).then(
      ({ text }) => `reads ${text}`,
      (error: { code: string }) => error.code,
    ),
    openAtTail(calm, 1).then(
      () => 'opened',
      (error: { code: string }) => error.code,
    ),
  ]);
  return `${read}, ${opened}`;
}

describe('a deleted journal', () => {
  test('says so during the grace, and then nothing of it is left', () =>
    story(async (calm) => {
      await made(calm, COMPACTED);
      const removing = remove(calm);
      await calm.clock.sleep(GRACE_MS / 2);
      expect(keys(calm, fragmentPrefix(calm.journal)).length).toBeGreaterThan(1);
      expect(await told(calm)).toBe('JOURNAL_DELETED, JOURNAL_DELETED');
      const report = await removing;
      expect(report).toMatchObject({ kind: 'deleted', lives: [], strangers: 0 });
      expect(report.fragments).toBeGreaterThan(1);
      expect(remains(calm)).toEqual([]);
      expect(await remove(calm)).toMatchObject({ kind: 'absent' });
    }));

  test('stops its writer and its tailers', () =>
    story(async (calm) => {
      await made(calm, COMPACTED);
      const writer = await openAtTail(calm, 3);
      const tailer = calm.reader();
      const tailing = (async () => {
        for (;;) await tailer.next();
      })();
      const removing = remove(calm);
      await expect(tailing).rejects.toMatchObject({ code: 'JOURNAL_DELETED' });
      await expect(writer.append(utf8('x'), { barrier: true }).committed).rejects.toMatchObject({
        code: 'FENCED',
      });
      expect((await removing).kind).toBe('deleted');
    }));

  test('that never was compacted goes the same way', () =>
    story(async (calm) => {
      const session = await openAtTail(calm, 1);
      await session.append(utf8('x'), { barrier: true }).committed;
      expect(await remove(calm)).toMatchObject({ kind: 'deleted', fragments: 0 });
      expect(remains(calm)).toEqual([]);
    }));

  test('keeps what is not its own: another journal below its name, an object that nobody named', () =>
    story(async (calm) => {
      await made(calm, COMPACTED);
      const below = fragmentPrefix(calm.journal);
      const others = [
        `${below}nested/part`,
        `${below}${'0'.repeat(16)}-${'1'.repeat(16)}-${'a'.repeat(40)}.zst`,
      ];
      const copy = `${generationPrefix(calm.journal)}log/0000000000000001.copy`;
      for (const key of [...others, copy]) calm.store.objects.set(key, utf8('x'));
      expect(await remove(calm)).toMatchObject({ kind: 'deleted', strangers: 1 });
      expect(remains(calm).sort()).toEqual([...others, copy].sort());
    }));

  test('takes the hints that were kept beside it along', () =>
    story(async (calm) => {
      await made(calm, COMPACTED);
      for (const term of [1, 2])
        calm.store.objects.set(hintsKey(calm.journal, term, 'a'.repeat(64)), utf8('x'));
      expect(await remove(calm)).toMatchObject({ kind: 'deleted', hints: 2, strangers: 0 });
      expect(remains(calm)).toEqual([]);
    }));

  test('leaves its fragments while another life of the name is not deleted: they may hold the same content', () =>
    story(async (calm) => {
      await made(calm, COMPACTED);
      const next: CalmJournal = { ...calm, journal: { ...calm.journal, generation: 'g2' } };
      const { clock, random } = calm;
      await openSession(next.journal, { cursor: START, author: 5, term: 1, clock, random });
      const before = keys(calm, fragmentPrefix(calm.journal));
      expect(await remove(calm)).toMatchObject({ kind: 'shared', lives: ['g2'], fragments: 0 });
      expect(keys(calm, fragmentPrefix(calm.journal))).toEqual(before);
      expect(await told(calm)).toBe('JOURNAL_DELETED, JOURNAL_DELETED');
      expect(await remove(next)).toMatchObject({ kind: 'deleted' }); // one that is deleted does not count
      expect(await remove(calm)).toMatchObject({ kind: 'deleted' });
      expect(remains(calm)).toEqual([]);
    }));
});

describe.each<[string, Making]>([
  ['a small index', COMPACTED],
  ['an index that is an object of its own', { fragmentBytes: 8, slots: 450 }],
])('a crash at any request of a deletion, with %s', (_name, making) => {
  test('leaves the journal as it was, or one that says that it is deleted; a rerun finishes', async () => {
    const before = calmJournal();
    const whole = await before.clock.run(made(before, making), { maxVirtualMs: 24 * 3_600_000 });
    expect(keys(before, indexKey(before.journal, '')).length > 0).toBe(making.slots > 100);
    /** Dies at a request; how many there were. */
    const crash = async (atRequest: number, when: DeathWhen): Promise<number> => {
      const calm = calmJournal();
      for (const [key, body] of before.store.objects) calm.store.objects.set(key, body);
      const run = async (): Promise<number> => {
        const doomed = mortal(calm.store, atRequest, when);
        const removing = remove(calm, { ...calm.journal, store: doomed.store });
        await Promise.race([removing, doomed.died]);
        const isLeft = keys(calm, generationPrefix(calm.journal)).length > 0;
        const state = await told(calm);
        if (!isLeft) expect(state).toBe('reads , opened');
        else if (state !== 'JOURNAL_DELETED, JOURNAL_DELETED') {
          expect(atRequest).toBeLessThanOrEqual(3); // FENCE, index object, tombstone: before it the journal is as it was
          expect(state).toBe(`reads ${whole}, STALE_TERM`);
        }
        if (isLeft) expect(await remove(calm)).toMatchObject({ kind: 'deleted' });
        expect(isLeft ? remains(calm) : keys(calm, fragmentPrefix(calm.journal))).toEqual([]);
        return doomed.mutations();
      };
      return await calm.clock.run(run(), { maxVirtualMs: 24 * 3_600_000 });
    };
    const total = await crash(Infinity, 'before the effect');
    expect(total).toBeGreaterThan(10);
    // The first requests, the last ones, and of the hundreds of equal deletions between them a few.
    const step = Math.max(1, Math.floor(total / 4));
    for (let at = 1; at <= total; at += at < 6 || at + step > total - 6 ? 1 : step)
      for (const when of ['before the effect', 'after the effect'] as const) await crash(at, when);
  }, 60_000);
});
