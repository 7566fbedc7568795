import { describe, expect, test } from '@jest/globals';
import { ANNOTATIONS, parseRecoveryLog, type Condition, type RecoveryLog } from '../../../src/api/index.ts';
import { readHints } from '../hints.ts';
import { nextLogStatus, type HeadLook, type LogFacts } from './facts.ts';

const NOW = '2026-01-01T00:00:00Z';

function log(status: Record<string, unknown> = {}, spec: Record<string, unknown> = {}): RecoveryLog {
  return parseRecoveryLog({
    metadata: { name: 'orders', namespace: 'shop', uid: 'uid-1', generation: 1 },
    spec: { storeRef: { name: 'logs' }, journal: 'shop/orders', ...spec },
    status,
  });
}

const NO_HINTS = { present: false, broken: [], term: 0 };
const seen = (head: number): HeadLook => ({ kind: 'seen', head });

function next(of: RecoveryLog, facts: Partial<LogFacts>) {
  const status = nextLogStatus(
    of,
    of.status ?? {},
    { head: seen(0), hints: NO_HINTS, hintsAgeSeconds: undefined, ...facts },
    NOW,
  ) as NonNullable<RecoveryLog['status']>;
  const condition = (type: string): Condition | undefined => status.conditions?.find((c) => c.type === type);
  return { ...status, ready: condition('Ready'), reclaim: condition('ReclaimPolicyHonoured') };
}

describe('the status of a log', () => {
  test('a fresh one gets its own UID as generation, and is not initialized', () => {
    expect(next(log(), {})).toMatchObject({
      generation: 'uid-1',
      initialized: false,
      head: 0,
      ready: { status: 'True', reason: 'Empty' },
    });
  });

  test('a generation that was given never changes', () => {
    expect(next(log({ generation: 'of-another-life' }), {}).generation).toBe('of-another-life');
  });

  test.each([
    ['slots', { head: seen(512) }],
    ['hints', { hints: { ...NO_HINTS, present: true } }],
    [
      'hints that cannot be read',
      { hints: { present: true, broken: [{ annotation: 'a', problem: 'p' }], term: 0 } },
    ],
  ])('%s make it initialized', (_, facts) => {
    expect(next(log(), facts).initialized).toBe(true);
  });

  test('initialized never goes back, and content that is gone is said to be missing', () => {
    const emptied = next(log({ initialized: true, generation: 'g' }), { head: seen(0) });
    expect(emptied).toMatchObject({
      initialized: true,
      ready: { status: 'False', reason: 'ContentMissing' },
    });
  });

  test('a head that nobody could look at is not said to be zero', () => {
    const blocked: HeadLook = { kind: 'blocked', reason: 'StoreNotReady', message: 'm' };
    const status = next(log({ head: 77, initialized: true }), { head: blocked });
    expect(status).toMatchObject({
      head: 77,
      initialized: true,
      ready: { status: 'Unknown', reason: 'StoreNotReady' },
    });
  });

  test('a reclaim policy that this version does not carry out is said to be none', () => {
    expect(next(log(), {}).reclaim).toMatchObject({ status: 'True', reason: 'Retain' });
    expect(next(log({}, { reclaimPolicy: 'Delete' }), {}).reclaim).toMatchObject({
      status: 'False',
      reason: 'DeleteNotSupported',
    });
  });
});

describe('the hints of a log', () => {
  const object = (annotations: Record<string, string>) => ({
    metadata: { name: 'orders', uid: 'u', resourceVersion: '1', annotations },
  });

  test('none is none', () => {
    expect(readHints(object({ other: 'x' }))).toEqual(NO_HINTS);
  });

  test('what cannot be read is broken, not absent (I12)', () => {
    const { present, broken } = readHints(object({ [ANNOTATIONS.hintsBackup0]: 'garbage' }));
    expect(present).toBe(true);
    expect(broken).toMatchObject([{ annotation: ANNOTATIONS.hintsBackup0 }]);
  });
});
