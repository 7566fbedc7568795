import { describe, expect, test } from '@jest/globals';
import { fromUtf8, silentLogger, utf8 } from '../../base/index.ts';
import { Compactor, type CompactorPorts } from './compactor.ts';
import type { CompactorOptions } from './compactor-options.ts';
import { fragmentPrefix } from '../format/fragment.ts';
import { encodeIndex } from '../format/compaction-index.ts';
import { findPlan, journalMetrics, slotKey, slotPrefix, slotSeq, type Session } from '../index.ts';
import { verifyJournal } from '../inspect/verify.ts';
import { OPEN_END, type PruneEvidence } from './prune.ts';
import { MAX_LEAP_SLOTS } from '../open/leap-holes.ts';
import { decodeSlot, encodeSlot } from '../format/slot.ts';
import { lastSlots, openAtTail, story, type CalmJournal } from '../testing/index.ts';

const GRACE_MS = 900_000;
/** Plain content: compressing leaves the simulated thread (VirtualClock V2). */
const SMALL: Partial<CompactorOptions> = {
  compression: 'raw',
  triggerSlots: 10,
  triggerBytes: 1 << 20,
  graceMs: GRACE_MS,
  pruneAgeMs: 0,
};

interface Primary {
  readonly session: Session;
  readonly compactor: Compactor;
}

/** Reads the journal, fences it, and compacts it from then on. */
async function takeOver(
  calm: CalmJournal,
  term: number,
  options: Partial<CompactorOptions> = {},
  needed?: CompactorPorts['needed'],
): Promise<Primary> {
  const { clock, random } = calm;
  const session = await openAtTail(calm, term, { options: { flushIntervalMs: 0 } });
  const compactor = new Compactor(
    { session, needed, clock, random, log: silentLogger, metrics: journalMetrics() },
    { ...SMALL, ...options },
  );
  return { session, compactor };
}

/** `count` slots of one record each: `<name>0;<name>1;...` */
async function write({ session }: Primary, name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await session.append(utf8(`${name}${i};`), { barrier: true }).committed;
}

const textOf = (name: string, count: number): string =>
  Array.from({ length: count }, (_, i) => `${name}${i};`).join('');

const slotsLeft = ({ store, journal }: CalmJournal): number[] =>
  [...store.objects.keys()].flatMap((key) => slotSeq(journal, key) ?? []).sort((a, b) => a - b);

const fragmentsLeft = ({ store, journal }: CalmJournal): string[] =>
  [...store.objects.keys()].filter((key) => key.startsWith(fragmentPrefix(journal))).sort();

const indexesLeft = ({ store }: CalmJournal): string[] =>
  [...store.objects.keys()].filter((key) => key.includes('/index/'));

describe('a compacted journal', () => {
  test('reads the same, from its beginning and from any byte, before and after the slots are gone', () =>
    story(async (calm) => {
      const primary = await takeOver(calm, 1);
      await write(primary, 'a', 25);
      await calm.clock.sleep(5_000);
      await write(primary, 'b', 3);
      expect(primary.compactor.plan?.index.end).toBeGreaterThan(0);
      const whole = textOf('a', 25) + textOf('b', 3);
      expect((await lastSlots(calm)).text).toBe(whole);
      expect(slotsLeft(calm)).toContain(1);
      await calm.clock.sleep(GRACE_MS);
      expect(slotsLeft(calm)).not.toContain(1);
      expect(slotsLeft(calm)).toContain(0); // a FENCE stays
      const { text, reader } = await lastSlots(calm);
      expect(text).toBe(whole);
      expect(reader.cursor.offset).toBe(whole.length);
      for (let from = 0; from <= whole.length; from += 7)
        expect((await lastSlots(calm, { from })).text).toBe(whole.slice(from));
    }));

  test('is found by whoever listed it before it was compacted, and asks for its slots afterwards', () =>
    story(async (calm) => {
      const { journal, store, clock } = calm;
      const primary = await takeOver(calm, 1);
      await write(primary, 'a', 12);
      const list = store.list.bind(store);
      const old = await list(slotPrefix(journal));
      await clock.sleep(5_000);
      await write(primary, 'b', 3);
      await clock.sleep(GRACE_MS);
      expect(slotsLeft(calm)).not.toContain(1);
      const lists = [old];
      store.list = async (...call) => lists.pop() ?? (await list(...call));
      expect(await findPlan(journal)).toEqual(primary.compactor.plan);
      store.list = async () => old; // for ever: that is no answer, and no lost content either
      await expect(findPlan(journal)).rejects.toMatchObject({ code: 'STORE_BAD_RESPONSE', retryable: true });
    }));

  test('is found although a stale opener has put a FENCE where the CHECKPOINT was that is asked for', () =>
    story(async (calm) => {
      const { journal, store, clock } = calm;
      const primary = await takeOver(calm, 1);
      await write(primary, 'a', 12);
      await clock.sleep(5_000);
      const { seq } = (await findPlan(journal))!;
      const old = store.objects.get(slotKey(journal, seq))!;
      await write(primary, 'b', 12);
      await clock.sleep(5_000);
      const get = store.get.bind(store);
      let asked = 0;
      store.get = async (key, call) => {
        if (key !== slotKey(journal, seq) || asked++ > 0) return await get(key, call);
        const body = encodeSlot({
          ...decodeSlot(old, seq, 'test'),
          kind: 'fence',
          session: seq,
          checkpoint: undefined,
          registers: { author: 'v', term: '1' },
          payload: new Uint8Array(0),
        });
        return { body, size: body.length, lastModifiedMs: undefined };
      };
      const lists = [
        {
          objects: [{ key: slotKey(journal, seq + 1), size: 0, lastModifiedMs: undefined }],
          truncated: false,
        },
      ];
      const list = store.list.bind(store);
      store.list = async (...call) => lists.pop() ?? (await list(...call));
      expect(await findPlan(journal)).toEqual(primary.compactor.plan);
      expect(asked).toBe(1);
    }));

  test('is taken over like any other: the next session goes on behind it, and compacts on', () =>
    story(async (calm) => {
      const first = await takeOver(calm, 1);
      await write(first, 'a', 12);
      await calm.clock.sleep(5_000);
      await write(first, 'b', 2);
      expect((await findPlan(calm.journal))?.seq).toBe(first.compactor.plan?.seq);
      const second = await takeOver(calm, 2);
      await expect(first.session.append(utf8('x'), { barrier: true }).committed).rejects.toMatchObject({
        code: 'FENCED',
      });
      await write(second, 'c', 12);
      await calm.clock.sleep(GRACE_MS + 5_000);
      const { text, events } = await lastSlots(calm);
      expect(text).toBe(textOf('a', 12) + textOf('b', 2) + textOf('c', 12));
      const fences = events.filter((event) => event.kind === 'fence');
      expect(fences.map(({ offset }) => offset)).toEqual([0, (textOf('a', 12) + textOf('b', 2)).length]);
      expect(fences.at(-1)).toMatchObject({ registers: { term: '2' } });
      expect(slotsLeft(calm).filter((seq) => seq < second.compactor.plan!.index.floor)).toEqual([
        0,
        second.session.fenceSeq,
      ]);
    }));

  test('a reader that is overtaken by the floor goes on at the same byte', () =>
    story(async (calm) => {
      const primary = await takeOver(calm, 1);
      await write(primary, 'a', 30);
      const slow = calm.reader();
      let text = '';
      const take = async (count: number): Promise<void> => {
        for (let taken = 0; taken < count;) {
          const event = await slow.next();
          if (event.kind !== 'data') continue;
          text += fromUtf8(event.bytes);
          taken++;
        }
      };
      await take(1);
      await calm.clock.sleep(GRACE_MS + 5_000);
      await write(primary, 'b', 30);
      await calm.clock.sleep(GRACE_MS + 5_000);
      await write(primary, 'c', 1);
      for (let event = await slow.next(); event.kind !== 'tail'; event = await slow.next())
        if (event.kind === 'data') text += fromUtf8(event.bytes);
      expect(text).toBe(textOf('a', 30) + textOf('b', 30) + textOf('c', 1));
    }));

  test('many small compactions leave few fragments', () =>
    story(async (calm) => {
      const primary = await takeOver(calm, 1, { triggerSlots: 4 });
      for (let i = 0; i < 64; i++) {
        await write(primary, `${i}.`, 4);
        await calm.clock.sleep(3_000);
      }
      await calm.clock.sleep(GRACE_MS * 2);
      expect(primary.compactor.plan!.index.fragments.length).toBeLessThan(10);
      expect(fragmentsLeft(calm).length).toBe(primary.compactor.plan!.index.fragments.length);
      const whole = Array.from({ length: 64 }, (_, i) => textOf(`${i}.`, 4)).join('');
      expect((await lastSlots(calm)).text).toBe(whole);
    }));

  test('an index too long for a slot is an object of its own, which goes with its CHECKPOINT', () =>
    story(async (calm) => {
      const options = { fragmentBytes: 8, triggerSlots: 100, intervalMs: 10_000 };
      const first = await takeOver(calm, 1, options);
      await write(first, 'a', 1200);
      await calm.clock.sleep(20_000);
      expect(indexesLeft(calm).length).toBeGreaterThan(1);
      await calm.clock.sleep(GRACE_MS);
      expect(indexesLeft(calm).length).toBe(1);
      await write(first, 'b', 200);
      await calm.clock.sleep(20_000);
      const left = indexesLeft(calm);
      const second = await takeOver(calm, 2, options); // the first had no time to delete them
      await write(second, 'c', 1);
      await calm.clock.sleep(GRACE_MS + 30_000);
      expect(left.length).toBeGreaterThan(1);
      expect(indexesLeft(calm).filter((key) => left.includes(key))).toEqual([]);
      expect(indexesLeft(calm).length).toBe(1);
      expect((await lastSlots(calm)).text).toBe(textOf('a', 1200) + textOf('b', 200) + textOf('c', 1));
    }));

  test('a CHECKPOINT below the floor whose index has gone already is no damage to a slow reader, nor to whoever verifies', () =>
    story(async (calm) => {
      const options = { fragmentBytes: 8, triggerSlots: 900 };
      const primary = await takeOver(calm, 1, options);
      const reader = calm.reader();
      await reader.next();
      await write(primary, 'a', 1000);
      await calm.clock.sleep(20_000);
      const [gone] = indexesLeft(calm);
      await write(primary, 'b', 1000);
      await calm.clock.sleep(20_000);
      expect(indexesLeft(calm).length).toBe(2);
      await calm.store.delete(gone!);
      let text = '';
      while (reader.cursor.offset < primary.session.head) {
        const event = await reader.next();
        if (event.kind === 'data') text += fromUtf8(event.bytes);
      }
      expect(text === textOf('a', 1000) + textOf('b', 1000)).toBe(true); // too long to be shown
      const findings: unknown[] = [];
      const { clock, random, journal } = calm;
      await verifyJournal(journal, { clock, random, onFinding: (finding) => findings.push(finding) });
      expect(findings).toEqual([]);
    }));
});

describe('the plan', () => {
  test('is found behind the widest leap: FILLERs and a leap fence tell nothing of it', () =>
    story(async (calm) => {
      const primary = await takeOver(calm, 1);
      await write(primary, 'a', 25);
      await calm.clock.sleep(GRACE_MS + 5_000);
      const { plan } = primary.compactor;
      const { reader } = await lastSlots(calm);
      const { nextSeq, offset, lastPutId } = reader.cursor;
      const last = decodeSlot(
        calm.store.objects.get(slotKey(calm.journal, nextSeq - 1))!,
        nextSeq - 1,
        'test',
      );
      const common = {
        begin: offset,
        end: offset,
        codec: 'raw',
        registers: {},
        payload: new Uint8Array(0),
      } as const;
      for (let seq = nextSeq, previousPutId = lastPutId!; seq < nextSeq + MAX_LEAP_SLOTS; seq++) {
        const filler = {
          ...last,
          ...common,
          kind: 'filler',
          seq,
          previousPutId,
          checkpoint: undefined,
        } as const;
        calm.store.objects.set(slotKey(calm.journal, seq), encodeSlot(filler));
        previousPutId = filler.putId;
      }
      expect((await findPlan(calm.journal))?.seq).toBe(plan?.seq);
      expect((await lastSlots(calm)).text).toBe(textOf('a', 25));
    }));

  test('of a deleted journal is refused, by readers and by whoever would open it', () =>
    story(async (calm) => {
      const primary = await takeOver(calm, 1);
      await write(primary, 'a', 12);
      await calm.clock.sleep(5_000);
      await primary.session.checkpoint(encodeIndex({ ...primary.compactor.plan!.index, deleted: true }));
      await expect(lastSlots(calm)).rejects.toMatchObject({ code: 'JOURNAL_DELETED' });
      await expect(openAtTail(calm, 2)).rejects.toMatchObject({ code: 'JOURNAL_DELETED' });
    }));
});

describe('what is lost or damaged below the floor', () => {
  const compacted = async (calm: CalmJournal): Promise<Primary> => {
    const primary = await takeOver(calm, 1);
    await write(primary, 'a', 25);
    await calm.clock.sleep(GRACE_MS + 5_000);
    return primary;
  };
  const failureOf = async (calm: CalmJournal): Promise<unknown> =>
    await lastSlots(calm).then(
      () => 'nothing',
      (error: unknown) => error,
    );

  test('a fragment that is gone is data loss with its range', () =>
    story(async (calm) => {
      const { compactor } = await compacted(calm);
      const [fragment] = compactor.plan!.index.fragments;
      calm.store.objects.delete(fragmentsLeft(calm)[0]!);
      expect(await failureOf(calm)).toMatchObject({
        code: 'DATA_LOSS',
        begin: fragment!.begin,
        end: fragment!.end,
      });
    }));

  test('a fragment with a flipped bit, cut short or replaced is damage, and nothing of it is delivered', () =>
    story(async (calm) => {
      await compacted(calm);
      const key = fragmentsLeft(calm)[0]!;
      const whole = calm.store.objects.get(key)!;
      const flipped = whole.slice();
      flipped[3]! ^= 4;
      for (const bytes of [flipped, whole.slice(0, -1), utf8('something else')]) {
        calm.store.objects.set(key, bytes);
        const reader = calm.reader();
        const read = async (): Promise<void> => {
          for (;;) expect((await reader.next()).kind).not.toBe('data');
        };
        await expect(read()).rejects.toMatchObject({ code: 'CORRUPT_FRAGMENT' });
      }
    }));

  test('a CHECKPOINT that is gone is damage of the slot that names it', () =>
    story(async (calm) => {
      const primary = await compacted(calm);
      await write(primary, 'b', 1);
      const seq = primary.compactor.plan!.seq;
      const key = [...calm.store.objects.keys()].find((each) => slotSeq(calm.journal, each) === seq)!;
      calm.store.objects.delete(key);
      expect(await failureOf(calm)).toMatchObject({ code: 'CORRUPT_SLOT' });
    }));
});

describe('pruning', () => {
  test('what no hints name becomes an announced hole; what they name, and everything behind it, stays', () =>
    story(async (calm) => {
      let needs: { ranges: { begin: number; end: number }[]; proof: string } | undefined;
      const primary = await takeOver(calm, 1, { fragmentBytes: 40 }, () => Promise.resolve(needs));
      await write(primary, 'a', 40);
      await calm.clock.sleep(GRACE_MS + 5_000);
      const before = primary.compactor.plan!.index.fragments;
      expect(before.length).toBeGreaterThan(2);
      const [first, second] = before;
      needs = { ranges: [{ begin: second!.begin + 1, end: second!.begin + 2 }], proof: 'hints of three' };
      await write(primary, 'b', 12);
      await calm.clock.sleep(GRACE_MS + 5_000);
      const { index } = primary.compactor.plan!;
      expect(index.pruned).toEqual([{ begin: 0, end: first!.end }]);
      const whole = textOf('a', 40) + textOf('b', 12);
      const { text, events } = await lastSlots(calm);
      expect(events.find((event) => event.kind === 'hole')).toMatchObject({ begin: 0, end: first!.end });
      expect(text).toBe(whole.slice(first!.end));
      expect(fragmentsLeft(calm).length).toBe(index.fragments.length);
    }));
});

describe('when pruning happens', () => {
  /** Forty records in fragments of 40 bytes, compacted; nothing is appended afterwards. */
  const quiet = async (
    calm: CalmJournal,
    options: Partial<CompactorOptions>,
    needed: CompactorPorts['needed'],
  ): Promise<Primary> => {
    const primary = await takeOver(calm, 1, { fragmentBytes: 40, intervalMs: 600_000, ...options }, needed);
    await write(primary, 'a', 40);
    await calm.clock.sleep(60_000);
    return primary;
  };
  const ALL_BUT = { ranges: [{ begin: 90, end: OPEN_END }], proof: 'hints' };

  test('newer hints are looked for although nothing was appended', () =>
    story(async (calm) => {
      let needs: PruneEvidence | undefined;
      const primary = await quiet(calm, {}, () => Promise.resolve(needs));
      await calm.clock.sleep(3_600_000);
      expect(primary.compactor.plan!.index.pruned).toEqual([]);
      needs = ALL_BUT;
      await calm.clock.sleep(610_000);
      expect(primary.compactor.plan!.index.pruned).toEqual([{ begin: 0, end: 80 }]);
    }));

  test('a fragment goes only when its session has seen it for long enough; a takeover begins anew', () =>
    story(async (calm) => {
      const hours = 3_600_000;
      const options = { pruneAgeMs: 2 * hours };
      const evidence = (): Promise<PruneEvidence> => Promise.resolve(ALL_BUT);
      const first = await quiet(calm, options, evidence);
      await calm.clock.sleep(1.5 * hours);
      expect(first.compactor.plan!.index.pruned).toEqual([]);
      const second = await takeOver(calm, 2, { fragmentBytes: 40, ...options }, evidence);
      await write(second, 'b', 12);
      await calm.clock.sleep(1.9 * hours); // the fragments are older than three hours by now
      expect((await findPlan(calm.journal))!.index.pruned).toEqual([]);
      await calm.clock.sleep(0.5 * hours);
      expect(second.compactor.plan!.index.pruned).toEqual([{ begin: 0, end: 80 }]);
    }));

  test('a session that has compacted nothing yet prunes nothing, and is none the worse for it', () =>
    story(async (calm) => {
      await quiet(calm, {}, undefined);
      const second = await takeOver(calm, 2, {}, () => Promise.resolve(ALL_BUT));
      await calm.clock.sleep(3_600_000);
      expect(second.compactor.problem).toBeUndefined();
      expect((await findPlan(calm.journal))!.index.pruned).toEqual([]);
      await write(second, 'b', 12);
      await calm.clock.sleep(5_000);
      expect((await findPlan(calm.journal))!.index.pruned).toEqual([{ begin: 0, end: 80 }]);
    }));

  test('nobody is asked while there is nothing that could go', () =>
    story(async (calm) => {
      let asked = 0;
      const count = (): Promise<undefined> => Promise.resolve(void asked++);
      const options = { fragmentBytes: 100_000, intervalMs: 600_000 };
      const primary = await takeOver(calm, 1, options, count);
      await write(primary, 'a', 40);
      await calm.clock.sleep(3_600_000);
      expect(primary.compactor.plan!.index.fragments.length).toBe(1);
      expect(asked).toBe(0);
    }));
});

describe('a handoff', () => {
  test('sweeps what its predecessors left and did not say was reclaimed, and asks for nothing below that, however many there were', () =>
    story(async (calm) => {
      const { store, journal } = calm;
      const asked: number[] = [];
      const get = store.get.bind(store);
      store.get = async (key, call) => {
        const seq = call?.range ? slotSeq(journal, key) : undefined;
        if (seq !== undefined) asked.push(seq);
        return await get(key, call);
      };
      const sweeps: number[] = [];
      for (let term = 1; term <= 20; term++) {
        const primary = await takeOver(calm, term);
        const base = await findPlan(journal);
        asked.length = 0;
        await calm.clock.sleep(5_000);
        sweeps.push(asked.filter((seq) => seq < (base?.index.floor ?? 0)).length);
        await write(primary, `${term}.`, 12);
        await calm.clock.sleep(GRACE_MS + 5_000);
        await write(primary, `${term}+`, 12); // its CHECKPOINT says what is reclaimed by now; its own slots are left to the next
        await calm.clock.sleep(5_000);
        expect(primary.compactor.plan!.index.reclaimed).toBeGreaterThan(primary.session.fenceSeq);
      }
      expect(Math.max(...sweeps.slice(1))).toBeGreaterThan(0);
      expect(Math.max(...sweeps)).toBeLessThanOrEqual(14); // 12 appends, a CHECKPOINT, and never the FENCEs below
      await calm.clock.sleep(GRACE_MS);
      const last = (await findPlan(journal))!.index;
      expect(slotsLeft(calm).filter((seq) => seq < last.floor)).toEqual(last.fences.map(({ seq }) => seq));
    }));
});

describe('a zombie', () => {
  test('publishes nothing and deletes nothing once it is fenced', () =>
    story(async (calm) => {
      const zombie = await takeOver(calm, 1);
      await write(zombie, 'a', 25);
      const heir = await takeOver(calm, 2, { triggerSlots: 1_000, intervalMs: 10 * GRACE_MS });
      const before = slotsLeft(calm);
      await calm.clock.sleep(GRACE_MS * 2);
      expect(slotsLeft(calm)).toEqual(before);
      expect(zombie.session.isOpen).toBe(false);
      await write(heir, 'b', 1);
      expect((await lastSlots(calm)).text).toBe(textOf('a', 25) + textOf('b', 1));
    }));
});
