import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { compactJournal } from '../compaction/compact-journal.ts';
import { fragmentKey, fragmentPrefix } from '../format/fragment.ts';
import { START } from '../read/cursor.ts';
import { openSession } from '../open/open-session.ts';
import { lastSlots, mortal, openAtTail, story, type CalmJournal } from '../testing/index.ts';
import { unnamedFragments } from './unnamed.ts';
import { verifyJournal } from './verify.ts';

const RAW = { compression: 'raw' } as const;

async function append(calm: CalmJournal, text: string): Promise<void> {
  const session = await openAtTail(calm, 10 * (1 + calm.store.objects.size));
  await session.append(utf8(text), { barrier: true }).committed;
  await session.close();
}

const compactNow = async (
  calm: CalmJournal,
  store = calm.store as CalmJournal['journal']['store'],
): Promise<void> => {
  const { clock, random } = calm;
  await compactJournal({ ...calm.journal, store }, { options: RAW, clock, random });
};
const keysOf = async (calm: CalmJournal): Promise<string[]> =>
  (await unnamedFragments(calm.journal, calm)).map(({ key }) => key);

describe('a fragment that nobody names', () => {
  test('left by a process that died before its CHECKPOINT is told once nobody can name it any more', () =>
    story(async (calm) => {
      await append(calm, 'first;');
      const doomed = mortal(calm.store, 2, 'after the effect'); // FENCE, fragment
      await Promise.race([compactNow(calm, doomed.store), doomed.died]);
      const [left] = [...calm.store.objects.keys()].filter((key) =>
        key.startsWith(fragmentPrefix(calm.journal)),
      );
      expect(left).toBeDefined();
      expect(await keysOf(calm)).toEqual([]); // the next compaction may use it
      await append(calm, 'second;');
      await compactNow(calm); // of more content, so it does not
      expect(await keysOf(calm)).toEqual([left]);
      const report = await verifyJournal(calm.journal, calm);
      expect(report).toMatchObject({ verdict: 'clean', unnamedFragments: 1, findings: { warning: 1 } });
      expect((await lastSlots(calm)).text).toBe('first;second;');
    }));

  test('is taken up by the next compaction when it holds the same content', () =>
    story(async (calm) => {
      await append(calm, 'first;');
      const doomed = mortal(calm.store, 2, 'after the effect');
      await Promise.race([compactNow(calm, doomed.store), doomed.died]);
      await compactNow(calm);
      expect(
        [...calm.store.objects.keys()].filter((key) => key.startsWith(fragmentPrefix(calm.journal))),
      ).toHaveLength(1);
      expect(await keysOf(calm)).toEqual([]);
      expect((await verifyJournal(calm.journal, calm)).findings.warning).toBe(0);
    }));

  test('is not what another life of the name holds, what lies beyond the end, or what is no fragment of this journal', () =>
    story(async (calm) => {
      await append(calm, 'first;');
      await compactNow(calm);
      const life = { ...calm.journal, generation: 'g2' };
      const session = await openSession(life, { cursor: START, author: 7, term: 1, ...calm });
      await session.append(utf8('another life;'), { barrier: true }).committed;
      await compactJournal(life, { options: RAW, clock: calm.clock, random: calm.random });
      const named = { begin: 0, sha1: 'a'.repeat(40), codec: 'raw' } as const;
      const beyond = fragmentKey(calm.journal, { ...named, end: 100 });
      const nested = fragmentKey(
        { ...calm.journal, name: `${calm.journal.name}/below` },
        { ...named, end: 3 },
      );
      const stranger = `${fragmentPrefix(calm.journal)}readme`;
      for (const key of [beyond, nested, stranger]) calm.store.objects.set(key, utf8('x'));
      expect(await keysOf(calm)).toEqual([]);
      const garbage = fragmentKey(calm.journal, { ...named, end: 3 });
      calm.store.objects.set(garbage, utf8('x'));
      expect(await keysOf(calm)).toEqual([garbage]);
    }));
});
