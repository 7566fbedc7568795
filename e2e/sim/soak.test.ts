import { expect, test } from '@jest/globals';
import { runSoak } from './run-seeds.ts';
import { expectAsPredicted } from './soak-limits.ts';

test('a thousand handoffs in 24 days leave no more than s3log.md §6 predicts, and the last one opens at the cost of the first', async () => {
  const report = await runSoak(1);
  expectAsPredicted(report);
  expect(report.standby.hours).toBeCloseTo(24, 0);
}, 240_000);
