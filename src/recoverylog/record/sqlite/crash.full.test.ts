/**
 * Every byte of a transaction as the end of the log.
 */
import { expect, test } from '@jest/globals';
import { problemAfter, record } from './testing/recorded-story.ts';
import { SMALL_WORKLOAD } from './testing/workload.ts';

test.each(['truncate', 'delete'] as const)(
  'a log cut at any byte of a transaction leaves what was before or after it, journal mode %s',
  async (journalMode) => {
    const recording = await record(SMALL_WORKLOAD, { journalMode, pageBytes: 512 });
    const { begin, end } = recording.marks.at(-1)!;
    expect(end - begin).toBeGreaterThan(1500);
    for (let cut = begin; cut <= end; cut++)
      expect({ cut, problem: await problemAfter(recording, cut) }).toEqual({ cut });
  },
  600_000,
);
