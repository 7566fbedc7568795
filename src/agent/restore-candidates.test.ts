/**
 * What is tried, in which order, and what is not: the rules on hints that no live log is needed for.
 */
import { describe, expect, test } from '@jest/globals';
import { HoldfastError, utf8 } from '../base/index.ts';
import { CorruptSlotError, DataLossError } from '../journal/index.ts';
import type { AllSlots, HintsRead } from '../persistence/index.ts';
import { encodeHintsJson, HistoryLostError, ReplayError, type FsmHints } from '../recoverylog/index.ts';
import { candidatesOf, failureOf, whyNotTried, type Candidate } from './restore-candidates.ts';

const LOG = 'default/s';
const ABSENT: HintsRead = { kind: 'absent' };

/** Hints of one live file with the operations of bytes [begin, end); `end` 0: not known. */
function hintsOf(begin: number, end: number, log = LOG): FsmHints {
  const common = { author: 7, firstChecksum: 0, log: '' };
  const segment = {
    ...common,
    firstSeqNo: 1 + begin,
    firstOffset: begin,
    lastSeqNo: 1 + begin,
    lastOffset: end,
  };
  return { log, liveNodes: [{ fnode: 1 + begin, segments: [segment] }], properties: [] };
}
const value = (hints: FsmHints): HintsRead => ({
  kind: 'value',
  value: encodeHintsJson(hints),
  term: 1,
  writtenAt: '',
});
const slots = (
  primary: HintsRead,
  newer: HintsRead = ABSENT,
  older: HintsRead = ABSENT,
): AllSlots<HintsRead> => ({
  primary,
  'backup-0': newer,
  'backup-1': older,
});
const sources = (all: readonly { readonly from: string }[]): string[] => all.map(({ from }) => from);

describe('candidates', () => {
  test('of a new log: its beginning, and no history is expected', () => {
    const { all, known, reach } = candidatesOf(LOG, slots(ABSENT), false);
    expect([sources(all), known, reach]).toEqual([['beginning'], false, undefined]);
  });

  test('come from the newest to the oldest, and the log itself last; the farthest byte that any of them names is remembered', () => {
    const stored = slots(value(hintsOf(50, 90)), value(hintsOf(60, 400)), value(hintsOf(10, 20)));
    const { all, known, reach } = candidatesOf(LOG, stored, false);
    expect([sources(all), known, reach]).toEqual([
      ['primary', 'backup-0', 'backup-1', 'beginning'],
      true,
      { offset: 400, from: 'backup-0' },
    ]);
    expect(all.map(({ openFrom }) => openFrom)).toEqual([50, 60, 10, 0]);
  });

  test('do not include what cannot be read or is of another log; that something is there is known nevertheless', () => {
    const other = value(hintsOf(50, 900, 'default/other'));
    const { all, passedOver, known, reach } = candidatesOf(
      LOG,
      slots({ kind: 'value', value: utf8('{'), term: 1, writtenAt: '' }, other),
      false,
    );
    expect([sources(all), sources(passedOver), known, reach]).toEqual([
      ['beginning'],
      ['primary', 'backup-0'],
      true,
      undefined,
    ]);
  });

  test('that name no file need everything, and say nothing about the end', () => {
    const empty = { log: LOG, liveNodes: [], properties: [{ path: '/p', content: 'c' }] };
    const { all, reach } = candidatesOf(LOG, slots(value(empty)), true);
    expect([all[0]!.openFrom, all[0]!.openEnded, reach]).toEqual([0, false, undefined]);
  });
});

describe('after a failure', () => {
  const [primary, newer, older, beginning] = candidatesOf(
    LOG,
    slots(value(hintsOf(500, 600)), value(hintsOf(300, 400)), value(hintsOf(900, 950))),
    true,
  ).all as [Candidate, Candidate, Candidate, Candidate];
  const left = (error: Error, appliedOffset = 0): string[] | 'the end' => {
    const failure = failureOf(primary, error, appliedOffset);
    if (!failure) return 'the end';
    return sources([newer, older, beginning].filter((each) => !whyNotTried(each, [failure])));
  };

  test.each<[string, Error, number, string[] | 'the end']>([
    ['lost bytes', new DataLossError(LOG, 400, 700, 'e'), 0, ['backup-1']],
    ['lost bytes without a known end', new DataLossError(LOG, 400, undefined, 'e'), 0, []],
    ['a damaged slot somewhere behind byte 350', new CorruptSlotError('s #1', 'p'), 350, ['backup-1']],
    ['an operation that cannot be played', new ReplayError(LOG, 800, 'p'), 0, ['backup-1']],
    ['pruned bytes', new HistoryLostError(LOG, 'p', 'pruned'), 0, ['backup-0', 'backup-1', 'beginning']],
    [
      'operations that are not there',
      new HistoryLostError(LOG, 'p', 'operations-missing'),
      0,
      ['backup-0', 'backup-1', 'beginning'],
    ],
    ['an empty log', new HistoryLostError(LOG, 'p', 'empty'), 0, 'the end'],
    ['a log that is too short', new HistoryLostError(LOG, 'p', 'ends-early'), 0, 'the end'],
    ['a newer format', new HoldfastError('JOURNAL_TOO_NEW', 'm'), 0, 'the end'],
    ['a full disk', Object.assign(new Error('m'), { code: 'ENOSPC' }), 0, 'the end'],
  ])('because of %s: what is left to try', (_, error, appliedOffset, expected) => {
    expect(left(error, appliedOffset)).toEqual(expected);
  });
});
