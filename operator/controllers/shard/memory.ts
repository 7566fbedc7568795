/**
 * What this process remembers about each shard that stands in no object: when it saw things, on its own monotonic clock.
 *
 * R1  Everything here may be lost at any time (a restart): it makes decisions quicker and records fuller, never safer.
 * R2  It is kept on the passive replica too, from the same caches, so that a new leader does not start from nothing.
 */
import type { Clock } from '../../../src/base/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { noteCrashes, type CrashHistory } from '../../plan/index.ts';
import type { Caches } from '../caches.ts';
import { asShard } from '../views.ts';

/** What the leader knows of a handoff that it decided itself. */
export interface HandoffMemory {
  readonly term: number;
  /** First sign of what led to it; undefined when nothing had gone wrong. */
  readonly signAtMs: number | undefined;
  readonly decidedAtMs: number;
  /** When the API server had accepted the assignment. */
  readonly assignedAtMs: number;
}

export interface ShardMemory {
  /** Highest term seen in an assignment, and when it was first seen. */
  term: number;
  termSinceMs: number;
  /** When handoffs that silence brought about were seen to appear. */
  readonly silenceHandoffsAtMs: number[];
  handoff: HandoffMemory | undefined;
  crashes: CrashHistory | undefined;
  /** UIDs of pods whose end has been counted. */
  readonly countedEnds: Set<string>;
  /** Ends that were counted and not told yet. */
  readonly untoldEnds: PodEnd[];
  /** The last end by an error, for people. */
  lastFailure: string | undefined;
  /** Names of pods whose creation got no answer, with when it was sent: tried again under the same name, so that none is made twice. */
  readonly unansweredPods: Map<string, number>;
  /** A switchover request that was answered; its annotation may still be in the cache. */
  answeredRequest: string | undefined;
  /** When the request that stands was first seen. */
  requestSinceMs: number | undefined;
  /** The last answer that an event told of a request, decision, or missing part; so that each is told once. */
  readonly told: Map<string, string>;
  /** When the status was last written, and when lines were last a reason to look. */
  statusAtMs: number;
  newsAtMs: number;
  /** The last decision left something open: every line is worth a look. */
  watchful: boolean;
}

/** Window of recentSilenceHandoffs (plan/types). */
const SILENCE_WINDOW_MS = 600_000;

/** Enough for the retries of a passing disturbance; far less than the life of a pod. */
const UNANSWERED_MS = 10_000;

export class ShardMemories {
  readonly #clock: Clock;
  readonly #memories = new Map<string, ShardMemory>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Follows the caches on leader and follower alike (R2). */
  follow({ shards, pods }: Pick<Caches, 'shards' | 'pods'>): void {
    pods.subscribe((change) => {
      const { metadata } = change.kind === 'deleted' ? change.old : change.object;
      for (const memory of this.#memories.values()) memory.unansweredPods.delete(metadata.name); // answered by sight
    });
    shards.subscribe((change) => {
      if (change.kind === 'deleted') this.#memories.delete(change.key);
      else this.note(change.key, change.object, change.kind === 'updated' ? change.old : undefined);
    });
  }

  of(key: string): ShardMemory {
    const known = this.#memories.get(key);
    if (known) return known;
    const fresh: ShardMemory = {
      term: 0,
      termSinceMs: this.#clock.monotonicMs(),
      silenceHandoffsAtMs: [],
      handoff: undefined,
      crashes: undefined,
      countedEnds: new Set(),
      untoldEnds: [],
      lastFailure: undefined,
      unansweredPods: new Map(),
      answeredRequest: undefined,
      requestSinceMs: undefined,
      told: new Map(),
      statusAtMs: -Infinity,
      newsAtMs: -Infinity,
      watchful: true,
    };
    this.#memories.set(key, fresh);
    return fresh;
  }

  /** Takes note of a state of the shard. Records that were there at first sight do not count as having just happened. */
  note(key: string, now: KubeObject, before: KubeObject | undefined): void {
    const memory = this.of(key);
    const { status } = asShard(now);
    const term = status?.assignment?.term ?? 0;
    if (term <= memory.term) return;
    const nowMs = this.#clock.monotonicMs();
    const isNews = before !== undefined || memory.term > 0;
    const record = status?.handoffs?.find((handoff) => handoff.term === term);
    if (isNews && record?.reason === 'PrimarySilent') memory.silenceHandoffsAtMs.push(nowMs);
    memory.term = term;
    memory.termSinceMs = nowMs;
  }
}

/**
 * A name to make a pod under: one whose creation got no answer a moment ago. Later than that it is dropped: the pod may have been made, lived
 * and gone in between, and a name is never used twice.
 */
export function unansweredName(memory: ShardMemory, nowMs: number): string | undefined {
  for (const [name, atMs] of memory.unansweredPods) {
    if (nowMs - atMs <= UNANSWERED_MS) return name;
    memory.unansweredPods.delete(name);
  }
  return undefined;
}

/** Silence handoffs within the window. */
export function recentSilenceHandoffs(memory: ShardMemory, nowMs: number): number {
  const times = memory.silenceHandoffsAtMs;
  while (times.length > 0 && nowMs - times[0]! > SILENCE_WINDOW_MS) times.shift();
  return times.length;
}

/** An ended pod, as the count of crashes sees it. */
export interface PodEnd {
  readonly uid: string;
  readonly pod: string;
  readonly byError: boolean;
  /** For people. */
  readonly how: string;
}

/** Counts ends by error that were not counted yet, and forgets pods that no longer exist. */
export function countCrashes(memory: ShardMemory, ends: readonly PodEnd[], nowMs: number): void {
  const fresh = ends.filter((end) => !memory.countedEnds.has(end.uid));
  const existing = new Set(ends.map((end) => end.uid));
  for (const uid of memory.countedEnds) if (!existing.has(uid)) memory.countedEnds.delete(uid);
  for (const end of fresh) {
    memory.countedEnds.add(end.uid);
    memory.untoldEnds.push(end);
    if (end.byError) memory.lastFailure = `${end.pod}: ${end.how}`;
  }
  memory.crashes = noteCrashes(memory.crashes, fresh.filter((end) => end.byError).length, nowMs);
}
