/**
 * A pod's status from what its containers do: phase and conditions, by the kubelet's rules.
 *
 * 1. Pure; the time is a parameter. `lastTransitionTime` moves only when a condition's status moves.
 * 2. Conditions of other writers (readiness gates among them) are read, never written.
 */
import type { Condition, ContainerStatus, Pod, PodStatus } from './kube-types.ts';

/** What the node knows of a pod. */
export interface PodFacts {
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly startTime: string;
  /** A verdict that overrides the containers' (a rejected pod). */
  readonly verdict?:
    | { readonly phase: 'Failed'; readonly reason: string; readonly message: string }
    | undefined;
}

type Phase = NonNullable<PodStatus['phase']>;

function isDone(status: ContainerStatus): boolean {
  return status.state.terminated?.exitCode === 0;
}

/** The phase by the kubelet's rules; a container that waits for its next try counts by how its last one ended. */
export function podPhase(pod: Pod, facts: PodFacts): Phase {
  if (facts.verdict !== undefined) return facts.verdict.phase;
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (
    policy === 'Never' &&
    facts.init.some(({ state }) => state.terminated !== undefined && state.terminated.exitCode !== 0)
  ) {
    return 'Failed';
  }
  if (!facts.init.every(isDone)) return 'Pending';
  if (facts.main.some(({ state }) => state.running !== undefined)) return 'Running';
  const fresh = ({ state, lastState }: ContainerStatus): boolean =>
    state.terminated === undefined && lastState.terminated === undefined;
  if (facts.main.some(fresh)) return 'Pending';
  if (policy === 'Always' || facts.main.some(({ state }) => state.waiting !== undefined)) return 'Running';
  if (facts.main.every(isDone)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** The phase of a pod that ended because it was told to: done well only if every container was. */
export function endedPhase(facts: PodFacts): Phase {
  return [...facts.init, ...facts.main].every(isDone) ? 'Succeeded' : 'Failed';
}

function condition(
  type: string,
  holds: boolean,
  reason: string,
  message: string,
  previous: readonly Condition[],
  now: string,
): Condition {
  const status = holds ? 'True' : 'False';
  const before = previous.find((other) => other.type === type);
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
  // Empty strings, not absent fields: the patch merges conditions, and an absent field would keep its old text.
  return { type, status, lastTransitionTime, reason: holds ? '' : reason, message: holds ? '' : message };
}

/** The conditions a node owns. `phase` decides whether an ended pod says PodCompleted. */
export function podConditions(
  pod: Pod,
  facts: PodFacts,
  phase: Phase,
  previous: readonly Condition[],
  now: string,
): Condition[] {
  const ended = phase === 'Succeeded' || phase === 'Failed';
  const unready = facts.main.filter(({ ready }) => !ready).map(({ name }) => name);
  const uninitialized = facts.init.filter((status) => !isDone(status)).map(({ name }) => name);
  const others = pod.status?.conditions ?? [];
  const gates = (pod.spec.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => !others.some((other) => other.type === type && other.status === 'True'));
  const containersReady =
    !ended && facts.main.length > 0 && unready.length === 0 && facts.verdict === undefined;
  const reason = ended ? (phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed') : 'ContainersNotReady';
  const text = ended ? '' : `containers with unready status: [${unready.join(' ')}]`;
  const gateText = `the status of pod readiness gate ${gates.map((gate) => `"${gate}"`).join(', ')} is not "True"`;
  const ready =
    containersReady && gates.length > 0
      ? condition('Ready', false, 'ReadinessGatesNotReady', gateText, previous, now)
      : condition('Ready', containersReady, reason, text, previous, now);
  return [
    condition('PodReadyToStartContainers', facts.podIP !== undefined && !ended, '', '', previous, now),
    condition(
      'Initialized',
      uninitialized.length === 0 && facts.verdict === undefined,
      'ContainersNotInitialized',
      `containers with incomplete status: [${uninitialized.join(' ')}]`,
      previous,
      now,
    ),
    ready,
    condition('ContainersReady', containersReady, reason, text, previous, now),
    condition('PodScheduled', true, '', '', previous, now),
  ];
}

/** The whole status as a strategic merge patch body. */
export function podStatus(
  pod: Pod,
  facts: PodFacts,
  phase: Phase,
  previous: readonly Condition[],
  now: string,
): object {
  return {
    phase,
    reason: facts.verdict?.reason ?? null,
    message: facts.verdict?.message ?? null,
    conditions: podConditions(pod, facts, phase, previous, now),
    hostIP: facts.hostIP,
    hostIPs: [{ ip: facts.hostIP }],
    startTime: facts.startTime,
    containerStatuses: facts.main,
    ...(facts.init.length === 0 ? {} : { initContainerStatuses: facts.init }),
    ...(facts.podIP === undefined
      ? {}
      : { podIP: facts.podIP, podIPs: [{ $patch: 'replace' }, { ip: facts.podIP }] }),
  };
}
