/**
 * Whole histories of primaries (testing/whole-history.ts), many.
 */
import { test } from '@jest/globals';
import { checkCuts, checkHistories } from './testing/index.ts';

/** Most a run may take, ms. */
const FULL_MS = 600_000;

test(
  'every answer holds and nothing is there twice, on every later primary, a standby that followed it all, and a replay (I1-I3, I7)',
  () => checkHistories(150),
  FULL_MS,
);

test(
  'wherever the log is cut, the next primary has all that was answered by then, goes on, and is read back (I1-I3, I7)',
  () => checkCuts(40),
  FULL_MS,
);
