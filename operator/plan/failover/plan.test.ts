import { describe, expect, test } from '@jest/globals';
import {
  assigned,
  hears,
  NOW_MS,
  primary,
  replica,
  SEES_CLEARLY,
  shard,
  type ReplicaEdit,
} from '../testing/fixtures.ts';
import type { NodeView, ShardView } from '../types.ts';
import { describeEvidence } from './decision.ts';
import { planFailover } from './plan.ts';

const closed = (refused: boolean) => ({
  kind: 'closed' as const,
  sinceMs: NOW_MS - 80,
  failures: 1,
  refused,
});
const node = (name: string, edit: Partial<NodeView> = {}): NodeView => ({
  name,
  ready: 'True',
  cordoned: false,
  ...edit,
});
/** Primary `a` with an edit, and standby `b` that says how long it has not heard `a`. */
const pair = (edit: ReplicaEdit, missedMs: number, more: Partial<ShardView> = {}): ShardView =>
  shard([primary('a', edit), replica('b', { line: { peers: [hears('a', missedMs)] } })], more);

describe('a healthy primary', () => {
  test('is kept, and looked at again when its silence would count', () => {
    expect(planFailover(pair({}, 200))).toMatchObject({
      kind: 'keep',
      reason: 'Serving',
      untilMs: NOW_MS - 200 + 3_000,
    });
  });

  test.each([
    ['a line one and a half periods late', { silentMs: 1_500 }],
    [
      'a closed stream whose next attempt has not been answered yet',
      { connection: closed(false), silentMs: 300 },
    ],
  ])('is not given up for %s', (_, edit) => {
    expect(planFailover(pair(edit, 300)).kind).toBe('keep');
  });
});

describe('proof that the process is gone is acted on at once', () => {
  test.each<[string, ReplicaEdit, string]>([
    ['container exit seen by the kubelet', { pod: { exitCode: 137 } }, 'ProcessExited'],
    ['pod failed', { pod: { phase: 'Failed' } }, 'ProcessExited'],
    ['stream closed and the next attempt refused', { connection: closed(true) }, 'ConnectionRefused'],
    [
      'the process itself said that it stops',
      { line: { state: 'stopped', reason: 'Fenced' } },
      'ProcessStopped',
    ],
  ])('%s', (_, edit, cause) => {
    const decision = planFailover(pair(edit, 100));
    expect(decision).toMatchObject({
      kind: 'promote',
      pod: 'b',
      term: 2,
      reason: 'PrimaryGone',
      planned: false,
      from: 'a',
    });
    expect(decision.evidence.primary?.finding).toMatchObject({ kind: 'gone', cause });
  });

  test('even by an operator that is blind', () => {
    const operator = { ...SEES_CLEARLY, loopLate: true, podsSilent: 6, cachesBehindMs: Infinity };
    expect(planFailover(pair({ pod: { exitCode: 1 } }, 0, { operator }))).toMatchObject({
      kind: 'promote',
      reason: 'PrimaryGone',
    });
  });

  test('a primary that released the log on its way out is told apart', () => {
    const edit: ReplicaEdit = { line: { state: 'stopped', released: true } };
    expect(planFailover(pair(edit, 0))).toMatchObject({ kind: 'promote', reason: 'PrimaryReleased' });
  });

  test('a pod missing from the cache is asked for first: the cache may be older than the assignment', () => {
    const view = shard([replica('b')], { standbys: 1 });
    expect(planFailover(view)).toMatchObject({ kind: 'wait', reason: 'PrimaryUnconfirmed' });
    expect(planFailover({ ...view, primaryAbsenceConfirmed: true })).toMatchObject({
      kind: 'promote',
      pod: 'b',
      reason: 'PrimaryGone',
    });
  });

  test('a deleted node whose pod is not heard counts as gone, one that is still heard does not', () => {
    const nodes = [node('node-b')];
    expect(planFailover(pair({ silentMs: 1_600 }, 1_600, { nodes }))).toMatchObject({
      kind: 'promote',
      reason: 'PrimaryGone',
    });
    expect(planFailover(pair({}, 200, { nodes })).kind).toBe('keep');
  });

  test('without any knowledge of nodes none is taken for deleted', () => {
    expect(planFailover(pair({ silentMs: 1_600 }, 1_600, { nodes: [] }))).toMatchObject({
      kind: 'wait',
      reason: 'PrimarySilent',
    });
  });
});

describe('silence', () => {
  test.each([
    [2_900, 2_800, 'wait'],
    [3_000, 2_900, 'promote'],
    [3_000, 2_000, 'promote'],
    [3_000, 1_200, 'wait'],
    [30_000, 400, 'wait'],
  ])('of %i ms with a standby that missed it for %i ms: %s', (silentMs, missedMs, kind) => {
    expect(planFailover(pair({ silentMs }, missedMs)).kind).toBe(kind);
  });

  test('names when it will count, and what the operator missed', () => {
    const decision = planFailover(pair({ silentMs: 2_000 }, 2_000));
    expect(decision).toMatchObject({ kind: 'wait', reason: 'PrimarySilent', untilMs: NOW_MS + 1_000 });
    expect(describeEvidence(decision.evidence)).toContain(
      'primary a (term 1) has been silent for 2.0 s; silence confirmed by b',
    );
  });

  test('denied by the majority of standbys is the operator’s own trouble', () => {
    const standby = (name: string, missedMs: number) =>
      replica(name, { line: { peers: [hears('a', missedMs)] } });
    const view = shard([
      primary('a', { silentMs: 9_000 }),
      standby('b', 9_000),
      standby('c', 300),
      standby('d', 300),
    ]);
    expect(planFailover(view)).toMatchObject({ kind: 'wait', reason: 'PeersHearPrimary' });
    const majority = shard([
      primary('a', { silentMs: 9_000 }),
      standby('b', 9_000),
      standby('c', 8_000),
      standby('d', 300),
    ]);
    expect(planFailover(majority)).toMatchObject({ kind: 'promote', reason: 'PrimarySilent' });
    const tie = shard([primary('a', { silentMs: 9_000 }), standby('b', 9_000), standby('c', 300)]);
    expect(planFailover(tie).kind).toBe('wait');
  });

  test('that nobody else can confirm has to last for the solo time', () => {
    const mute = (silentMs: number): ShardView => shard([primary('a', { silentMs }), replica('b')]);
    expect(planFailover(mute(5_900))).toMatchObject({ kind: 'wait', untilMs: NOW_MS + 100 });
    expect(planFailover(mute(6_000))).toMatchObject({ kind: 'promote', reason: 'PrimarySilent' });
  });

  test('is not confirmed by a standby that never heard the primary', () => {
    const newcomer = replica('b', { line: { peers: [hears('a', 60_000, 'unknown')] } });
    const decision = planFailover(shard([primary('a', { silentMs: 4_000 }), newcomer]));
    expect(decision).toMatchObject({ kind: 'wait', reason: 'PrimarySilent' });
    expect(decision.evidence.votes).toEqual({ silent: [], hearing: [], abstained: ['b'] });
  });

  test('is not confirmed by a standby that is silent itself', () => {
    const view = shard([
      primary('a', { silentMs: 4_000 }),
      replica('b', { silentMs: 4_000, line: { peers: [hears('a', 9_000)] } }),
    ]);
    expect(planFailover(view).kind).toBe('wait');
  });

  test('in a flapping network has to last longer each time', () => {
    expect(planFailover(pair({ silentMs: 3_000 }, 3_000, { recentSilenceHandoffs: 2 })).kind).toBe('promote');
    expect(planFailover(pair({ silentMs: 11_900 }, 11_900, { recentSilenceHandoffs: 4 })).kind).toBe('wait');
    expect(planFailover(pair({ silentMs: 12_000 }, 12_000, { recentSilenceHandoffs: 4 })).kind).toBe(
      'promote',
    );
    expect(planFailover(pair({ silentMs: 60_000 }, 60_000, { recentSilenceHandoffs: 1_000 })).kind).toBe(
      'promote',
    );
  });
});

describe('a blind operator concludes nothing from silence and says why', () => {
  test.each([
    ['EventLoopLate', { loopLate: true, loopLagMs: 4_000 }],
    ['CachesBehind', { cachesBehindMs: 5_001 }],
    ['CachesBehind', { cachesBehindMs: Infinity }],
    ['MostPodsSilent', { podsListened: 6, podsSilent: 4 }],
  ])('%s', (reason, eyes) => {
    const decision = planFailover(
      pair({ silentMs: 10_000 }, 10_000, { operator: { ...SEES_CLEARLY, ...eyes } }),
    );
    expect(decision).toMatchObject({ kind: 'blind', reason });
  });

  test.each([
    ['half of the pods silent', { podsListened: 6, podsSilent: 3 }],
    ['one of two pods silent: too few to say', { podsListened: 2, podsSilent: 2 }],
  ])('but %s is no blindness', (_, eyes) => {
    const decision = planFailover(
      pair({ silentMs: 10_000 }, 10_000, { operator: { ...SEES_CLEARLY, ...eyes } }),
    );
    expect(decision.kind).toBe('promote');
  });

  test('a common silence of half a minute is believed', () => {
    const operator = { ...SEES_CLEARLY, podsSilent: 4 };
    expect(planFailover(pair({ silentMs: 30_000 }, 30_000, { operator })).kind).toBe('promote');
  });

  test('a freshly started operator without history holds back, then trusts its own count', () => {
    const fresh = (listeningForMs: number): ShardView =>
      pair({ neverHeard: true, listeningForMs, connection: { kind: 'connecting', failures: 2 } }, 60_000);
    expect(planFailover(fresh(1_000))).toMatchObject({
      kind: 'blind',
      reason: 'NoHistory',
      untilMs: NOW_MS + 5_000,
    });
    expect(planFailover(fresh(6_000))).toMatchObject({ kind: 'promote', reason: 'PrimarySilent' });
  });
});

describe('the candidate', () => {
  const gone = primary('a', { pod: { exitCode: 137, node: 'n1' } });
  const at = (name: string, appliedOffset: number, edit: ReplicaEdit = {}) =>
    replica(name, { ...edit, line: { appliedOffset, headOffset: 50_000_000, ...edit.line } });
  const chosen = (view: ShardView): string | undefined => {
    const decision = planFailover(view);
    return decision.kind === 'promote' ? decision.pod : undefined;
  };

  test('is the one furthest ahead', () => {
    expect(chosen(shard([gone, at('b', 40_000_000), at('c', 40_000_001), at('d', 39_999_999)]))).toBe('c');
  });

  test('with equal positions is the one heard last, then the first by name', () => {
    expect(chosen(shard([gone, at('c', 5), at('b', 5, { silentMs: 900 })]))).toBe('c');
    expect(chosen(shard([gone, at('c', 5), at('b', 5)]))).toBe('b');
  });

  test('avoids the node of the lost primary and cordoned nodes while positions are nearly even', () => {
    const same = at('b', 40_000_100, { pod: { node: 'n1' } });
    expect(chosen(shard([gone, same, at('c', 40_000_000)]))).toBe('c');
    const nodes = [node('n1'), node('node-b', { cordoned: true }), node('node-c')];
    expect(chosen(shard([gone, at('b', 40_000_100), at('c', 40_000_000)], { nodes }))).toBe('c');
    expect(chosen(shard([gone, same]))).toBe('b');
  });

  test('far ahead beats better placed', () => {
    expect(chosen(shard([gone, at('b', 40_000_000, { pod: { node: 'n1' } }), at('c', 1_000_000)]))).toBe('b');
  });

  test.each<[string, ReplicaEdit, string]>([
    ['is silent', { silentMs: 2_600 }, 'Silent'],
    ['was never heard', { neverHeard: true }, 'NeverHeard'],
    ['is being deleted', { pod: { deleting: true } }, 'Deleting'],
    ['has ended', { pod: { phase: 'Failed' } }, 'Exited'],
    ['says that it has stopped', { line: { state: 'stopped' } }, 'Exited'],
    ['is only starting', { line: { state: 'starting' } }, 'Starting'],
  ])('is nobody who %s', (_, edit, refusal) => {
    const decision = planFailover(shard([gone, replica('b', edit)]));
    expect(decision).toMatchObject({ kind: 'wait', reason: 'NoCandidate' });
    expect(decision.evidence.candidates.find((c) => c.pod === 'b')?.refusals).toContain(refusal);
  });

  test('when there is none, the answer names what each pod lacks', () => {
    const restoring = replica('b', {
      line: { state: 'restoring', restore: { bytesDone: 37, bytesTotal: 100 } },
    });
    const decision = planFailover(shard([gone, restoring]));
    expect(decision).toMatchObject({
      message: 'No pod can take over yet: b cannot take over: Restoring (restored 37 %).',
    });
  });

  test('a lone replacement that has restored takes over', () => {
    const dead = primary('a', { pod: { exitCode: 137 } });
    expect(planFailover(shard([dead], { standbys: 0 }))).toMatchObject({
      kind: 'wait',
      reason: 'NoCandidate',
    });
    expect(planFailover(shard([dead, replica('b')], { standbys: 0 }))).toMatchObject({
      kind: 'promote',
      pod: 'b',
      term: 2,
    });
  });
});

describe('terms', () => {
  test('the first is above everything the log knows', () => {
    const fresh = shard([replica('a'), replica('b')], { assignment: undefined, logTerm: 7 });
    expect(planFailover(fresh)).toMatchObject({
      kind: 'promote',
      pod: 'a',
      term: 8,
      reason: 'FirstAssignment',
    });
  });

  test('a next one is above what any pod has acted on', () => {
    const view = shard([
      primary('a', { pod: { exitCode: 1 } }),
      replica('b'),
      replica('c', { line: { term: 11 } }),
    ]);
    expect(planFailover(view)).toMatchObject({ kind: 'promote', term: 12 });
  });

  test('an object restored from a backup follows the pod that serves the later term', () => {
    const view = shard([replica('a'), primary('b', { line: { term: 9 } })]);
    expect(planFailover(view)).toMatchObject({ kind: 'promote', pod: 'b', term: 9, reason: 'AdoptServing' });
  });
});

describe('two pods that serve the same term, of which the object knows nothing', () => {
  // Found by plan.prop.test.ts (seed -1118697941): the answer depended on the order of the list.
  test('the one whose log is longer is adopted, then the first by name: two looks agree', () => {
    const twins = [primary('b', { line: { term: 4 } }), primary('a', { line: { term: 4 } })];
    const view = shard(twins, { assignment: undefined });
    expect(planFailover(view)).toMatchObject({ pod: 'a', term: 4, reason: 'AdoptServing' });
    expect(planFailover({ ...view, replicas: [...twins].reverse() })).toEqual(planFailover(view));
    const longer = primary('c', { line: { term: 4, headOffset: 2_000 } });
    expect(planFailover(shard([...twins, longer], { assignment: undefined }))).toMatchObject({ pod: 'c' });
  });
});

describe('a handoff under way', () => {
  const since = (ms: number, edit: ReplicaEdit): ShardView =>
    shard([replica('a', edit), replica('b'), replica('c')], {
      assignment: assigned('a', { term: 4, seenSinceMs: NOW_MS - ms }),
    });

  test('is left alone while it is young', () => {
    expect(planFailover(since(4_900, {}))).toMatchObject({
      kind: 'keep',
      reason: 'HandoffInProgress',
      untilMs: NOW_MS + 100,
    });
    expect(planFailover(since(29_000, { line: { state: 'promoting', term: 4 } })).kind).toBe('keep');
  });

  test('goes to another when the pod never takes its order although it is heard: its API watch may be cut', () => {
    const decision = planFailover(since(5_000, {}));
    expect(decision).toMatchObject({ kind: 'promote', pod: 'b', term: 5, reason: 'PrimaryStuck' });
    expect(decision.evidence.primary?.finding).toMatchObject({ kind: 'stuck', step: 'order' });
  });

  test('goes to another when the promotion does not end', () => {
    expect(planFailover(since(30_000, { line: { state: 'promoting', term: 4 } }))).toMatchObject({
      kind: 'promote',
      pod: 'b',
      term: 5,
    });
  });

  test('stays where it is when there is no other, and says that it is stuck', () => {
    const alone = shard([replica('a')], {
      standbys: 0,
      assignment: assigned('a', { seenSinceMs: NOW_MS - 9_000 }),
    });
    expect(planFailover(alone)).toMatchObject({ kind: 'wait', reason: 'PrimaryStuck' });
  });
});

describe('planned handoffs', () => {
  test('a primary whose pod is being deleted hands over while it still runs', () => {
    const view = pair({ pod: { deleting: true } }, 100);
    expect(planFailover(view)).toMatchObject({
      kind: 'promote',
      pod: 'b',
      reason: 'PrimaryLeaving',
      planned: true,
      from: 'a',
    });
  });

  test('switchover to a caught-up pod, and to any', () => {
    for (const switchover of ['b', 'any']) {
      const decision = planFailover(pair({}, 100, { switchover }));
      expect(decision).toMatchObject({
        kind: 'promote',
        pod: 'b',
        reason: 'Switchover',
        planned: true,
        request: { kind: 'accepted' },
      });
    }
  });

  test.each<[string, ReplicaEdit, string, string]>([
    ['any', { line: { appliedOffset: 0, headOffset: 9_000_000 } }, 'waiting', 'NoCandidate'],
    ['b', { line: { appliedOffset: 0, headOffset: 9_000_000 } }, 'waiting', 'CatchingUp'],
    ['b', { line: { state: 'restoring' } }, 'waiting', 'CatchingUp'],
    ['b', { silentMs: 5_000 }, 'refused', 'Silent'],
    ['b', { pod: { deleting: true } }, 'refused', 'Deleting'],
    ['nobody', {}, 'refused', 'UnknownPod'],
    ['a', {}, 'done', 'AlreadyPrimary'],
  ])('switchover to %s with b %j: %s (%s)', (switchover, edit, kind, reason) => {
    const decision = planFailover(shard([primary('a'), replica('b', edit)], { switchover }));
    expect(decision).toMatchObject({ kind: 'keep', request: { kind, reason } });
  });

  test('a switchover of a shard that wants no standby is refused with what to do', () => {
    const decision = planFailover(shard([primary('a')], { switchover: 'any', standbys: 0 }));
    expect(decision).toMatchObject({ kind: 'keep', request: { kind: 'refused', reason: 'NoStandby' } });
  });

  test('a failover that happens first answers the request', () => {
    const lost: ReplicaEdit = { pod: { exitCode: 9 } };
    expect(planFailover(pair(lost, 0, { switchover: 'any' }))).toMatchObject({
      kind: 'promote',
      request: { kind: 'accepted' },
    });
    expect(planFailover(pair(lost, 0, { switchover: 'z' }))).toMatchObject({
      kind: 'promote',
      request: { kind: 'refused' },
    });
  });

  test('a drained node gives its primary to a standby elsewhere, never to another drained node', () => {
    const nodes = [node('node-a', { cordoned: true }), node('node-b'), node('node-c', { cordoned: true })];
    const view = shard([primary('a'), replica('b', { line: { appliedOffset: 900 } }), replica('c')], {
      nodes,
    });
    expect(planFailover(view)).toMatchObject({
      kind: 'promote',
      pod: 'b',
      reason: 'NodeDrain',
      planned: true,
    });
    const all = nodes.map((n) => ({ ...n, cordoned: true }));
    expect(planFailover({ ...view, nodes: all })).toMatchObject({
      kind: 'wait',
      reason: 'DrainNeedsStandby',
    });
  });
});

describe('a shard that is not to be touched', () => {
  const dead: ReplicaEdit = { pod: { exitCode: 1 } };
  test('paused: nothing automatic, but a switchover on request', () => {
    expect(planFailover(pair(dead, 0, { paused: true }))).toMatchObject({ kind: 'keep', reason: 'Paused' });
    expect(planFailover(pair({}, 0, { paused: true, switchover: 'b' }))).toMatchObject({
      kind: 'promote',
      reason: 'Switchover',
    });
    expect(planFailover(shard([replica('a')], { paused: true, assignment: undefined })).kind).toBe('keep');
  });

  test('suspended: nobody is promoted', () => {
    expect(planFailover(pair(dead, 0, { suspended: true }))).toMatchObject({
      kind: 'keep',
      reason: 'Suspended',
    });
  });
});
