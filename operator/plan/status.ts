/**
 * What the Shard's status says: rows, conditions, and the phase derived from them.
 *
 * V1  Only what was observed is said. A replica not heard is `unknown`, a primary not heard makes PrimaryServing Unknown, never True.
 * V2  Conditions are always all present, each with a stable CamelCase reason and a sentence.
 * V3  The phase is for display, derived from conditions and decision; nothing reads it.
 * V4  Nothing fast is in here: positions are as of the last write and change no condition.
 */
import type { FailoverDecision } from './failover/decision.ts';
import { describeFinding } from './failover/decision.ts';
import { findPrimary, type Finding } from './failover/finding.ts';
import type { PodPlan } from './pods.ts';
import { roleOf } from './pods.ts';
import { blindness, hasFinished, heardWithin, presence, STANDBY_FRESH_MS } from './sight.ts';
import type { ReplicaState, ReplicaView, RestoreProgress, Role, ShardView } from './types.ts';

export type ConditionType =
  | 'Ready'
  | 'PrimaryServing'
  | 'StandbysReady'
  | 'Progressing'
  | 'OperatorSeesClearly';

export interface ConditionView {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export interface ReplicaRow {
  readonly pod: string;
  readonly uid: string;
  readonly role: Role;
  readonly state: ReplicaState | 'pending' | 'unknown';
  readonly address?: string | undefined;
  readonly node?: string | undefined;
  readonly term?: number | undefined;
  readonly appliedOffset?: number | undefined;
  readonly headOffset?: number | undefined;
  readonly lagBytes?: number | undefined;
  readonly restore?: RestoreProgress | undefined;
  /** A hints slot, or the beginning of the log. */
  readonly restoredFrom?: string | undefined;
}

export type Phase = 'Suspended' | 'Starting' | 'Healthy' | 'Degraded' | 'HandingOver' | 'Down' | 'Unknown';

export interface StatusView {
  readonly replicas: readonly ReplicaRow[];
  /** The serving primary and the standbys that tail, as heard now. */
  readonly readyReplicas: number;
  readonly conditions: readonly ConditionView[];
  readonly phase: Phase;
}

/** The status of one shard from what was seen and decided in the same moment. */
export function planStatus(view: ShardView, decision: FailoverDecision, pods: PodPlan): StatusView {
  const finding = view.assignment && findPrimary(view, view.assignment);
  const primary = primaryServing(view, decision, finding);
  const standbys = standbysReady(view);
  const progressing = progress(view, decision, pods, finding);
  const sight = operatorSight(view, decision);
  const conditions = [readiness(view, primary, standbys), primary, standbys, progressing, sight];
  const tailing = view.replicas.filter((r) => isReadyStandby(r, view)).length;
  return {
    replicas: view.replicas.map((r) => row(r, view)).sort((a, b) => (a.pod < b.pod ? -1 : 1)),
    readyReplicas: tailing + (primary.status === 'True' ? 1 : 0),
    conditions,
    phase: phaseOf(view, decision, primary, standbys, finding),
  };
}

function condition(
  type: ConditionType,
  status: ConditionView['status'],
  reason: string,
  message: string,
): ConditionView {
  return { type, status, reason, message };
}

function primaryServing(
  view: ShardView,
  decision: FailoverDecision,
  finding: Finding | undefined,
): ConditionView {
  const is = (status: ConditionView['status'], reason: string, message: string): ConditionView =>
    condition('PrimaryServing', status, reason, message);
  const because = decision.kind === 'wait' || decision.kind === 'blind' ? ` ${decision.message}` : '';
  if (view.suspended) return is('False', 'Suspended', 'The shard is suspended; its log keeps everything.');
  if (!view.assignment || !finding)
    return is('False', 'NotAssigned', `No primary has been assigned yet.${because}`);
  const { primary, term } = view.assignment;
  const said = `Pod ${primary} (term ${term}) ${describeFinding(finding)}.${because}`;
  switch (finding.kind) {
    case 'serving':
      return is('True', 'Serving', said);
    case 'leaving': {
      const replica = view.replicas.find((r) => r.pod.name === primary);
      const serves = replica?.line?.state === 'serving' && heardWithin(replica, view.nowMs, STANDBY_FRESH_MS);
      return serves ? is('True', 'ServingUntilHandoff', said) : is('Unknown', 'PrimaryLeaving', said);
    }
    case 'takingOver':
      return is('False', 'HandoffInProgress', said);
    case 'stuck':
      return is('False', 'HandoffStuck', said);
    case 'gone':
      return is('False', 'PrimaryGone', said);
    case 'quiet':
      return is('Unknown', 'PrimarySilent', said); // V1
    case 'unseen':
      return is('Unknown', 'PrimaryNotSeen', said);
    default:
      return finding satisfies never;
  }
}

function isReadyStandby(replica: ReplicaView, view: ShardView): boolean {
  return (
    replica.pod.name !== view.assignment?.primary &&
    !replica.pod.deleting &&
    !hasFinished(replica) &&
    replica.line?.state === 'tailing' &&
    heardWithin(replica, view.nowMs, STANDBY_FRESH_MS)
  );
}

function standbysReady(view: ShardView): ConditionView {
  const is = (status: ConditionView['status'], reason: string, message: string): ConditionView =>
    condition('StandbysReady', status, reason, message);
  const wanted = view.standbys;
  if (view.suspended) return is('False', 'Suspended', 'The shard is suspended.');
  if (wanted === 0)
    return is('True', 'NoneWanted', 'The shard has no standbys: a lost primary is restored from the log.');
  const others = view.replicas.filter((r) => r.pod.name !== view.assignment?.primary);
  const ready = others.filter((r) => isReadyStandby(r, view)).length;
  if (ready >= wanted) return is('True', 'Tailing', `${ready} of ${wanted} standbys tail the log.`);
  const silent = others.filter(
    (r) =>
      presence(r, view) === 'present' &&
      r.line?.state === 'tailing' &&
      !heardWithin(r, view.nowMs, STANDBY_FRESH_MS),
  ).length;
  if (ready + silent >= wanted) {
    return is(
      'Unknown',
      'StandbysSilent',
      `${ready} of ${wanted} standbys tail the log, ${silent} not heard for a moment.`,
    ); // V1
  }
  const restoring = others.filter(
    (r) => r.line?.state === 'restoring' && presence(r, view) === 'present',
  ).length;
  const reason = restoring > 0 ? 'Restoring' : 'StandbysMissing';
  return is('False', reason, `${ready} of ${wanted} standbys tail the log, ${restoring} restoring.`);
}

function progress(
  view: ShardView,
  decision: FailoverDecision,
  pods: PodPlan,
  finding: Finding | undefined,
): ConditionView {
  const is = (status: ConditionView['status'], reason: string, message: string): ConditionView =>
    condition('Progressing', status, reason, message);
  if (decision.kind === 'promote')
    return is('True', decision.reason, `Pod ${decision.pod} is to take over in term ${decision.term}.`);
  if (finding?.kind === 'takingOver')
    return is('True', 'HandoffInProgress', `Pod ${view.assignment?.primary} is taking over.`);
  if (pods.createNotBeforeMs !== undefined) {
    const seconds = Math.ceil((pods.createNotBeforeMs - view.nowMs) / 1000);
    const last = view.lastFailure === undefined ? '' : ` Last one: ${view.lastFailure}`;
    return is(
      'False',
      'CrashLoop',
      `Pods of this shard end by errors; the next one is made in about ${seconds} s.${last}`,
    );
  }
  if (view.paused) return is('False', 'Paused', 'The shard is paused: no automatic handoff or replacement.');
  if (pods.create > 0) return is('True', 'MakingPods', `${pods.create} pods are being made.`);
  if (pods.delete.length > 0)
    return is('True', 'RemovingPods', `${pods.delete.length} pods are being removed.`);
  const moving = view.replicas.filter((r) => presence(r, view) === 'present' && !settled(r)).length;
  if (moving > 0) return is('True', 'PodsStarting', `${moving} pods are starting or restoring.`);
  if (decision.kind === 'wait') return is('False', decision.reason, decision.message);
  return is('False', 'Settled', 'Nothing is being changed.');
}

function settled(replica: ReplicaView): boolean {
  return replica.line?.state === 'tailing' || replica.line?.state === 'serving';
}

function operatorSight(view: ShardView, decision: FailoverDecision): ConditionView {
  const blind = decision.kind === 'blind' ? decision : blindness(view.operator);
  if (blind)
    return condition(
      'OperatorSeesClearly',
      'Unknown',
      blind.reason,
      `${blind.message} Nothing is concluded from silence.`,
    );
  if (decision.kind === 'wait' && decision.reason === 'PeersHearPrimary') {
    return condition('OperatorSeesClearly', 'False', decision.reason, decision.message);
  }
  return condition('OperatorSeesClearly', 'True', 'Listening', 'Heartbeats and caches are fresh.');
}

function readiness(view: ShardView, primary: ConditionView, standbys: ConditionView): ConditionView {
  const worst =
    [primary, standbys].find((c) => c.status === 'False') ??
    [primary, standbys].find((c) => c.status === 'Unknown');
  if (worst) return condition('Ready', worst.status, worst.reason, worst.message);
  return condition(
    'Ready',
    'True',
    'Ready',
    `Primary ${view.assignment?.primary} serves; ${standbys.message}`,
  );
}

function phaseOf(
  view: ShardView,
  decision: FailoverDecision,
  primary: ConditionView,
  standbys: ConditionView,
  finding: Finding | undefined,
): Phase {
  if (view.suspended) return 'Suspended';
  if (decision.kind === 'promote' || finding?.kind === 'takingOver' || finding?.kind === 'leaving') {
    return view.assignment ? 'HandingOver' : 'Starting';
  }
  if (!view.assignment) return 'Starting';
  if (primary.status === 'Unknown') return 'Unknown';
  if (primary.status === 'False') return 'Down';
  return standbys.status === 'True' ? 'Healthy' : 'Degraded';
}

function row(replica: ReplicaView, view: ShardView): ReplicaRow {
  const { pod, line } = replica;
  const heard = heardWithin(replica, view.nowMs, STANDBY_FRESH_MS);
  const state = hasFinished(replica)
    ? 'stopped'
    : heard
      ? line!.state
      : pod.phase === 'Pending'
        ? 'pending'
        : 'unknown'; // V1
  return {
    pod: pod.name,
    uid: pod.uid,
    role: roleOf(replica, view),
    state,
    address: pod.address,
    node: pod.node,
    term: line?.term,
    appliedOffset: line?.appliedOffset,
    headOffset: line?.headOffset,
    lagBytes: heard ? Math.max(0, line!.headOffset - line!.appliedOffset) : undefined,
    restore: heard ? line!.restore : undefined,
    restoredFrom: line?.hints?.from,
  };
}
