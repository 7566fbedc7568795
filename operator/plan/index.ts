/**
 * operator/plan: decisions as pure functions over plain data. Controllers translate and carry out; nothing in here has an effect.
 */
export {
  bestCandidate,
  describeCandidate,
  PLANNED_LAG_BYTES,
  rankCandidates,
  type Candidate,
  type CandidateRules,
  type Refusal,
} from './failover/candidates.ts';
export {
  describeEvidence,
  describeFinding,
  type BlindReason,
  type Evidence,
  type FailoverDecision,
  type KeepReason,
  type PromoteReason,
  type RequestAnswer,
  type WaitReason,
} from './failover/decision.ts';
export {
  findPrimary,
  ORDER_PATIENCE_MS,
  PROMOTION_PATIENCE_MS,
  type Finding,
  type GoneCause,
} from './failover/finding.ts';
export { planFailover } from './failover/plan.ts';
export { nextTerm } from './failover/term.ts';
export { countVotes, type Votes } from './failover/votes.ts';
export {
  noteCrashes,
  planPods,
  roleOf,
  type CrashHistory,
  type DeletionReason,
  type PodPlan,
} from './pods.ts';
export { blindness, countStreams, presence, silentMs, type Blindness, type Presence } from './sight.ts';
export {
  planStatus,
  type ConditionType,
  type ConditionView,
  type Phase,
  type ReplicaRow,
  type StatusView,
} from './status.ts';
export type {
  AssignmentView,
  ConnectionView,
  FailoverSpec,
  HeartbeatView,
  NodeView,
  OperatorView,
  PeerReport,
  PodView,
  ReplicaState,
  ReplicaView,
  RestoreProgress,
  Role,
  ShardView,
} from './types.ts';
