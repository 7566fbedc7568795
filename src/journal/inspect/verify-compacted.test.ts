/**
 * Verification of compacted journals: fragments, the plan, what is left below the floor.
 */
import { describe, expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../../base/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { Compactor } from '../compaction/compactor.ts';
import { journalMetrics } from '../metrics.ts';
import { openSession } from '../open/open-session.ts';
import { encodeSlot } from '../format/slot.ts';
import {
  BuiltJournal,
  calmJournal,
  lastSlots,
  verifiedKey as key,
  verifyBuilt as verify,
  verifyOn,
} from '../testing/index.ts';
import type { Finding } from './finding.ts';

/** Content 0-6 compacted and reclaimed, 6-10 in slots; FENCEs 0 and 2 below the floor 4. */
const usual = (): BuiltJournal =>
  new BuiltJournal(seededRandom(3))
    .fence()
    .data('one')
    .fence()
    .data('two')
    .checkpoint()
    .data('four')
    .reclaim();
const journal = { store: new MemoryStore(), name: 'test/verified', generation: 'g1' };
const fragmentKeys = (from: BuiltJournal): string[] =>
  [...from.objects(journal).keys()].filter((one) => one.startsWith('test/verified/'));

describe('a whole compacted journal', () => {
  test('has no finding, reclaimed or not; the fragments are read and counted', async () => {
    for (const from of [
      usual(),
      new BuiltJournal(seededRandom(3)).fence().data('one').checkpoint().data('x').checkpoint(),
    ]) {
      const { findings, report } = await verify(from);
      expect(findings).toEqual([]);
      expect(report).toMatchObject({
        verdict: 'clean',
        contentEnd: from.end,
        floor: from.floor,
        fragments: fragmentKeys(from).length,
      });
    }
  });

  test.each([
    ['', [50, 50, 50]],
    [', its newest session begun where content is pruned by now,', [1, 150]],
  ])('written, compacted, pruned and reclaimed by the real thing,%s has no finding', async (_, sessions) => {
    const calm = calmJournal();
    const { clock, random } = calm;
    const write = async (term: number, records: number): Promise<void> => {
      const { reader } = await lastSlots(calm);
      const session = await openSession(calm.journal, {
        cursor: reader.cursor,
        author: term,
        term,
        clock,
        random,
      });
      const compactor = new Compactor(
        {
          session,
          needed: async () => ({ ranges: [{ begin: 300, end: 301 }], proof: 'test' }),
          clock,
          random,
          log: silentLogger,
          metrics: journalMetrics(),
        },
        {
          compression: 'raw',
          triggerSlots: 20,
          triggerBytes: 1 << 20,
          graceMs: 60_000,
          pruneAgeMs: 0,
          fragmentBytes: 64,
        },
      );
      for (let i = 0; i < records; i++)
        await session.append(utf8(`entry ${i};`), { barrier: true }).committed;
      await clock.sleep(300_000);
      await session.close();
      await compactor.ended;
    };
    await calm.clock.run(
      (async () => {
        for (const [i, records] of sessions.entries()) await write(i + 1, records);
      })(),
    );
    const { findings, report } = await verifyOn(calm.journal, clock);
    expect(findings).toEqual([]);
    expect(report.verdict).toBe('clean');
    expect(report.floor).toBeGreaterThan(100);
    expect(report.fragments).toBeGreaterThan(3);
    expect(report.prunedBytes).toBeGreaterThan(100);
  });
});

describe('damage to a compacted journal', () => {
  test.each<[string, (now: Uint8Array) => Uint8Array | undefined, string, string]>([
    ['lost', () => undefined, 'missing-fragment', 'no object'],
    ['with a bit flipped', (now) => now.with(1, now[1]! ^ 2), 'damaged-fragment', 'its SHA-1 is '],
    ['cut', (now) => now.slice(1), 'damaged-fragment', 'another length'],
    ['emptied', () => new Uint8Array(0), 'damaged-fragment', 'another length'],
  ])('a fragment %s is one finding with its content', async (_, change, kind, found) => {
    const from = usual();
    const [name] = fragmentKeys(from);
    const { findings, report } = await verify(from, (objects) => {
      const now = change(objects.get(name!)!);
      if (now) objects.set(name!, now);
      else objects.delete(name!);
    });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      kind,
      severity: 'damage',
      key: name,
      content: { begin: 0, end: 6 },
      found: expect.stringContaining(found),
    });
    expect(report).toMatchObject({ verdict: 'damaged', contentEnd: 10 });
  });

  test('every damaged fragment is told, and the slots behind them', async () => {
    const from = new BuiltJournal(seededRandom(3)).fence();
    for (let i = 0; i < 5; i++) from.data(`content ${i}`).checkpoint();
    from.data('tail');
    const names = fragmentKeys(from);
    const { findings } = await verify(from, (objects) => {
      for (const name of names.slice(1)) objects.delete(name);
      const tail = objects.get(key(from.slots.length - 1))!;
      tail[tail.length - 1]! ^= 1;
    });
    expect(findings.map((one) => one.key)).toEqual([...names.slice(1), key(from.slots.length - 1)]);
  });

  test('a FENCE lost below the floor is damage: only it keeps old writers out', async () => {
    const { findings } = await verify(usual(), (objects) => objects.delete(key(0)));
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'missing-fence', severity: 'damage', key: key(0) }),
    ]);
  });

  test('a slot lost above the floor is damage', async () => {
    const from = usual().data('five').data('six');
    const { findings } = await verify(from, (objects) => objects.delete(key(6)));
    expect(findings).toEqual([
      expect.objectContaining({
        kind: 'missing-slots',
        severity: 'damage',
        seq: 6,
        content: { begin: 10, end: 14 },
      }),
    ]);
  });

  test('what is damaged below the floor is a warning: nobody reads it', async () => {
    const { findings, report } = await verify(usual(), (objects) => {
      objects.get(key(2))![20]! ^= 1;
    });
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'header-checksum', severity: 'warning', key: key(2) }),
    ]);
    expect(report.verdict).toBe('clean');
  });

  test('a FENCE that a late opener put into a reclaimed place is a warning', async () => {
    const from = usual();
    const { findings } = await verify(from, (objects) => {
      const late = { ...from.slots[2]!, seq: 3, session: 3, begin: 6, end: 6 };
      objects.set(key(3), encodeSlot(late));
    });
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'stray-fence', severity: 'warning', key: key(3) }),
    ]);
  });

  test('without its CHECKPOINT nobody knows what was reclaimed: that is said, not guessed', async () => {
    const { findings, report } = await verify(usual(), (objects) => {
      objects.get(key(4))![200]! ^= 1;
    });
    expect(
      findings.map((one): [Finding['kind'], Finding['severity'], string] => [
        one.kind,
        one.severity,
        one.key,
      ]),
    ).toEqual([
      ['missing-slots', 'unverified', key(1)],
      ['payload-checksum', 'damage', key(4)],
      ['missing-slots', 'unverified', key(3)],
    ]);
    expect(report.verdict).toBe('damaged');
  });
});
