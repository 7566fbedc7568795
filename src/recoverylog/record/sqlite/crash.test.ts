/**
 * Cuts: the log ends at any operation, at any byte, and SQLite finds the end of a transaction. Every byte of a workload: crash.full.test.ts.
 */
import { describe, expect, test } from '@jest/globals';
import { operationEnds } from '../../testing/index.ts';
import { problemAfter, record } from './testing/recorded-story.ts';
import { SMALL_WORKLOAD, WORKLOAD } from './testing/workload.ts';

const STRIDE = 97;

describe.each(['truncate', 'delete'] as const)('in journal mode %s', (journalMode) => {
  test('a log cut behind any operation, and so at any sync, leaves the end of a transaction', async () => {
    const recording = await record(WORKLOAD, { journalMode, pageBytes: 1024 });
    const cuts = operationEnds(recording.content);
    expect(cuts.length).toBeGreaterThan(200);
    for (const cut of cuts) expect({ cut, problem: await problemAfter(recording, cut) }).toEqual({ cut });
  }, 120_000);

  test('a log cut within an operation does too', async () => {
    const recording = await record(SMALL_WORKLOAD, { journalMode, pageBytes: 512 });
    const ends = operationEnds(recording.content);
    const cuts = [
      ...ends.slice(1).map((end) => end - 1),
      ...Array.from({ length: Math.floor(recording.content.length / STRIDE) }, (_, at) => at * STRIDE),
    ];
    for (const cut of cuts) expect({ cut, problem: await problemAfter(recording, cut) }).toEqual({ cut });
  }, 120_000);
});
