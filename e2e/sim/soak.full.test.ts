import { expect, test } from '@jest/globals';
import { runSoak } from './run-seeds.ts';
import { expectAsPredicted } from './soak-limits.ts';
import { SOAK } from './soak.ts';

test('a standby follows through all of 24 days and a thousand handoffs, at the cost of one that polls', async () => {
  const report = await runSoak(SOAK.days);
  expectAsPredicted(report);
  expect(report.standby.hours).toBeCloseTo(SOAK.days * 24, 0);
}, 600_000);
