/**
 * The plain data all plans are made from. Controllers translate objects and streams into it and carry out what comes back.
 *
 * T1  Every time is in ms on the operator's own monotonic clock. No time written by another machine is ever compared.
 * T2  A view holds what was seen, nothing inferred; `undefined` means not seen.
 */

export type ReplicaState = 'starting' | 'restoring' | 'tailing' | 'promoting' | 'serving' | 'stopped';
export type Role = 'primary' | 'standby' | 'none';

export interface PeerReport {
  readonly pod: string;
  readonly silentMs: number;
  /** State in the peer's last line; 'unknown' when it never spoke. */
  readonly state: string;
}

export interface RestoreProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond?: number | undefined;
  readonly etaSeconds?: number | undefined;
}

export interface RestoredFrom {
  readonly from: string;
  readonly passedOver: readonly { readonly from: string; readonly code: string; readonly problem: string }[];
}

/** The parts of a heartbeat line that decisions and reports use. */
export interface HeartbeatView {
  readonly state: ReplicaState;
  readonly reason?: string | undefined;
  /** Last term the process acted on; 0 for none. */
  readonly term: number;
  readonly appliedOffset: number;
  readonly headOffset: number;
  readonly restore?: RestoreProgress | undefined;
  /** What its restore started from, and why not from newer hints. */
  readonly hints?: RestoredFrom | undefined;
  readonly peers: readonly PeerReport[];
  readonly released?: boolean | undefined;
}

/** Same shape as the heartbeat client's, so that it passes through untouched. */
export type ConnectionView =
  | { readonly kind: 'connecting'; readonly failures: number }
  | { readonly kind: 'open'; readonly sinceMs: number }
  /** `refused`: its host answers that nobody listens any more. */
  | {
      readonly kind: 'closed';
      readonly sinceMs: number;
      readonly failures: number;
      readonly refused: boolean;
    };

export interface PodView {
  readonly name: string;
  readonly uid: string;
  readonly node?: string | undefined;
  readonly address?: string | undefined;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  /** Set once the shard's container has terminated; pods are never restarted in place. */
  readonly exitCode?: number | undefined;
  /** How it ended, for people; set with the exit code or the phase that says so. */
  readonly end?: string | undefined;
  /** Has a deletion timestamp. */
  readonly deleting: boolean;
  /** The role label it carries now. */
  readonly role?: Role | undefined;
}

/** One pod of the shard and what its heartbeat stream says. */
export interface ReplicaView {
  readonly pod: PodView;
  /** Undefined while there is nothing to connect to. */
  readonly connection?: ConnectionView | undefined;
  /** When this process began to listen to it. */
  readonly listeningSinceMs?: number | undefined;
  readonly line?: HeartbeatView | undefined;
  readonly lineAtMs?: number | undefined;
}

export interface NodeView {
  readonly name: string;
  readonly ready: 'True' | 'False' | 'Unknown';
  readonly cordoned: boolean;
}

/** Shard.status.assignment, with when this process first saw this term. */
export interface AssignmentView {
  readonly term: number;
  readonly primary: string;
  readonly from?: string | undefined;
  readonly planned: boolean;
  readonly seenSinceMs: number;
}

export interface FailoverSpec {
  /** Silence of the primary that a majority of reachable standbys confirms, ms. */
  readonly silenceMs: number;
  /** Silence of the primary that nobody else can confirm, ms. */
  readonly soloSilenceMs: number;
}

/** How well this operator process itself sees. */
export interface OperatorView {
  /** The event loop stalls, or did so a moment ago. */
  readonly loopLate: boolean;
  readonly loopLagMs: number;
  /** How long the worst cache has not been following the API server; 0 when all do. */
  readonly cachesBehindMs: number;
  /** Pods of all shards whose heartbeats should arrive, and those of them that are silent without a reason known to the cluster. */
  readonly podsListened: number;
  readonly podsSilent: number;
}

/** Everything plans about one shard are made from. */
export interface ShardView {
  readonly nowMs: number;
  readonly failover: FailoverSpec;
  /** Wanted number of standbys. */
  readonly standbys: number;
  readonly paused: boolean;
  readonly suspended: boolean;
  readonly assignment?: AssignmentView | undefined;
  /** Highest term known from the log's own records (hints); 0 when unknown. */
  readonly logTerm: number;
  /** Handoffs of this shard in the last ten minutes that silence, not proof, brought about. */
  readonly recentSilenceHandoffs: number;
  /** The last end by an error that this process saw, for people. */
  readonly lastFailure?: string | undefined;
  readonly replicas: readonly ReplicaView[];
  readonly nodes: readonly NodeView[];
  /** True when the assigned pod is known not to exist: its deletion was seen or the API server said so just now. */
  readonly primaryAbsenceConfirmed: boolean;
  /** Value of the switchover annotation: a pod's name or 'any'. */
  readonly switchover?: string | undefined;
  readonly operator: OperatorView;
}
