/**
 * Views for tests: a healthy shard of one primary and its standbys, and small edits that break it.
 */
import type {
  AssignmentView,
  HeartbeatView,
  NodeView,
  OperatorView,
  PeerReport,
  PodView,
  ReplicaView,
  ShardView,
} from '../types.ts';

/** Any moment far enough from zero that everything can lie before it. */
export const NOW_MS = 1_000_000;

export const SEES_CLEARLY: OperatorView = {
  loopLate: false,
  loopLagMs: 0,
  cachesBehindMs: 0,
  podsListened: 6,
  podsSilent: 0,
};

export interface ReplicaEdit {
  readonly pod?: Partial<PodView>;
  readonly line?: Partial<HeartbeatView>;
  readonly silentMs?: number;
  /** No line has ever arrived. */
  readonly neverHeard?: boolean;
  readonly connection?: ReplicaView['connection'];
  readonly listeningForMs?: number;
}

/** A replica heard 200 ms ago that tails the log at its head, on a node of its own. */
export function replica(name: string, edit: ReplicaEdit = {}): ReplicaView {
  const pod: PodView = {
    name,
    uid: `uid-${name}`,
    node: `node-${name}`,
    address: '10.0.0.1',
    phase: 'Running',
    deleting: false,
    role: 'standby',
    ...edit.pod,
  };
  const line: HeartbeatView = {
    state: 'tailing',
    term: 0,
    appliedOffset: 1000,
    headOffset: 1000,
    peers: [],
    ...edit.line,
  };
  const base: ReplicaView = {
    pod,
    connection: edit.connection ?? { kind: 'open', sinceMs: NOW_MS - 600_000 },
    listeningSinceMs: NOW_MS - (edit.listeningForMs ?? 600_000),
  };
  return edit.neverHeard ? base : { ...base, line, lineAtMs: NOW_MS - (edit.silentMs ?? 200) };
}

/** The primary of term 1, serving. */
export function primary(name: string, edit: ReplicaEdit = {}): ReplicaView {
  return replica(name, {
    ...edit,
    pod: { role: 'primary', ...edit.pod },
    line: { state: 'serving', term: 1, ...edit.line },
  });
}

/** A peer report in which `pod` has been silent for `silentMs`. */
export function hears(pod: string, silentMs: number, state = 'serving'): PeerReport {
  return { pod, silentMs, state };
}

export function assigned(to: string, edit: Partial<AssignmentView> = {}): AssignmentView {
  return { term: 1, primary: to, planned: false, seenSinceMs: NOW_MS - 600_000, ...edit };
}

/** A shard over these replicas, all of whose nodes are ready, assigned to pod `a`. */
export function shard(replicas: readonly ReplicaView[], edit: Partial<ShardView> = {}): ShardView {
  const names = new Set(replicas.map((r) => r.pod.node).filter((n) => n !== undefined));
  const nodes: NodeView[] = [...names].map((name) => ({ name, ready: 'True', cordoned: false }));
  return {
    nowMs: NOW_MS,
    failover: { silenceMs: 3_000, soloSilenceMs: 6_000 },
    standbys: replicas.length - 1,
    paused: false,
    suspended: false,
    assignment: assigned('a'),
    logTerm: 0,
    recentSilenceHandoffs: 0,
    replicas,
    nodes,
    primaryAbsenceConfirmed: false,
    operator: SEES_CLEARLY,
    ...edit,
  };
}
