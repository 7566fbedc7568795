/**
 * Everything that plans about one shard are made from, gathered from caches, streams and memory in one moment.
 *
 * W1  Only what was seen (plan/types T2); times are this process's own monotonic ones (T1).
 * W2  A pod counts only when this very Shard owns it: one of a deleted Shard of the same name does not.
 */
import { ANNOTATIONS, EXIT, type Shard } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { countStreams, type NodeView, type ReplicaView, type ShardView } from '../../plan/index.ts';
import { BY_SHARD, logKeyOf, type Caches } from '../caches.ts';
import { readHints } from '../hints.ts';
import { asShard, isOwnedBy, nodeView, podView } from '../views.ts';
import type { MeasuredSteps } from './handoffs.ts';
import { countCrashes, recentSilenceHandoffs, type PodEnd, type ShardMemory } from './memory.ts';
import type { HeartbeatStreams } from './streams.ts';

/** How well this process sees, apart from the streams. */
export interface Eyesight {
  readonly loopLate: boolean;
  readonly loopLagMs: number;
  readonly cachesBehindMs: number;
}

export interface WorldOptions {
  readonly caches: Caches;
  readonly streams: HeartbeatStreams;
  readonly eyesight: () => Eyesight;
}

export interface Gathered {
  readonly nowMs: number;
  readonly key: string;
  readonly shard: KubeObject;
  readonly memory: ShardMemory;
  /** The API server has just said that the assigned pod does not exist. */
  readonly primaryAbsent: boolean;
}

export class World {
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** The pods of a shard (W2). */
  pods(key: string, uid: string): readonly KubeObject[] {
    return this.#options.caches.pods.byIndex(BY_SHARD, key).filter((pod) => isOwnedBy(pod, uid));
  }

  /** The view of one shard. Counts its crashes on the way. */
  view(gathered: Gathered): ShardView {
    const { nowMs, key, shard, memory } = gathered;
    const { spec, status, metadata } = asShard(shard);
    const replicas = this.pods(key, shard.metadata.uid).map((pod) => this.#replica(pod));
    countCrashes(memory, replicas.flatMap(endOf), nowMs);
    const failover = {
      silenceMs: spec.failover.silenceSeconds * 1000,
      soloSilenceMs: spec.failover.soloSilenceSeconds * 1000,
    };
    const nodes = this.#options.caches.nodes.list().map(nodeView);
    const assignment = status?.assignment;
    const log = this.#options.caches.logs.get(logKeyOf(shard));
    return {
      nowMs,
      failover,
      standbys: spec.standbys,
      paused: spec.paused,
      suspended: spec.suspend,
      assignment: assignment && {
        term: assignment.term,
        primary: assignment.primary,
        from: assignment.from,
        planned: assignment.planned,
        seenSinceMs: memory.term === assignment.term ? memory.termSinceMs : nowMs,
      },
      // Above what this process has seen, too: the object may have been rolled back.
      logTerm: Math.max(memory.term, log ? readHints(log).term : 0),
      recentSilenceHandoffs: recentSilenceHandoffs(memory, nowMs),
      lastFailure: memory.lastFailure,
      replicas,
      nodes,
      primaryAbsenceConfirmed: gathered.primaryAbsent || this.#sawPrimaryDeleted(asShard(shard)),
      switchover: requestOf(metadata.annotations, memory, nowMs),
      operator: { ...this.#options.eyesight(), ...this.#streamsOfAll(nodes, failover.silenceMs, nowMs) },
    };
  }

  /** What the assigned primary measured of its own promotion. */
  measuredSteps(view: ShardView): MeasuredSteps | undefined {
    const primary = view.replicas.find((r) => r.pod.name === view.assignment?.primary);
    return primary && this.#options.streams.heard(primary.pod.uid)?.line?.handoff;
  }

  #replica(pod: KubeObject): ReplicaView {
    const heard = this.#options.streams.heard(pod.metadata.uid);
    return {
      pod: podView(pod),
      connection: heard?.connection,
      listeningSinceMs: heard?.listeningSinceMs,
      line: heard?.line,
      lineAtMs: heard?.lineAtMs,
    };
  }

  #streamsOfAll(
    nodes: readonly NodeView[],
    silenceMs: number,
    nowMs: number,
  ): { readonly podsListened: number; readonly podsSilent: number } {
    const all = this.#options.caches.pods.list().map((pod) => this.#replica(pod));
    return countStreams(all, nodes, silenceMs, nowMs);
  }

  /** Names are never used twice, so the deletion of the object that the status named settles it. */
  #sawPrimaryDeleted({ status }: Shard): boolean {
    const row = status?.replicas?.find((replica) => replica.pod === status.assignment?.primary);
    return row?.uid !== undefined && this.#options.caches.pods.sawDeleted(row.uid);
  }
}

/** The switchover that is asked for and not answered yet. */
function requestOf(
  annotations: Readonly<Record<string, string>> | undefined,
  memory: ShardMemory,
  nowMs: number,
): string | undefined {
  const asked = annotations?.[ANNOTATIONS.switchover];
  if (asked === undefined) {
    memory.answeredRequest = undefined;
    memory.requestSinceMs = undefined;
    return undefined;
  }
  memory.requestSinceMs ??= nowMs;
  return asked === memory.answeredRequest ? undefined : asked;
}

/** Clean ends and fenced old primaries are no errors. */
function endOf({ pod }: ReplicaView): readonly PodEnd[] {
  if (pod.exitCode === undefined && pod.phase !== 'Failed' && pod.phase !== 'Succeeded') return [];
  const byError =
    pod.exitCode === undefined
      ? pod.phase === 'Failed'
      : pod.exitCode !== EXIT.ok && pod.exitCode !== EXIT.fenced;
  return [{ uid: pod.uid, pod: pod.name, byError, how: pod.end ?? 'no exit code' }];
}
