import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { blindness } from '../sight.ts';
import { NOW_MS } from '../testing/fixtures.ts';
import type { ReplicaState, ReplicaView, ShardView } from '../types.ts';
import { planFailover } from './plan.ts';
import { countVotes } from './votes.ts';

const NAMES = ['a', 'b', 'c', 'd'] as const;
const ago = fc.integer({ min: 0, max: 40_000 });
const maybe = <T>(arb: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arb, { nil: undefined });

/** `arb` once in `n`, else `usual`. */
const rarely = <T, U>(n: number, arb: fc.Arbitrary<T>, usual: U): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: n - 1, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: arb });

const lineOf = fc.record({
  state: fc.constantFrom<ReplicaState>(
    'starting',
    'restoring',
    'tailing',
    'tailing',
    'tailing',
    'tailing',
    'promoting',
    'stopped',
    'serving',
  ),
  term: rarely(4, fc.integer({ min: 0, max: 6 }), 0),
  appliedOffset: fc.integer({ min: 0, max: 30_000_000 }),
  headOffset: fc.integer({ min: 0, max: 30_000_000 }),
  peers: fc.array(
    fc.record({
      pod: fc.constantFrom(...NAMES),
      silentMs: ago,
      state: fc.constantFrom('serving', 'tailing', 'unknown'),
    }),
    { maxLength: 4 },
  ),
  released: fc.boolean(),
});

const replicaOf = (name: string): fc.Arbitrary<ReplicaView> =>
  fc
    .record({
      node: maybe(fc.constantFrom('n1', 'n2', 'n3')),
      phase: fc.constantFrom(
        'Pending' as const,
        'Running' as const,
        'Running' as const,
        'Running' as const,
        'Failed' as const,
      ),
      exitCode: rarely(8, fc.constantFrom(0, 20, 137), undefined),
      deleting: rarely(6, fc.constant(true), false),
      connection: maybe(
        fc.oneof(
          fc.record({ kind: fc.constant('connecting' as const), failures: fc.nat(3) }),
          fc.record({ kind: fc.constant('open' as const), sinceMs: ago.map((ms) => NOW_MS - ms) }),
          fc.record({
            kind: fc.constant('closed' as const),
            sinceMs: ago.map((ms) => NOW_MS - ms),
            failures: fc.nat(3),
            refused: fc.boolean(),
          }),
        ),
      ),
      listeningSinceMs: ago.map((ms) => NOW_MS - ms),
      line: rarely(5, fc.constant(undefined), 'line').chain((l) => (l ? lineOf : fc.constant(undefined))),
      lineAgeMs: fc.oneof(fc.integer({ min: 0, max: 1_500 }), ago),
    })
    .map(({ node, phase, exitCode, deleting, connection, listeningSinceMs, line, lineAgeMs }) => ({
      pod: { name, uid: `uid-${name}`, node, phase, exitCode, deleting },
      connection,
      listeningSinceMs,
      line,
      lineAtMs: line && NOW_MS - lineAgeMs,
    }));

/** The assigned primary as it mostly is: serving its term, heard just now or silent for a while. */
function plausible(view: ShardView, mood: 'as it comes' | 'serving' | 'silent', silentMs: number): ShardView {
  const { assignment } = view;
  if (!assignment || mood === 'as it comes') return view;
  const replicas = view.replicas.map((replica): ReplicaView => {
    if (replica.pod.name !== assignment.primary || !replica.line) return replica;
    const line = { ...replica.line, state: 'serving' as const, term: assignment.term };
    const pod = { ...replica.pod, phase: 'Running' as const, exitCode: undefined };
    const connection = { kind: 'open' as const, sinceMs: 0 };
    return {
      ...replica,
      pod,
      line,
      connection,
      lineAtMs: NOW_MS - (mood === 'silent' ? silentMs : silentMs % 1_500),
    };
  });
  return { ...view, replicas };
}

const anyView: fc.Arbitrary<ShardView> = fc.subarray([...NAMES]).chain((names) =>
  fc.record({
    nowMs: fc.constant(NOW_MS),
    failover: fc.constant({ silenceMs: 3_000, soloSilenceMs: 6_000 }),
    standbys: fc.nat(3),
    paused: rarely(8, fc.constant(true), false),
    suspended: fc.constant(false),
    assignment: maybe(
      fc.record({
        term: fc.integer({ min: 1, max: 6 }),
        primary: fc.constantFrom(...NAMES),
        planned: fc.boolean(),
        seenSinceMs: ago.map((ms) => NOW_MS - ms),
      }),
    ),
    logTerm: fc.nat(6),
    recentSilenceHandoffs: fc.nat(5),
    replicas: fc.tuple(...names.map(replicaOf)),
    nodes: fc
      .subarray(['n1', 'n2', 'n3'])
      .map((present) => present.map((name) => ({ name, ready: 'True' as const, cordoned: name === 'n3' }))),
    primaryAbsenceConfirmed: fc.boolean(),
    switchover: rarely(2, fc.constantFrom('any', ...NAMES, 'nobody'), undefined),
    operator: fc.record({
      loopLate: rarely(10, fc.constant(true), false),
      loopLagMs: ago,
      cachesBehindMs: rarely(8, fc.constantFrom(6_000, Infinity), 0),
      podsListened: fc.constant(6),
      podsSilent: rarely(4, fc.constantFrom(3, 4, 6), 0),
    }),
  }),
);

const anyShard: fc.Arbitrary<ShardView> = fc
  .tuple(anyView, fc.constantFrom('as it comes' as const, 'serving' as const, 'silent' as const), ago)
  .map(([view, mood, silentMs]) => plausible(view, mood, silentMs));

const RUNS = { numRuns: 3_000 };

describe('planFailover, whatever it is shown', () => {
  test('promotes only somebody heard, running and tailing, to a term above every term known', () => {
    const reasons = new Set<string>();
    fc.assert(
      fc.property(anyShard, (view) => {
        const decision = planFailover(view);
        if (decision.kind !== 'promote') return;
        reasons.add(decision.reason);
        const target = view.replicas.find((r) => r.pod.name === decision.pod)!;
        const known = [
          view.logTerm,
          view.assignment?.term ?? 0,
          ...view.replicas.map((r) => r.line?.term ?? 0),
        ];
        expect(view.nowMs - target.lineAtMs!).toBeLessThanOrEqual(2_500);
        expect(target.pod.deleting).toBe(false);
        if (decision.reason === 'AdoptServing') {
          expect(decision.term).toBe(target.line!.term);
          expect(decision.term).toBeGreaterThan(view.assignment?.term ?? 0);
          return;
        }
        expect(decision.term).toBe(Math.max(...known) + 1);
        expect(decision.pod).not.toBe(view.assignment?.primary);
        expect(target.line!.state).toBe('tailing');
        expect(target.pod.phase).toBe('Running');
        expect(target.pod.exitCode).toBeUndefined();
      }),
      RUNS,
    );
    // The frequent ones; a run that never promotes proves nothing.
    const frequent = ['AdoptServing', 'FirstAssignment', 'PrimaryGone', 'PrimaryLeaving', 'PrimarySilent'];
    expect([...reasons]).toEqual(expect.arrayContaining(frequent));
  });

  test('acts on silence only when it sees, has waited long enough, and no majority hears the primary', () => {
    let acted = 0;
    fc.assert(
      fc.property(anyView, ago, (drawn, silentMs) => {
        const view = plausible(drawn, 'silent', silentMs);
        const decision = planFailover(view);
        if (decision.kind !== 'promote' || decision.reason !== 'PrimarySilent') return;
        acted++;
        const primary = view.replicas.find((r) => r.pod.name === view.assignment!.primary)!;
        const silent = view.nowMs - (primary.lineAtMs ?? primary.listeningSinceMs!);
        const votes = countVotes(view, primary.pod.name);
        expect(blindness(view.operator, silent)).toBeUndefined();
        expect(view.paused).toBe(false);
        expect(silent).toBeGreaterThanOrEqual(votes.silent.length > 0 && primary.line ? 3_000 : 6_000);
        expect(votes.silent.length >= votes.hearing.length).toBe(true);
        expect(votes.hearing.length > 0 && votes.silent.length === votes.hearing.length).toBe(false);
      }),
      RUNS,
    );
    expect(acted).toBeGreaterThan(0);
  });

  test('leaves a serving primary alone unless it is asked to, or its node is drained', () => {
    fc.assert(
      fc.property(anyShard, fc.integer({ min: 0, max: 1_500 }), (view, lineAgeMs) => {
        const [first, ...others] = view.replicas;
        fc.pre(first !== undefined);
        const { appliedOffset, headOffset, peers } = first.line ?? {
          appliedOffset: 0,
          headOffset: 0,
          peers: [],
        };
        const serving: ReplicaView = {
          ...first,
          pod: {
            name: first.pod.name,
            uid: first.pod.uid,
            node: first.pod.node,
            phase: 'Running',
            deleting: false,
          },
          connection: { kind: 'open', sinceMs: 0 },
          line: { state: 'serving', term: 6, appliedOffset, headOffset, peers },
          lineAtMs: NOW_MS - lineAgeMs,
        };
        const assignment = { term: 6, primary: serving.pod.name, planned: false, seenSinceMs: 0 };
        const decision = planFailover({
          ...view,
          replicas: [serving, ...others],
          assignment,
          switchover: undefined,
        });
        if (decision.kind === 'promote') expect(decision.reason).toBe('NodeDrain');
        else
          expect(
            decision.kind === 'keep' || (decision.kind === 'wait' && decision.reason === 'DrainNeedsStandby'),
          ).toBe(true);
      }),
      RUNS,
    );
  });

  test('answers the same whatever the order of replicas, with a finding for each and a time to look again', () => {
    fc.assert(
      fc.property(anyShard, (view) => {
        const decision = planFailover(view);
        expect(planFailover({ ...view, replicas: [...view.replicas].reverse() })).toEqual(decision);
        expect(decision.evidence.candidates.map((c) => c.pod).sort()).toEqual(
          view.replicas.map((r) => r.pod.name).sort(),
        );
        if (decision.kind === 'wait' || decision.kind === 'blind')
          expect(decision.untilMs).toBeGreaterThan(view.nowMs);
        if (
          view.switchover !== undefined &&
          decision.kind === 'promote' &&
          decision.reason !== 'AdoptServing'
        ) {
          if (view.assignment) expect(decision.request).toBeDefined();
        }
      }),
      RUNS,
    );
  });
});
