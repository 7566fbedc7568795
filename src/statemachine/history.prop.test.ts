/**
 * Whole histories of primaries (testing/whole-history.ts), a few.
 */
import { test } from '@jest/globals';
import { checkCuts, checkHistories } from './testing/index.ts';

test('every answer holds and nothing is there twice, on every later primary, a standby that followed it all, and a replay (I1-I3, I7)', () =>
  checkHistories(12));

test('wherever the log is cut, the next primary has all that was answered by then, goes on, and is read back (I1-I3, I7)', () =>
  checkCuts(3));
