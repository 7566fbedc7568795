/**
 * Wires the Shard controller: which news makes it look at which shard, and in which lane.
 *
 * N1  News of a heartbeat stream is looked at at once and before all routine work, but at most every NEWS_GAP_MS a shard: a pod that talks
 *     without pause cannot keep a worker to itself.
 * N2  What the operator itself writes into a status is no news.
 */
import { Controller, type Change, type Lane } from '../../runtime/index.ts';
import { ANNOTATIONS } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { BY_LOG, BY_STORE, type Caches } from '../caches.ts';
import { equal } from '../merge-patch.ts';
import type { ControllerPorts } from '../ports.ts';
import { asLog, asShard, asStore, nodeView, podView, shardKeyOf } from '../views.ts';
import type { ShardMemories } from './memory.ts';
import type { PodImage } from './pods.ts';
import { ShardReconciler } from './reconciler.ts';
import type { HeartbeatStreams, StreamNews } from './streams.ts';
import { World, type Eyesight } from './world.ts';

/** N1 */
const NEWS_GAP_MS = 50;

export interface ShardControllerOptions {
  readonly ports: ControllerPorts;
  readonly streams: HeartbeatStreams;
  readonly memories: ShardMemories;
  readonly eyesight: () => Eyesight;
  readonly image: PodImage;
  readonly leading: () => boolean;
}

/** The controller, with its subscriptions in place; keys collect until it runs. */
export function shardController(options: ShardControllerOptions): Controller {
  const { ports, streams, memories } = options;
  const world = new World({ caches: ports.caches, streams, eyesight: options.eyesight });
  const reconciler = new ShardReconciler({ ...options, world });
  const controller = new Controller({
    name: 'shards',
    reconcile: (key, context) => reconciler.reconcile(key, context),
    clock: ports.clock,
    random: ports.random,
    log: ports.log,
    metrics: ports.metrics,
  });
  subscribe(ports.caches, (key, lane) => controller.enqueue(key, lane));
  streams.subscribe((news) => onNews(news, controller, memories, ports));
  return controller;
}

/** N1 */
function onNews(
  { shardKey, significant }: StreamNews,
  controller: Controller,
  memories: ShardMemories,
  { clock, caches }: ControllerPorts,
): void {
  if (!caches.shards.get(shardKey)) return;
  const memory = memories.of(shardKey);
  if (!significant && !memory.watchful) return;
  const nowMs = clock.monotonicMs();
  const waitMs = memory.newsAtMs + NEWS_GAP_MS - nowMs;
  if (waitMs > 0) {
    controller.enqueueAfter(shardKey, waitMs, 'recovery');
    return;
  }
  memory.newsAtMs = nowMs;
  controller.enqueue(shardKey, 'recovery');
}

function subscribe(caches: Caches, enqueue: (key: string, lane: Lane) => void): void {
  caches.shards.subscribe((change) => {
    if (change.kind !== 'updated' || isShardNews(change.old, change.object)) enqueue(change.key, 'routine');
  });
  caches.pods.subscribe((change) => {
    const key = shardKeyOf(change.kind === 'deleted' ? change.old : change.object);
    if (key !== undefined) enqueue(key, endsPod(change) ? 'recovery' : 'routine');
  });
  caches.stores.subscribe((change) => {
    if (change.kind === 'updated' && !isStoreNews(change.old, change.object)) return;
    for (const shard of caches.shards.byIndex(BY_STORE, change.key)) enqueue(keyOf(shard), 'routine');
    for (const log of caches.logs.byIndex(BY_STORE, change.key))
      for (const shard of caches.shards.byIndex(BY_LOG, keyOf(log))) enqueue(keyOf(shard), 'routine');
  });
  caches.logs.subscribe((change) => {
    if (change.kind === 'updated' && !isLogNews(change.old, change.object)) return;
    for (const shard of caches.shards.byIndex(BY_LOG, change.key)) enqueue(keyOf(shard), 'routine');
  });
  caches.nodes.subscribe((change) => {
    if (change.kind === 'added' || (change.kind === 'updated' && !isNodeNews(change.old, change.object)))
      return;
    for (const pod of caches.pods.list()) {
      const key = podView(pod).node === change.key ? shardKeyOf(pod) : undefined;
      if (key !== undefined) enqueue(key, 'recovery');
    }
  });
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}

/** N2 */
function isShardNews(old: KubeObject, now: KubeObject): boolean {
  const switchover = ANNOTATIONS.switchover;
  return (
    old.metadata.generation !== now.metadata.generation ||
    old.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
    old.metadata.annotations?.[switchover] !== now.metadata.annotations?.[switchover] ||
    asShard(old).status?.assignment?.term !== asShard(now).status?.assignment?.term
  );
}

function endsPod(change: Change<KubeObject>): boolean {
  if (change.kind === 'deleted') return true;
  const { exitCode, deleting, phase } = podView(change.object);
  return exitCode !== undefined || deleting || phase === 'Failed' || phase === 'Succeeded';
}

function isStoreNews(old: KubeObject, now: KubeObject): boolean {
  const a = asStore(old);
  const b = asStore(now);
  return !equal(a.spec, b.spec) || a.status?.url !== b.status?.url || !equal(readiness(a), readiness(b));
}

function readiness(store: ReturnType<typeof asStore>): unknown {
  return store.status?.conditions?.find((condition) => condition.type === 'Ready');
}

function isLogNews(old: KubeObject, now: KubeObject): boolean {
  return (
    old.metadata.generation !== now.metadata.generation ||
    asLog(old).status?.generation !== asLog(now).status?.generation
  );
}

function isNodeNews(old: KubeObject, now: KubeObject): boolean {
  return !equal(nodeView(old), nodeView(now));
}
