/**
 * Looking into a store: which journals there are, which one is meant, what its slots are, what they come to.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { slotKey, type Journal } from '../names.ts';
import { BuiltJournal, putObjects } from '../testing/index.ts';
import { describeSlots, type SlotDescription } from './describe.ts';
import { findJournal } from './find-journal.ts';
import { inOrder } from './in-order.ts';
import { listJournals, listSlots } from './list-slots.ts';
import { EMPTY_SUMMARY, summarize } from './summary.ts';

const random = seededRandom(1);

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function storeOf(
  ...journals: readonly (readonly [string, string, number])[]
): Promise<{ store: MemoryStore; lists: () => number; counted: ObjectStore }> {
  const store = new MemoryStore();
  let lists = 0;
  for (const [name, generation, slots] of journals)
    for (let seq = 0; seq < slots; seq++)
      await store.create(slotKey({ store, name, generation }, seq), utf8('x'));
  const counted = Object.assign(Object.create(store) as ObjectStore, {
    list: (...call: Parameters<ObjectStore['list']>) => {
      lists++;
      return store.list(...call);
    },
  });
  return { store, counted, lists: () => lists };
}

describe('listing', () => {
  test('finds every journal and generation once, whatever else is there, and skips over slots', async () => {
    const { store, counted, lists } = await storeOf(
      ['aa/b', 'g1', 2500],
      ['aa/b', 'g2', 1],
      ['aa/b/c', 'g1', 3],
      ['zzzz', 'g-9', 1200],
    );
    await store.create('_slots/broken', utf8('x'));
    await store.create('_slots/aa/b/g1/log/zzz', utf8('x'));
    await store.create('aa/b/0000000000000000-0000000000000001-x.raw', utf8('x'));
    expect(await all(listJournals(counted))).toEqual([
      { name: 'aa/b/c', generation: 'g1' },
      { name: 'aa/b', generation: 'g1' },
      { name: 'aa/b', generation: 'g2' },
      { name: 'zzzz', generation: 'g-9' },
    ]);
    expect(lists()).toBeLessThanOrEqual(4);
    expect(await all(listJournals(store, { name: 'aa/b' }))).toEqual([
      { name: 'aa/b', generation: 'g1' },
      { name: 'aa/b', generation: 'g2' },
    ]);
  });

  test('gives slots over page borders in order, strangers marked', async () => {
    const { store } = await storeOf(['long', 'g1', 2100]);
    await store.create(`${slotKey({ store, name: 'long', generation: 'g1' }, 5)}.copy`, utf8('xy'));
    const listed = await all(listSlots({ store, name: 'long', generation: 'g1' }));
    expect(listed.flatMap((one) => (one.kind === 'slot' ? [one.seq] : []))).toEqual(
      Array.from({ length: 2100 }, (_, i) => i),
    );
    expect(listed.filter(({ kind }) => kind === 'stranger')).toMatchObject([{ size: 2 }]);
  });
});

describe('a journal by name', () => {
  test('is the only generation, or the one that is named', async () => {
    const { store } = await storeOf(['one/only', 'g1', 1], ['two/lives', 'g1', 1], ['two/lives', 'g2', 1]);
    expect(await findJournal(store, 'one/only', undefined)).toMatchObject({
      name: 'one/only',
      generation: 'g1',
    });
    expect(await findJournal(store, 'two/lives', 'g2')).toMatchObject({ generation: 'g2' });
    await expect(findJournal(store, 'two/lives', undefined)).rejects.toMatchObject({
      code: 'GENERATION_AMBIGUOUS',
      message: expect.stringContaining('g1, g2'),
    });
    await expect(findJournal(store, 'two/lives', 'g3')).rejects.toMatchObject({
      code: 'GENERATION_NOT_FOUND',
    });
    await expect(findJournal(store, 'one/onyl', undefined)).rejects.toMatchObject({
      code: 'JOURNAL_NOT_FOUND',
      message: expect.stringContaining('one/only, two/lives'),
    });
    await expect(findJournal(store, '../x', undefined)).rejects.toMatchObject({
      code: 'JOURNAL_NAME_INVALID',
    });
    await expect(findJournal(new MemoryStore(), 'some/where', undefined)).rejects.toMatchObject({
      message: expect.stringContaining('no journals in it'),
    });
  });
});

describe('described slots', () => {
  const described = async (
    built: BuiltJournal,
    change: (objects: Map<string, Uint8Array>, journal: Journal) => void = () => undefined,
  ): Promise<SlotDescription[]> => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock });
    const journal: Journal = { store, name: 'test/looked', generation: 'g1' };
    const objects = built.objects(journal);
    change(objects, journal);
    await putObjects(store, objects);
    return await clock.run(all(describeSlots(journal, { clock, random })));
  };
  const usual = (): BuiltJournal =>
    new BuiltJournal(seededRandom(2))
      .fence({ author: 77 })
      .data('abc')
      .data('defgh')
      .fence({ author: 88 })
      .data('ij');

  test('have the term of their session, from heads alone', async () => {
    const slots = await described(usual());
    expect(
      slots.map(
        (one) =>
          one.kind === 'slot' && [
            one.seq,
            one.header.kind,
            one.header.begin,
            one.header.end,
            one.term,
            one.size > 128,
          ],
      ),
    ).toEqual([
      [0, 'fence', 0, 0, 1, true],
      [1, 'data', 0, 3, 1, true],
      [2, 'data', 3, 8, 1, true],
      [3, 'fence', 8, 8, 2, true],
      [4, 'data', 8, 10, 2, true],
    ]);
  });

  test('that are damaged or strangers are told among the others', async () => {
    const slots = await described(usual(), (objects, journal) => {
      objects.get(slotKey(journal, 1))![20]! ^= 1;
      objects.set(slotKey(journal, 2), objects.get(slotKey(journal, 4))!);
      objects.set(`${slotKey(journal, 2)}~`, utf8('x'));
    });
    expect(
      slots.map((one) => (one.kind === 'damaged' ? [one.seq, one.code, one.problem] : one.kind)),
    ).toEqual([
      'slot',
      [1, 'CORRUPT_SLOT', 'header checksum is wrong'],
      [2, 'CORRUPT_SLOT', 'says it is slot 4'],
      'stranger',
      'slot',
      'slot',
    ]);
  });

  test('of a compacted journal come to a summary from the floor on', async () => {
    const built = new BuiltJournal(seededRandom(2))
      .fence()
      .data('abc')
      .data('de')
      .checkpoint()
      .fence()
      .reclaim();
    const slots = await described(built);
    const summary = slots.reduce(summarize, { ...EMPTY_SUMMARY, floor: built.floor });
    expect(summary).toMatchObject({
      absent: 0,
      head: 5,
      batches: 0,
      sessions: 2,
      newestFence: { seq: 4, offset: 5 },
    });
    expect(slots.reduce(summarize, EMPTY_SUMMARY).absent).toBe(2);
  });

  test('a leap fence that came too late opens nothing', async () => {
    const slots = await described(usual().voidLeap().data('kl'));
    expect(
      slots.slice(4).map((one) => one.kind === 'slot' && [one.header.kind, one.isVoid, one.term]),
    ).toEqual([
      ['data', undefined, 2],
      ['fence', true, 2],
      ['data', undefined, 2],
    ]);
    const summary = slots.reduce(summarize, EMPTY_SUMMARY);
    expect(summary).toMatchObject({ head: 12, batches: 4, sessions: 2, newestFence: { seq: 3 } });
  });

  test('come to a summary', async () => {
    const slots = await described(usual(), (objects, journal) => {
      objects.set(`${slotKey(journal, 2)}~`, utf8('x'));
      objects.delete(slotKey(journal, 1));
    });
    const summary = slots.reduce(summarize, EMPTY_SUMMARY);
    expect(summary).toMatchObject({
      objects: 4,
      absent: 1,
      strangers: 1,
      damaged: 0,
      kinds: { data: 2, fence: 2, filler: 0, checkpoint: 0 },
      firstSeq: 0,
      lastSeq: 4,
      head: 10,
      batches: 2,
      contentBytes: 7,
      largestBatch: { seq: 2, bytes: 5 },
      sessions: 2,
      firstTerm: 1,
      lastTerm: 2,
      newestFence: { seq: 3, offset: 8, registers: { author: '2o', term: '2' } },
    });
    expect(summary.oldestMs).toBeDefined();
  });
});

describe('work in order', () => {
  async function* numbers(count: number): AsyncGenerator<number, void> {
    for (let i = 0; i < count; i++) yield i;
  }

  test('overlaps, keeps the order, and never holds more than the limit', async () => {
    const clock = new VirtualClock();
    let [now, most] = [0, 0];
    const work = async (n: number): Promise<number> => {
      most = Math.max(most, ++now);
      await clock.sleep(100 - n);
      now--;
      return n;
    };
    const found = await clock.run(all(inOrder(numbers(20), 4, work)));
    expect(found).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBe(4);
    expect(clock.monotonicMs()).toBeLessThan(20 * 80);
  });

  test('a failure is thrown in its turn, after what came before it', async () => {
    const work = async (n: number): Promise<number> => {
      if (n === 3) throw new Error('three');
      return n;
    };
    const found: number[] = [];
    const reading = (async () => {
      for await (const n of inOrder(numbers(10), 5, work)) found.push(n);
    })();
    await expect(reading).rejects.toThrow('three');
    expect(found).toEqual([0, 1, 2]);
  });

  test('whoever stops listening ends the work under way', async () => {
    const ended: number[] = [];
    const work = (n: number, signal: AbortSignal): Promise<number> =>
      n === 0
        ? Promise.resolve(0)
        : new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              ended.push(n);
              reject(new Error('ended'));
            });
          });
    for await (const n of inOrder(numbers(10), 3, work)) {
      expect(n).toBe(0);
      break;
    }
    expect(ended).toEqual([1, 2]);
  });
});
