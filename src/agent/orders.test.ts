import { describe, expect, test } from '@jest/globals';
import { orderFor, type Standing } from './orders.ts';

const me: Standing = { pod: 'me', term: 0, highestTermSeen: 0, primary: false };
const assigned = (term: number, primary: string, more: { from?: string; planned?: boolean } = {}) => ({
  term,
  primary,
  reason: 'Test',
  since: '2026-01-01T00:00:00Z',
  planned: false,
  ...more,
});

describe('what the assignment orders', () => {
  test.each([
    ['no assignment yet', undefined, me, { kind: 'stay' }],
    ['another pod, and we are a standby', assigned(3, 'other'), me, { kind: 'stay' }],
    ['us, for a new term', assigned(3, 'me'), me, { kind: 'promote', term: 3, waitFor: undefined }],
    [
      'us, for the term that we act on already',
      assigned(3, 'me'),
      { ...me, term: 3, primary: true },
      { kind: 'stay' },
    ],
    [
      'us again, for a later term',
      assigned(4, 'me'),
      { ...me, term: 3 },
      { kind: 'promote', term: 4, waitFor: undefined },
    ],
    [
      'another pod, and we serve an earlier term',
      assigned(4, 'other'),
      { ...me, term: 3, primary: true },
      { kind: 'stepDown', term: 4, successor: 'other' },
    ],
    [
      'another pod, with our own term: the log decides, not the object',
      assigned(3, 'other'),
      { ...me, term: 3, primary: true },
      { kind: 'stay' },
    ],
    [
      'old news from a lagging API server',
      assigned(2, 'me'),
      { ...me, highestTermSeen: 5 },
      { kind: 'stay' },
    ],
    [
      'us, while a predecessor releases on purpose',
      assigned(2, 'me', { planned: true, from: 'other' }),
      me,
      { kind: 'promote', term: 2, waitFor: 'other' },
    ],
    [
      'us, after a predecessor that is lost',
      assigned(2, 'me', { from: 'other' }),
      me,
      { kind: 'promote', term: 2, waitFor: undefined },
    ],
  ] as const)('%s', (_what, assignment, standing, order) => {
    expect(orderFor(assignment, standing)).toEqual(order);
  });
});
