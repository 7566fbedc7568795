/**
 * The plans in a closed loop: a small cluster whose pods start, restore, tail, serve and die, whose nodes freeze, vanish and drain, and an
 * operator that carries out what the plans say, sometimes blind, sometimes restarted. The log is modelled by the highest fenced term.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom, type SeededRandom } from '../../src/base/testing/index.ts';
import { planFailover } from './failover/plan.ts';
import { noteCrashes, planPods, type CrashHistory } from './pods.ts';
import { planStatus } from './status.ts';
import type {
  AssignmentView,
  ConnectionView,
  HeartbeatView,
  ReplicaState,
  ReplicaView,
  Role,
  ShardView,
} from './types.ts';

const STEP_MS = 250;
const NODES = ['n1', 'n2', 'n3', 'n4'];

interface Pod {
  readonly name: string;
  readonly node: string;
  state: ReplicaState;
  term: number;
  applied: number;
  bornMs: number;
  orderSeenMs: number | undefined;
  deletingSinceMs: number | undefined;
  exitCode: number | undefined;
  role: Role;
  /** Last time it ran (not frozen), for its peers' reports. */
  spokeMs: number;
  frozenUntilMs: number;
  closedAtMs: number | undefined;
}

class Cluster {
  readonly random: SeededRandom;
  readonly standbys: number;
  nowMs = 1_000_000;
  pods: Pod[] = [];
  head = 0;
  fencedTerm = 0;
  assignment: AssignmentView | undefined;
  readonly terms: number[] = [];
  crashes: CrashHistory | undefined;
  cordoned = new Set<string>();
  blindUntilMs = 0;
  listeningSinceMs = 0;
  silenceHandoffsAtMs: number[] = [];
  servedMs = 0;
  #made = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.standbys = this.random.below(3);
  }

  view(): ShardView {
    const heard = (pod: Pod): boolean => pod.spokeMs >= this.listeningSinceMs;
    const replicas = this.pods.map((pod): ReplicaView => {
      const ended = pod.exitCode !== undefined;
      const connection: ConnectionView = ended
        ? { kind: 'closed', sinceMs: pod.closedAtMs!, failures: 1, refused: true }
        : { kind: 'open', sinceMs: this.listeningSinceMs };
      const line: HeartbeatView = {
        state: pod.state,
        term: pod.term,
        appliedOffset: pod.applied,
        headOffset: Math.max(pod.applied, this.head),
        peers: this.pods
          .filter((peer) => peer !== pod)
          .map((peer) => ({ pod: peer.name, silentMs: pod.spokeMs - peer.spokeMs, state: peer.state })),
      };
      return {
        pod: {
          name: pod.name,
          uid: `uid-${pod.name}`,
          node: pod.node,
          phase: ended ? (pod.exitCode === 0 ? 'Succeeded' : 'Failed') : 'Running',
          exitCode: pod.exitCode,
          deleting: pod.deletingSinceMs !== undefined,
          role: pod.role,
        },
        connection,
        listeningSinceMs: Math.max(this.listeningSinceMs, pod.bornMs),
        ...(heard(pod) ? { line, lineAtMs: pod.spokeMs } : {}),
      };
    });
    const { assignment } = this;
    return {
      nowMs: this.nowMs,
      failover: { silenceMs: 3_000, soloSilenceMs: 6_000 },
      standbys: this.standbys,
      paused: false,
      suspended: false,
      assignment,
      logTerm: this.fencedTerm,
      recentSilenceHandoffs: this.silenceHandoffsAtMs.filter((at) => this.nowMs - at < 600_000).length,
      replicas,
      nodes: NODES.map((name) => ({ name, ready: 'True', cordoned: this.cordoned.has(name) })),
      primaryAbsenceConfirmed:
        assignment !== undefined && !this.pods.some((p) => p.name === assignment.primary),
      operator: {
        loopLate: this.nowMs < this.blindUntilMs,
        loopLagMs: 900,
        cachesBehindMs: 0,
        podsListened: 0,
        podsSilent: 0,
      },
    };
  }

  operate(): void {
    const view = this.view();
    const decision = planFailover(view);
    const plan = planPods(view, this.crashes);
    planStatus(view, decision, plan);
    if (decision.kind === 'promote') {
      expect(decision.term).toBeGreaterThan(this.assignment?.term ?? 0);
      this.terms.push(decision.term);
      if (decision.reason === 'PrimarySilent') this.silenceHandoffsAtMs.push(this.nowMs);
      const { pod: primary, term, planned, from } = decision;
      this.assignment = { term, primary, planned, from, seenSinceMs: this.nowMs };
    }
    for (const { pod, reason } of plan.delete) {
      expect(pod).not.toBe(view.assignment?.primary);
      const victim = this.pods.find((p) => p.name === pod)!;
      if (reason === 'Surplus' || reason === 'Drained') {
        const left = this.pods.filter(
          (p) => p !== victim && p.state === 'tailing' && p.exitCode === undefined,
        ).length;
        expect(left).toBeGreaterThanOrEqual(this.standbys);
      }
      victim.deletingSinceMs ??= this.nowMs;
    }
    for (const { pod, role } of plan.labels) this.pods.find((p) => p.name === pod)!.role = role;
    expect(this.pods.filter((p) => p.role === 'primary').length).toBeLessThanOrEqual(1);
    for (let i = 0; i < plan.create; i++) this.#create();
    const running = this.pods.filter(
      (p) => p.exitCode === undefined && p.deletingSinceMs === undefined,
    ).length;
    expect(running).toBeLessThanOrEqual(1 + this.standbys + 2);
  }

  live(): void {
    this.nowMs += STEP_MS;
    for (const pod of this.pods) {
      if (pod.exitCode !== undefined || this.nowMs < pod.frozenUntilMs) continue;
      this.#run(pod);
      if (pod.exitCode === undefined) pod.spokeMs = this.nowMs;
    }
    this.pods = this.pods.filter((p) => !(p.deletingSinceMs !== undefined && p.exitCode !== undefined));
    const serving = this.pods.filter(
      (p) => p.state === 'serving' && p.exitCode === undefined && p.term === this.fencedTerm,
    );
    expect(serving.length).toBeLessThanOrEqual(1);
    if (serving.length === 1 && this.nowMs >= serving[0]!.frozenUntilMs) this.servedMs += STEP_MS;
  }

  disturb(): void {
    const { random } = this;
    const pod = this.pods.length > 0 ? random.pick(this.pods) : undefined;
    if (pod?.exitCode === undefined && pod && random.chance(0.01)) this.#exit(pod, 137);
    if (random.chance(0.01)) {
      const node = random.pick(NODES);
      const untilMs = this.nowMs + random.below(20_000);
      for (const p of this.pods) if (p.node === node) p.frozenUntilMs = Math.max(p.frozenUntilMs, untilMs);
    }
    if (pod && random.chance(0.005)) pod.deletingSinceMs ??= this.nowMs;
    if (random.chance(0.005)) this.cordoned = new Set(random.chance(0.5) ? [random.pick(NODES)] : []);
    if (random.chance(0.01)) this.blindUntilMs = this.nowMs + random.below(5_000);
    if (random.chance(0.005)) this.listeningSinceMs = this.nowMs; // the operator restarted without history
  }

  #create(): void {
    const free = NODES.filter((n) => !this.cordoned.has(n));
    const used = (n: string): number =>
      this.pods.filter((p) => p.node === n && p.exitCode === undefined).length;
    const node = [...free].sort((a, b) => used(a) - used(b))[0]!;
    const nowMs = this.nowMs;
    this.pods.push({
      name: `p${++this.#made}`,
      node,
      state: 'restoring',
      term: 0,
      applied: 0,
      bornMs: nowMs,
      orderSeenMs: undefined,
      deletingSinceMs: undefined,
      exitCode: undefined,
      role: 'none',
      spokeMs: nowMs,
      frozenUntilMs: 0,
      closedAtMs: undefined,
    });
  }

  #exit(pod: Pod, code: number): void {
    pod.exitCode = code;
    pod.closedAtMs = this.nowMs;
    pod.state = 'stopped';
    if (code !== 0 && code !== 20) this.crashes = noteCrashes(this.crashes, 1, this.nowMs);
  }

  #run(pod: Pod): void {
    const order = this.assignment;
    if (pod.deletingSinceMs !== undefined && this.nowMs - pod.deletingSinceMs > 500)
      return this.#exit(pod, 0);
    if (pod.state === 'serving') {
      if (pod.term < this.fencedTerm) return this.#exit(pod, 20); // the store says so at its next append
      if (order && order.term > pod.term && order.primary !== pod.name) return this.#exit(pod, 0);
      this.head += this.random.below(1_000);
      pod.applied = this.head;
    }
    if (pod.state === 'restoring' && this.nowMs - pod.bornMs > 2_000) pod.state = 'tailing';
    if (pod.state === 'tailing') {
      pod.applied = this.head;
      if (order?.primary === pod.name && order.term > pod.term) {
        pod.state = 'promoting';
        pod.term = order.term;
        pod.orderSeenMs = this.nowMs;
      }
    } else if (pod.state === 'promoting') {
      if (pod.term < this.fencedTerm) return this.#exit(pod, 20);
      this.fencedTerm = pod.term;
      if (this.nowMs - pod.orderSeenMs! > 500) pod.state = 'serving';
    }
    return undefined;
  }
}

describe('plans in a closed loop', () => {
  test('terms only grow, one serves at most, pods stay few, and in peace the shard becomes whole again', () => {
    let handoffs = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
        const cluster = new Cluster(seed);
        for (let step = 0; step < 800; step++) {
          cluster.disturb();
          cluster.operate();
          cluster.live();
        }
        cluster.cordoned = new Set();
        for (let step = 0; step < 500; step++) {
          cluster.operate();
          cluster.live();
        }
        const { terms, pods, standbys } = cluster;
        expect(terms).toEqual([...new Set(terms)].sort((a, b) => a - b));
        handoffs += terms.length;
        const serving = pods.filter((p) => p.state === 'serving');
        expect(serving.map((p) => p.name)).toEqual([cluster.assignment!.primary]);
        expect(pods.filter((p) => p.state === 'tailing')).toHaveLength(standbys);
        expect(pods).toHaveLength(1 + standbys);
        const view = cluster.view();
        const status = planStatus(view, planFailover(view), planPods(view, cluster.crashes));
        expect(status).toMatchObject({ phase: 'Healthy', readyReplicas: 1 + standbys });
      }),
      { numRuns: 25, endOnFailure: true },
    );
    expect(handoffs).toBeGreaterThan(50);
  });
});
