import { describe, expect, test } from '@jest/globals';
import { simulateJournal, type JournalRun } from './journal.ts';

const SEEDS_PER_TEST = 10;

describe('journal under an adversarial store', () => {
  const runs: JournalRun[] = [];

  test.each(Array.from({ length: 15 }, (_, i) => 1 + i * SEEDS_PER_TEST))(
    'keeps every invariant for the seeds from %i',
    async (first) => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) runs.push(await simulateJournal(seed));
      expect(runs.length).toBeGreaterThanOrEqual(SEEDS_PER_TEST);
    },
  );

  test('the seeds together really met what they are meant to meet', () => {
    const sum = (key: keyof JournalRun): number => runs.reduce((total, run) => total + run[key], 0);
    expect(sum('fenced')).toBeGreaterThan(50);
    expect(sum('unknown')).toBeGreaterThan(50);
    expect(sum('reads')).toBeGreaterThan(1000);
    expect(sum('acknowledged')).toBeGreaterThan(10_000);
    expect(sum('leaps')).toBeGreaterThan(50);
    expect(sum('fillers')).toBeGreaterThan(100);
    expect(sum('orphans')).toBeGreaterThan(20);
    expect(sum('compressed')).toBeGreaterThan(300);
  });

  test('the same seed gives the same run', async () => {
    expect(await simulateJournal(3)).toEqual(await simulateJournal(3));
  });
});
