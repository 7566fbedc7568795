/**
 * Every byte of a small workload as the end of the log.
 */
import { expect, test } from '@jest/globals';
import { problemAfter, record } from './testing/recorded-story.ts';
import { SMALL_WORKLOAD } from './testing/workload.ts';

test.each(['truncate', 'delete'] as const)(
  'a log cut at any byte leaves the end of a transaction, journal mode %s',
  async (journalMode) => {
    const recording = await record(SMALL_WORKLOAD, { journalMode, pageBytes: 512 });
    for (let cut = 0; cut <= recording.content.length; cut++)
      expect({ cut, problem: await problemAfter(recording, cut) }).toEqual({ cut });
  },
  900_000,
);
