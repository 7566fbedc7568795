/**
 * Verification, one kind of damage at a time: what is told, where, and that the pass goes on behind it.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { openSession } from '../open/open-session.ts';
import { encodeSlot, ZERO_PUT_ID, type Slot } from '../format/slot.ts';
import {
  BuiltJournal,
  calmJournal,
  lastSlots,
  verifiedKey as key,
  verifyBuilt as verify,
  verifyOn,
} from '../testing/index.ts';
import { CHAIN_START, passSlot } from './chain-check.ts';
import { MAX_SLOT_BYTES } from './check-bytes.ts';
import { findingLine, type Finding } from './finding.ts';
import type { VerifyProgress } from './verify.ts';

const built = (): BuiltJournal => new BuiltJournal(seededRandom(3));
/** Content 0-9 in three slots behind a fence, a second session with 9-15, a third without content. */
const usual = (): BuiltJournal =>
  built().fence().data('one').data('two').data('six').fence().data('four').data('up').fence();

const flip =
  (seq: number, at: number) =>
  (objects: Map<string, Uint8Array>): void => {
    const bytes = objects.get(key(seq))!;
    bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
  };
const remove =
  (...seqs: number[]) =>
  (objects: Map<string, Uint8Array>): void =>
    seqs.forEach((seq) => objects.delete(key(seq)));
const replace =
  (seq: number, bytes: (now: Uint8Array) => Uint8Array) =>
  (objects: Map<string, Uint8Array>): Map<string, Uint8Array> =>
    objects.set(key(seq), bytes(objects.get(key(seq))!));

/** The slot at `seq` of `from`, written again with other fields: every checksum of it is right. */
const rewritten =
  (from: BuiltJournal, seq: number, fields: Partial<Slot>) =>
  (objects: Map<string, Uint8Array>): Map<string, Uint8Array> =>
    objects.set(key(seq), encodeSlot({ ...from.slots[seq]!, ...fields }));

describe('a whole journal', () => {
  test('has no finding, and the report counts everything that was read', async () => {
    const { findings, report } = await verify(usual());
    expect(findings).toEqual([]);
    expect(report).toMatchObject({
      verdict: 'clean',
      slots: { data: 5, fence: 3, filler: 0, checkpoint: 0 },
      lastSeq: 7,
      contentEnd: 15,
      unreadSlots: 0,
    });
    expect(report.bytes).toBe(
      [...usual().objects({ store: new MemoryStore(), name: 'x/yz', generation: 'g' }).values()].reduce(
        (sum, { length }) => sum + length,
        0,
      ),
    );
  });

  test('written by real sessions that retried, lost answers and fenced each other, has no finding', async () => {
    const calm = calmJournal();
    const ports = { clock: calm.clock, random: calm.random };
    const work = async (): Promise<void> => {
      for (const term of [1, 2, 3]) {
        const { reader } = await lastSlots(calm);
        const session = await openSession(calm.journal, {
          cursor: reader.cursor,
          author: term * 7,
          term,
          ...ports,
        });
        calm.store.faults = ['lost-answer', 'busy', 'lost-request', 'ok'];
        for (let i = 0; i < 5; i++) await session.append(utf8(`entry ${i};`), { barrier: true }).committed;
      }
    };
    await calm.clock.run(work());
    const { findings, report } = await verifyOn(calm.journal, calm.clock);
    expect(findings).toEqual([]);
    expect(report).toMatchObject({ verdict: 'clean', slots: { data: 15, fence: 3 }, contentEnd: 3 * 5 * 8 });
  });

  test('with a leap fence and the holes below it filled, and with CHECKPOINTs, has no finding', async () => {
    const leapt = built()
      .fence()
      .data('abc')
      .filler()
      .filler()
      .fence({ leap: true })
      .data('de')
      .checkpoint()
      .data('f')
      .fence();
    expect((await verify(leapt)).findings).toEqual([]);
  });

  test('that is empty is clean and says so', async () => {
    const { report } = await verify(built());
    expect(report).toMatchObject({ verdict: 'clean', lastSeq: undefined, contentEnd: 0 });
  });

  test('tells its progress up to all of it', async () => {
    const told: VerifyProgress[] = [];
    const { report } = await verify(usual(), undefined, { onProgress: (progress) => told.push(progress) });
    expect(told.map(({ objects }) => objects)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(told.at(-1)).toEqual({
      objects: 8,
      totalObjects: 8,
      bytes: report.bytes,
      totalBytes: report.bytes,
    });
  });
});

describe('one slot damaged in its own bytes', () => {
  test.each<[string, (objects: Map<string, Uint8Array>) => void, Partial<Finding>]>([
    [
      'a bit of the payload',
      flip(2, -1),
      { kind: 'payload-checksum', bytes: { start: 128, end: 131 }, content: { begin: 3, end: 6 } },
    ],
    [
      'a bit of the header',
      flip(2, 30),
      { kind: 'header-checksum', bytes: { start: 0, end: 128 }, content: { begin: 3, end: 6 } },
    ],
    [
      'a bit of the first letters',
      flip(2, 0),
      { kind: 'not-a-slot', bytes: { start: 0, end: 4 }, content: { begin: 3, end: 6 } },
    ],
    [
      'cut in the payload',
      replace(2, (b) => b.slice(0, -2)),
      { kind: 'wrong-length', bytes: { start: 129, end: 131 }, content: { begin: 3, end: 6 } },
    ],
    [
      'cut in the header',
      replace(2, (b) => b.slice(0, 50)),
      { kind: 'wrong-length', bytes: { start: 50, end: 128 }, content: { begin: 3, end: 6 } },
    ],
    ['emptied', replace(2, () => new Uint8Array(0)), { kind: 'wrong-length', found: '0 bytes' }],
    [
      'with bytes behind it',
      replace(2, (b) => Uint8Array.of(...b, 1, 2)),
      { kind: 'wrong-length', bytes: { start: 131, end: 133 } },
    ],
    [
      'with another slot’s bytes',
      (o) => o.set(key(2), o.get(key(3))!),
      { kind: 'wrong-slot-number', bytes: { start: 8, end: 16 } },
    ],
    ['grown beyond any slot', replace(2, () => new Uint8Array(MAX_SLOT_BYTES + 10)), { kind: 'not-a-slot' }],
  ])('%s: exactly one finding, with its place', async (_, change, finding) => {
    const { findings, report } = await verify(usual(), change);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ ...finding, severity: 'damage', seq: 2, key: key(2) });
    expect(report).toMatchObject({ verdict: 'damaged', contentEnd: 15, findings: { damage: 1 } });
  });

  test('a damaged FENCE does not make its session’s slots strangers', async () => {
    const { findings } = await verify(usual(), flip(4, 30));
    expect(findings).toEqual([expect.objectContaining({ kind: 'header-checksum', seq: 4 })]);
    expect(findings[0]!.content).toBeUndefined(); // a FENCE holds none, as the slot behind it shows
  });

  test('several damaged slots are all told, in order', async () => {
    const { findings } = await verify(usual(), (objects) => {
      flip(1, -1)(objects);
      flip(4, 5)(objects);
      flip(5, 5)(objects);
      flip(7, 100)(objects);
    });
    expect(findings.map((one) => 'seq' in one && one.seq)).toEqual([1, 4, 5, 7]);
    expect(findings.map(({ content }) => content)).toEqual([
      { begin: 0, end: 3 },
      { begin: 9, end: 13 },
      { begin: 9, end: 13 },
      { begin: 15, end: undefined },
    ]);
  });

  test('a format of the future is not called damage', async () => {
    const { findings, report } = await verify(
      usual(),
      replace(3, (bytes) => bytes.with(4, 2)),
    );
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'unknown-format', severity: 'unverified', seq: 3 }),
    ]);
    expect(report.verdict).toBe('incomplete');
  });

  test('a FENCE must name author and term in its registers', async () => {
    const from = usual();
    for (const registers of [{ author: '1', term: '2' }, { author: from.slots[4]!.author.toString(32) }]) {
      const { findings } = await verify(from, rewritten(from, 4, { registers }));
      expect(findings[0]).toMatchObject({ kind: 'bad-field', severity: 'damage', seq: 4 });
    }
  });
});

describe('slots that do not belong together', () => {
  test('missing slots are one finding with the content that is lost', async () => {
    const { findings, report } = await verify(usual(), remove(2, 3));
    expect(findings).toEqual([
      expect.objectContaining({
        kind: 'missing-slots',
        seq: 2,
        lastSeq: 3,
        key: key(2),
        content: { begin: 3, end: 9 },
      }),
    ]);
    expect(report.verdict).toBe('damaged');
  });

  test('missing slots at the beginning are missing too', async () => {
    const { findings } = await verify(usual(), remove(0, 1));
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'missing-slots', seq: 0, lastSeq: 1, content: { begin: 0, end: 3 } }),
    ]);
  });

  test('a gap of billions is not asked for slot by slot', async () => {
    const { findings } = await verify(usual(), (objects) => {
      objects.set(key(2 ** 40), encodeSlot({ ...usual().slots[7]!, seq: 2 ** 40, session: 2 ** 40 }));
    });
    expect(findings[0]).toMatchObject({
      kind: 'missing-slots',
      seq: 8,
      lastSeq: 2 ** 40 - 1,
      found: `no object (32 of ${2 ** 40 - 8} asked for by GET)`,
    });
  });

  test('a slot of another journal in the same place contradicts its neighbours', async () => {
    const other = new BuiltJournal(seededRandom(99)).fence().data('one').data('xyz').data('six');
    const { findings } = await verify(usual(), (objects) => {
      objects.set(key(2), encodeSlot(other.slots[2]!));
    });
    expect(findings.map(({ kind, ...one }) => [kind, 'seq' in one && one.seq])).toEqual([
      ['chain-put-id', 2],
      ['wrong-author', 2],
      ['chain-put-id', 3],
    ]);
    expect(findings[2]).toMatchObject({ before: { seq: 2, key: key(2) } });
  });

  test.each<[string, number, Partial<Slot>, Partial<Finding> & { kind: Finding['kind'] }]>([
    [
      'begins too late',
      3,
      { begin: 7, end: 10 },
      { kind: 'chain-offset', seq: 3, content: { begin: 6, end: 7 } },
    ],
    [
      'begins too early',
      3,
      { begin: 5, end: 8 },
      { kind: 'chain-offset', seq: 3, content: { begin: 5, end: 6 } },
    ],
    [
      'names another slot before it',
      3,
      { previousPutId: new Uint8Array(16).fill(9) },
      { kind: 'chain-put-id', seq: 3 },
    ],
    ['names none before it', 3, { previousPutId: ZERO_PUT_ID }, { kind: 'chain-put-id', seq: 3 }],
    ['is of a session that nobody opened', 3, { session: 2 }, { kind: 'wrong-session', seq: 3 }],
    ['has another author', 3, { author: 1 }, { kind: 'wrong-author', seq: 3 }],
    ['points to a CHECKPOINT that is none', 3, { checkpoint: 1 }, { kind: 'checkpoint-pointer', seq: 3 }],
    ['fences elsewhere', 4, { begin: 5, end: 5 }, { kind: 'chain-offset', seq: 4 }],
    [
      'fences behind another slot',
      4,
      { previousPutId: new Uint8Array(16).fill(9) },
      { kind: 'chain-put-id', seq: 4 },
    ],
  ] as const)('a slot that %s is told', async (_, seq, fields, finding) => {
    const from = usual();
    const { findings, report } = await verify(from, rewritten(from, seq, fields));
    expect(findings[0]).toMatchObject({ ...finding, severity: 'damage', key: key(seq) });
    expect(report.verdict).toBe('damaged');
  });

  test('a FENCE may omit the slot before it: its writer need not have read it', async () => {
    const from = usual();
    expect((await verify(from, rewritten(from, 4, { previousPutId: ZERO_PUT_ID }))).findings).toEqual([]);
  });

  test('a dead slot above a fence is a warning: readers lose nothing by it', async () => {
    const from = built().fence().data('abc').fence();
    const dead = from.slots[1]!;
    from.slot({ session: 0, author: dead.author, begin: 3, end: 9, payload: utf8('zombie') }).data('de');
    const { findings, report } = await verify(from);
    expect(findings).toEqual([expect.objectContaining({ kind: 'dead-slot', severity: 'warning', seq: 3 })]);
    expect(report).toMatchObject({ verdict: 'clean', contentEnd: 5 });
  });

  test('terms only grow, and no two authors have one', async () => {
    const lower = built().fence({ term: 5 }).data('abc').fence({ term: 4 }).data('d');
    expect((await verify(lower)).findings).toEqual([
      expect.objectContaining({ kind: 'term-regressed', seq: 2, before: { seq: 0, key: key(0) } }),
    ]);
    const twice = built().fence({ term: 5, author: 1 }).data('abc').fence({ term: 5, author: 2 }).data('d');
    const { findings, report } = await verify(twice);
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'duplicate-term', severity: 'damage', seq: 2 }),
    ]);
    expect(report.verdict).toBe('damaged');
    const again = built().fence({ term: 5, author: 1 }).data('abc').fence({ term: 5, author: 1 }).data('d');
    expect((await verify(again)).findings).toEqual([]);
  });

  test('a CHECKPOINT whose registers are not its session’s is told, and so is its FENCE', async () => {
    const from = built().fence({ author: 5 }).data('abc').checkpoint().data('d');
    const { findings } = await verify(from, rewritten(from, 2, { registers: { term: '9', author: '5' } }));
    const both = { kind: 'fence-mismatch', seq: 0, key: key(0), before: { seq: 2, key: key(2) } };
    expect(findings).toEqual([expect.objectContaining(both)]);
    const { chain } = passSlot(CHAIN_START, from.slots[0]!, key(0));
    const after = { ...chain, nextSeq: 2, offset: 3, last: undefined };
    const changed = { ...from.slots[2]!, registers: { term: '9' } };
    expect(passSlot(after, changed, key(2)).findings).toEqual([
      expect.objectContaining({ kind: 'registers', seq: 2 }),
    ]);
  });

  test('holes below a leap fence at the tail are being filled; once something follows it they are lost slots', async () => {
    const leaping = built().fence().data('abc').filler().filler().fence({ leap: true });
    expect((await verify(leaping, remove(2, 3))).findings).toEqual([
      expect.objectContaining({ kind: 'unfilled-slots', severity: 'warning', seq: 2, lastSeq: 3 }),
    ]);
    expect((await verify(leaping.data('de'), remove(2, 3))).findings).toEqual([
      expect.objectContaining({ kind: 'missing-slots', severity: 'damage', seq: 2, lastSeq: 3 }),
    ]);
  });

  test('lost newest slots show only to whoever knows how far the log went', async () => {
    expect((await verify(usual(), remove(5, 6, 7))).report.verdict).toBe('clean');
    const { findings, report } = await verify(usual(), remove(5, 6, 7), { atLeastBytes: 15 });
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'ends-early', key: key(4), content: { begin: 9, end: 15 } }),
    ]);
    expect(report.verdict).toBe('damaged');
  });
});

test('a finding reads as one line that says what, where, and what helps', async () => {
  const { findings } = await verify(usual(), remove(2, 3));
  expect(findingLine(findings[0]!)).toBe(
    `damage missing-slots: slots 2-3 (${key(2)}, content from 3 to 9): expected a slot for every number below the newest; found no object (2 of 2 asked for by GET). Something other than Holdfast deleted them: a lifecycle rule, a clean-up, a person. Restore them from a copy of the bucket, and take the right to delete away from everybody else.`,
  );
});
