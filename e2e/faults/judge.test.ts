/**
 * The judge on reports that were made up: each rule broken once, over a journal that is really there.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openSession, slotKey, START, type Journal } from '../../src/journal/index.ts';
import { openStore } from '../../src/store/index.ts';
import type { JournalInput, JournalOutput } from '../harness/journal-model.ts';
import { judge, type Heard, type Judgement } from './judge.ts';
import { encodeRecord } from './records.ts';
import type { Line } from './report.ts';

const ports = { clock: systemClock, random: systemRandom };
const LOG = [10, 11, 12];

let journal: Journal;

beforeEach(async () => {
  journal = { store: openStore('memory:'), name: 'faults/judged', generation: 'g1' };
  const session = await openSession(journal, { cursor: START, author: 1, term: 1, ...ports });
  for (const record of LOG) await session.append(encodeRecord(record), { barrier: true }).committed;
  await session.close();
});

type Told = readonly [input: JournalInput, output?: JournalOutput | undefined];

/** A process that made these calls one after the other. */
function heard(name: string, told: readonly Told[], failure?: string): Heard {
  const lines = told.flatMap(([input, output], op): Line[] => [
    { kind: 'call', op, at: 10 * op, input },
    ...(output ? [{ kind: 'return', op, at: 10 * op + 5, output } as const] : []),
  ]);
  return { name, program: { lines, failure } };
}

const FENCED: Told = [
  { kind: 'fence', session: 'a', term: 1 },
  { kind: 'fenced', length: 0 },
];
const append = (record: number, output?: JournalOutput): Told => [
  { kind: 'append', session: 'a', record },
  output,
];
const appended = (record: number, index: number): Told => append(record, { kind: 'appended', index });
const TRUTH: readonly Told[] = [FENCED, appended(10, 0), appended(11, 1), appended(12, 2)];

async function judged(told: readonly Told[], tailed: number[] = [], failure?: string): Promise<Judgement> {
  const tailer: Heard = {
    name: 'tailer',
    program: { lines: [{ kind: 'tailed', begin: 0, records: tailed }], failure: undefined },
  };
  return await judge(journal, [heard('A', told, failure)], [tailer], () => 1000);
}

describe('the judge', () => {
  test('has nothing to say of the truth', async () => {
    const judgement = await judged(TRUTH, [10, 11]);
    expect(judgement).toMatchObject({
      wrong: [],
      linearizable: true,
      records: 3,
      acknowledged: 3,
      tailed: 2,
    });
  });

  test('nor of an append without an answer that is in the log, or is not', async () => {
    const told = [FENCED, appended(10, 0), append(11), appended(12, 2), append(13)];
    expect(await judged(told)).toMatchObject({ wrong: [], unknown: 2 });
  });

  test.each<[string, string, readonly Told[]]>([
    [
      'J1',
      'a read that missed an append',
      [
        ...TRUTH,
        [
          { kind: 'read', session: 'a' },
          { kind: 'saw', length: 2, last: 11 },
        ],
      ],
    ],
    ['J2', 'an acknowledged record that is not there', [...TRUTH, appended(13, 3)]],
    ['J2', 'one at another place', [FENCED, appended(10, 0), appended(12, 1), appended(11, 2)]],
    [
      'J3',
      'a record that was said not to be there',
      [...TRUTH.slice(0, 3), append(12, { kind: 'not-appended' })],
    ],
    ['J3', 'a record of nobody', TRUTH.slice(0, 3)],
  ])('names %s: %s', async (rule, _what, told) => {
    expect((await judged(told)).wrong.join('\n')).toMatch(new RegExp(`^${rule}: `, 'm'));
  });

  test('names J4: a tailer that met another record', async () => {
    expect((await judged(TRUTH, [10, 12])).wrong).toEqual([expect.stringMatching(/^J4: tailer .* at 1 /)]);
  });

  test('does not judge over a journal that cannot be read whole', async () => {
    await journal.store.create(slotKey(journal, 9), new Uint8Array(200));
    await expect(judged(TRUTH)).rejects.toMatchObject({ code: 'CORRUPT_SLOT' });
  });

  test('names a process that ended unasked', async () => {
    expect((await judged(TRUTH, [], 'ended with 1')).wrong).toEqual(['A: ended with 1']);
  });
});
