/**
 * What can be said of one replica at this moment, and whether this operator can be trusted to say it.
 *
 * S1  Silence counts from the last whole line; for a replica that never spoke, from when this process began to listen. A fresh process
 *     therefore holds back by itself for as long as it would take to call anybody silent.
 * S2  A blind operator draws no conclusion from silence. Proof (an exit code, a deleted pod, a refused connection) needs no eyesight.
 */
import type { NodeView, OperatorView, ReplicaView, ShardView } from './types.ts';

/** Heartbeats come every second; a line older than one and a half periods is late. */
export const LINE_FRESH_MS = 1_500;
/** Two and a half periods: a standby heard so recently can be asked for its vote and given the shard. */
export const STANDBY_FRESH_MS = 2_500;
/** Caches cut off for longer than this may hide deleted and new pods. */
const CACHES_BEHIND_MS = 5_000;
/** From three streams on, more than half of them silent at once says more about the listener than about them. */
const MIN_STREAMS = 3;
/** A common silence that lasts so long, while the API server is followed, is true of the pods whatever caused it: then it is acted on. */
const COMMON_SILENCE_MS = 30_000;

export type Blindness =
  | { readonly reason: 'EventLoopLate'; readonly message: string }
  | { readonly reason: 'CachesBehind'; readonly message: string }
  | { readonly reason: 'MostPodsSilent'; readonly message: string };

/** Why this operator should not trust a silence of `silenceMs`, or undefined when it sees clearly (S2). */
export function blindness(operator: OperatorView, silenceMs = 0): Blindness | undefined {
  if (operator.loopLate) {
    return {
      reason: 'EventLoopLate',
      message: `The operator itself was stopped for ${Math.round(operator.loopLagMs)} ms a moment ago.`,
    };
  }
  if (operator.cachesBehindMs > CACHES_BEHIND_MS) {
    const ago = Number.isFinite(operator.cachesBehindMs)
      ? `for ${Math.round(operator.cachesBehindMs)} ms`
      : 'since it started';
    return {
      reason: 'CachesBehind',
      message: `The operator has not been able to follow the API server ${ago}.`,
    };
  }
  const common = operator.podsListened >= MIN_STREAMS && operator.podsSilent * 2 > operator.podsListened;
  if (common && silenceMs < COMMON_SILENCE_MS) {
    return {
      reason: 'MostPodsSilent',
      message: `${operator.podsSilent} of ${operator.podsListened} pods fell silent together: the operator's own network is the likelier cause.`,
    };
  }
  return undefined;
}

/** Time without a line, ms (S1); undefined while nobody listens to it. */
export function silentMs(replica: ReplicaView, nowMs: number): number | undefined {
  const since = replica.lineAtMs ?? replica.listeningSinceMs;
  return since === undefined ? undefined : Math.max(0, nowMs - since);
}

/** True when a line arrived within `withinMs`. */
export function heardWithin(replica: ReplicaView, nowMs: number, withinMs: number): boolean {
  return replica.line !== undefined && replica.lineAtMs !== undefined && nowMs - replica.lineAtMs <= withinMs;
}

/** True when its process has ended for good: pods of a shard are never restarted in place. */
export function hasFinished(replica: ReplicaView): boolean {
  const { phase, exitCode } = replica.pod;
  return phase === 'Succeeded' || phase === 'Failed' || exitCode !== undefined;
}

export function nodeOf(replica: ReplicaView, nodes: readonly NodeView[]): NodeView | undefined {
  return nodes.find((node) => node.name === replica.pod.node);
}

/** True when the pod's node is no longer in the cluster. An empty list is no knowledge of nodes (no right to read them), not their end. */
export function nodeIsDeleted(replica: ReplicaView, nodes: readonly NodeView[]): boolean {
  return replica.pod.node !== undefined && nodes.length > 0 && nodeOf(replica, nodes) === undefined;
}

/** True when the pod's node is known to the cluster as deleted or not ready: its silence has an explanation. */
export function nodeIsDown(replica: ReplicaView, nodes: readonly NodeView[]): boolean {
  const node = nodeOf(replica, nodes);
  return node ? node.ready !== 'True' : nodeIsDeleted(replica, nodes);
}

export type Presence =
  /** Speaks, or is too young to have spoken. */
  | 'present'
  /** Its process has ended. */
  | 'finished'
  /** Being deleted. */
  | 'deleting'
  /** Silent for the solo silence, or on a node that is down and not heard: to be replaced, not waited for. */
  | 'lost';

/** How a replica counts for the number of pods. A blind operator calls nobody lost (S2). */
export function presence(replica: ReplicaView, view: ShardView): Presence {
  if (hasFinished(replica)) return 'finished';
  if (replica.pod.deleting) return 'deleting';
  if (heardWithin(replica, view.nowMs, view.failover.silenceMs)) return 'present';
  if (nodeIsDown(replica, view.nodes)) return 'lost';
  const silent = replica.line === undefined ? undefined : silentMs(replica, view.nowMs);
  if (silent !== undefined && silent >= view.failover.soloSilenceMs && !blindness(view.operator, silent))
    return 'lost';
  return 'present';
}

/**
 * Counts the streams of all shards for OperatorView: finished, deleting and never-heard pods have no voice to miss, and pods on a node
 * the cluster itself calls down do not speak against the operator's eyesight.
 */
export function countStreams(
  replicas: readonly ReplicaView[],
  nodes: readonly NodeView[],
  silenceMs: number,
  nowMs: number,
): { readonly podsListened: number; readonly podsSilent: number } {
  const voices = replicas.filter(
    (r) => r.line !== undefined && !hasFinished(r) && !r.pod.deleting && !nodeIsDown(r, nodes),
  );
  const spoken = voices.filter((r) => heardWithin(r, nowMs, Math.min(silenceMs, STANDBY_FRESH_MS)));
  return { podsListened: voices.length, podsSilent: voices.length - spoken.length };
}
