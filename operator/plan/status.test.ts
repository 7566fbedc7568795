import { describe, expect, test } from '@jest/globals';
import { planFailover } from './failover/plan.ts';
import { planPods } from './pods.ts';
import { planStatus, type ConditionType, type StatusView } from './status.ts';
import { assigned, hears, NOW_MS, primary, replica, SEES_CLEARLY, shard } from './testing/fixtures.ts';
import type { ShardView } from './types.ts';

const status = (view: ShardView): StatusView =>
  planStatus(view, planFailover(view), planPods(view, undefined));
const said = (view: ShardView, type: ConditionType): string => {
  const found = status(view).conditions.find((c) => c.type === type)!;
  return `${found.status} ${found.reason}`;
};

describe('status', () => {
  test('a healthy shard', () => {
    const view = shard([primary('a'), replica('b', { line: { appliedOffset: 900 } })]);
    expect(status(view)).toMatchObject({ readyReplicas: 2, phase: 'Healthy' });
    expect(status(view).conditions.map((c) => `${c.type} ${c.status}`)).toEqual([
      'Ready True',
      'PrimaryServing True',
      'StandbysReady True',
      'Progressing False',
      'OperatorSeesClearly True',
    ]);
    expect(status(view).replicas).toMatchObject([
      { pod: 'a', role: 'primary', state: 'serving', term: 1 },
      { pod: 'b', role: 'standby', state: 'tailing', appliedOffset: 900, headOffset: 1000, lagBytes: 100 },
    ]);
  });

  test('a silent primary is Unknown: neither serving nor down', () => {
    const view = shard([
      primary('a', { silentMs: 2_600 }),
      replica('b', { line: { peers: [hears('a', 2_000)] } }),
    ]);
    expect(said(view, 'PrimaryServing')).toBe('Unknown PrimarySilent');
    expect(said(view, 'Ready')).toBe('Unknown PrimarySilent');
    expect(status(view)).toMatchObject({
      phase: 'Unknown',
      readyReplicas: 1,
      replicas: [{ state: 'unknown' }, {}],
    });
    expect(status(view).replicas[0]!.lagBytes).toBeUndefined();
  });

  test('a primary proven gone without a successor is down, and the message says what is missing', () => {
    const view = shard([
      primary('a', { pod: { exitCode: 137 } }),
      replica('b', { line: { state: 'restoring' } }),
    ]);
    expect(said(view, 'PrimaryServing')).toBe('False PrimaryGone');
    expect(said(view, 'StandbysReady')).toBe('False Restoring');
    expect(status(view).conditions[1]!.message).toContain('b cannot take over: Restoring');
    expect(status(view).phase).toBe('Down');
  });

  test('a primary about to be replaced is a handoff', () => {
    const view = shard([primary('a', { pod: { exitCode: 137 } }), replica('b')]);
    expect(said(view, 'Progressing')).toBe('True PrimaryGone');
    expect(status(view).phase).toBe('HandingOver');
  });

  test('an assigned pod that does not serve yet is not serving, however ready it is', () => {
    const view = shard([replica('a'), replica('b')], {
      assignment: assigned('a', { term: 2, seenSinceMs: NOW_MS - 100 }),
    });
    expect(said(view, 'PrimaryServing')).toBe('False HandoffInProgress');
    expect(status(view).readyReplicas).toBe(1);
  });

  test('no assignment yet', () => {
    const view = shard([replica('a', { line: { state: 'starting' } })], { assignment: undefined });
    expect(said(view, 'PrimaryServing')).toBe('False NotAssigned');
    expect(status(view).phase).toBe('Starting');
  });

  test('a missing standby degrades, a silent one is unknown for a moment', () => {
    const missing = shard([primary('a')], { standbys: 1 });
    expect(said(missing, 'StandbysReady')).toBe('False StandbysMissing');
    expect(said(missing, 'Progressing')).toBe('True MakingPods');
    expect(status(missing).phase).toBe('Degraded');
    const silent = shard([primary('a'), replica('b', { silentMs: 3_000 })]);
    expect(said(silent, 'StandbysReady')).toBe('Unknown StandbysSilent');
  });

  test('a leaving primary that still serves says so', () => {
    const view = shard([
      primary('a', { pod: { deleting: true } }),
      replica('b', { line: { state: 'restoring' } }),
    ]);
    expect(said(view, 'PrimaryServing')).toBe('True ServingUntilHandoff');
  });

  test.each([
    ['Unknown MostPodsSilent', { podsSilent: 5 }],
    ['Unknown EventLoopLate', { loopLate: true, loopLagMs: 900 }],
    ['Unknown CachesBehind', { cachesBehindMs: Infinity }],
  ])('a blind operator: %s', (expected, eyes) => {
    expect(
      said(
        shard([primary('a'), replica('b')], { operator: { ...SEES_CLEARLY, ...eyes } }),
        'OperatorSeesClearly',
      ),
    ).toBe(expected);
  });

  test('an operator that does not hear what the standbys hear', () => {
    const view = shard([
      primary('a', { silentMs: 7_000 }),
      replica('b', { line: { peers: [hears('a', 200)] } }),
    ]);
    expect(said(view, 'OperatorSeesClearly')).toBe('False PeersHearPrimary');
    expect(said(view, 'PrimaryServing')).toBe('Unknown PrimarySilent');
  });

  test('crash loop, pause, suspension', () => {
    const view = shard([primary('a')], { standbys: 1 });
    const crashing = planStatus(view, planFailover(view), planPods(view, { failures: 5, lastAtMs: NOW_MS }));
    expect(crashing.conditions.find((c) => c.type === 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'CrashLoop',
    });
    expect(said({ ...view, paused: true }, 'Progressing')).toBe('False Paused');
    expect(said({ ...view, suspended: true }, 'Ready')).toBe('False Suspended');
    expect(status({ ...view, suspended: true }).phase).toBe('Suspended');
  });
});
