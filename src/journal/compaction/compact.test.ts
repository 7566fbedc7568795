/**
 * One compaction: what it asks for ahead, and what it makes of a fragment that it merges and that comes damaged.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { basePlan, compact, type CompactOptions } from './compact.ts';
import { fragmentPrefix } from '../format/fragment.ts';
import { slotKey, slotSeq, type Session } from '../index.ts';
import { lastSlots, openAtTail, story, type CalmJournal } from '../testing/index.ts';

const write = async (session: Session, name: string, count: number): Promise<string> => {
  for (let i = 0; i < count; i++) await session.append(utf8(`${name}${i};`), { barrier: true }).committed;
  return Array.from({ length: count }, (_, i) => `${name}${i};`).join('');
};

const optionsOf = ({ clock, random }: CalmJournal, rest: Partial<CompactOptions> = {}): CompactOptions => ({
  codec: 'raw',
  fragmentBytes: 1000,
  giveUpMs: 60_000,
  clock,
  random,
  ...rest,
});

/** A journal with one small fragment, and as much content behind it: the next compaction merges them. */
async function aboutToMerge(
  calm: CalmJournal,
): Promise<{ readonly session: Session; readonly text: string }> {
  const session = await openAtTail(calm, 1, { options: { flushIntervalMs: 0 } });
  const first = await write(session, 'a', 10);
  await compact(session, undefined, true, optionsOf(calm));
  return { session, text: first + (await write(session, 'b', 10)) };
}

const fragments = ({ store, journal }: CalmJournal): readonly string[] =>
  [...store.objects.keys()].filter((key) => key.startsWith(fragmentPrefix(journal)));

/** From now on a fragment comes with a wrong byte, so many times. */
function damage({ store, journal }: CalmJournal, times: number): { readonly fresh: boolean[] } {
  const get = store.get.bind(store);
  const fresh: boolean[] = [];
  store.get = async (key, call) => {
    const found = await get(key, call);
    if (!found || !key.startsWith(fragmentPrefix(journal))) return found;
    fresh.push(call?.freshConnection === true);
    if (fresh.length > times) return found;
    const body = found.body.slice();
    body[body.length - 1]! ^= 1;
    return { ...found, body };
  };
  return { fresh };
}

describe('a fragment that is merged', () => {
  test('is part of the new one', () =>
    story(async (calm) => {
      const { session, text } = await aboutToMerge(calm);
      const done = await compact(session, await basePlan(session), true, optionsOf(calm));
      expect(done!.plan.index.fragments.map(({ begin, end }) => [begin, end])).toEqual([[0, text.length]]);
      expect(done!.plan.index.retired.map(({ begin }) => begin)).toEqual([0]);
      expect((await lastSlots(calm)).text).toBe(text);
    }));

  test('and comes damaged is asked for again: nothing of the damaged answer is in the new one', () =>
    story(async (calm) => {
      const { session, text } = await aboutToMerge(calm);
      const { fresh } = damage(calm, 2);
      const done = await compact(session, await basePlan(session), true, optionsOf(calm));
      expect(fresh.slice(0, 3)).toEqual([false, true, true]); // then the HEAD of the new one
      expect(done!.written.map(({ end }) => end)).toEqual([text.length]);
      expect((await lastSlots(calm)).text).toBe(text);
    }));

  test('and is damaged ends the compaction with nothing written', () =>
    story(async (calm) => {
      const { session } = await aboutToMerge(calm);
      const before = [...calm.store.objects.keys()];
      damage(calm, 100);
      const plan = await basePlan(session);
      await expect(compact(session, plan, true, optionsOf(calm))).rejects.toMatchObject({
        code: 'CORRUPT_FRAGMENT',
      });
      expect([...calm.store.objects.keys()]).toEqual(before);
    }));

  test('and is gone is lost content', () =>
    story(async (calm) => {
      const { session } = await aboutToMerge(calm);
      calm.store.objects.delete(fragments(calm)[0]!);
      const plan = await basePlan(session);
      await expect(compact(session, plan, true, optionsOf(calm))).rejects.toMatchObject({
        code: 'DATA_LOSS',
      });
    }));
});

test('no slot behind those that are compacted is asked for, and at most eight at a time', () =>
  story(async (calm) => {
    const session = await openAtTail(calm, 1, { options: { flushIntervalMs: 0 } });
    const text = await write(session, 'a', 40);
    const asked = { slots: new Set<string>(), underWay: 0, most: 0 };
    const get = calm.store.get.bind(calm.store);
    calm.store.get = async (key, call) => {
      if (slotSeq(calm.journal, key) !== undefined) asked.slots.add(key);
      asked.most = Math.max(asked.most, ++asked.underWay);
      return await get(key, call).finally(() => asked.underWay--);
    };
    const { nextSeq } = session.confirmed;
    const done = await compact(session, undefined, true, optionsOf(calm, { fragmentBytes: 64 }));
    expect(done!.plan.index.end).toBe(text.length);
    const slots = Array.from({ length: nextSeq }, (_, seq) => slotKey(calm.journal, seq));
    expect([...asked.slots]).toEqual(slots);
    expect(asked.most).toBeLessThanOrEqual(8);
    expect(asked.most).toBeGreaterThan(4);
  }));
