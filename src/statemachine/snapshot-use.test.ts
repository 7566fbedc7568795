/**
 * What becomes of a snapshot, as a table (seeds.md F4.12; dragonboat's RecoverSMRequired and IsShrunkSnapshot, with our kinds).
 */
import { describe, expect, test } from '@jest/globals';
import { snapshotUse } from './snapshot-use.ts';
import { logIndex } from './types.ts';

describe('a snapshot of index 100', () => {
  test.each([
    ['full', 'regular', 99, 'restore'],
    ['full', 'concurrent', 0, 'restore'],
    ['full', 'concurrent', 100, 'pass'],
    ['full', 'regular', 101, 'pass'],
    ['full', 'on-disk', 0, 'restore'],
    ['full', 'on-disk', 99, 'restore'],
    ['full', 'on-disk', 100, 'pass'],
    ['full', 'on-disk', 200, 'pass'],
    ['dummy', 'on-disk', 100, 'pass'],
    ['dummy', 'on-disk', 200, 'pass'],
    ['dummy', 'on-disk', 99, 'STATE_BEHIND'],
    ['dummy', 'on-disk', 0, 'STATE_BEHIND'],
    ['dummy', 'concurrent', 0, 'STATE_KIND'],
    ['dummy', 'regular', 100, 'STATE_KIND'],
    ['forced', 'regular', 200, 'restore'],
    ['forced', 'concurrent', 100, 'restore'],
    ['forced', 'on-disk', 200, 'restore'], // an import is always restored (F4.30)
  ] as const)('that is %s, for a %s machine at %d: %s', (kind, machine, index, expected) => {
    const use = (): string => snapshotUse({ kind, index: logIndex(100) }, { kind: machine, index });
    if (expected === 'restore' || expected === 'pass') expect(use()).toBe(expected);
    else expect(use).toThrow(expect.objectContaining({ code: expected }));
  });
});
