/**
 * The health table of the seed's SlaveHealthCheck (seeds.md §3.4, F3.28), and its edges.
 */
import { describe, expect, test } from '@jest/globals';
import { healthOf, type HealthFacts } from './health.ts';

const limits = { maxLag: 10, maxAgeMs: 5_000 };
const good: HealthFacts = {
  closed: false,
  failed: false,
  lag: 8,
  ageMs: 0,
  ahead: false,
  diverged: false,
};

describe('whether a read replica should be asked', () => {
  test.each<[string, Partial<HealthFacts>, string | undefined]>([
    ['no answer yet', { lag: undefined, ageMs: undefined }, 'no-answer-yet'],
    ['16 changes behind', { lag: 16 }, 'too-far-behind'],
    ['8 changes behind', { lag: 8 }, undefined],
    ['the last answer is 7 s old', { ageMs: 7_000 }, 'answer-too-old'],
    ['closed', { closed: true }, 'closed'],
    ['exactly as far behind as allowed', { lag: 10 }, undefined],
    ['one change more', { lag: 11 }, 'too-far-behind'],
    ['exactly as old as allowed', { ageMs: 5_000 }, undefined],
    ['a little older', { ageMs: 5_000.5 }, 'answer-too-old'],
    ['ahead, with all else in order', { ahead: true, lag: 0 }, 'ahead'],
    ['another history, with all else in order', { diverged: true, lag: 0 }, 'diverged'],
    ['files that take nothing more, with all else in order', { failed: true, lag: 0 }, 'failed'],
    ['ahead and closed', { ahead: true, closed: true }, 'closed'],
    ['old and far behind: the age is said', { ageMs: 9_000, lag: 99 }, 'answer-too-old'],
  ])('%s', (_, facts, reason) => {
    const health = healthOf({ ...good, ...facts }, limits);
    expect(health.kind === 'healthy' ? undefined : health.reason).toBe(reason);
  });
});
