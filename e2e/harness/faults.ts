/**
 * The faults of the demo, the scenarios and the failover bench: each does one thing to a running installation and waits until the
 * shard serves again, then says what it cost, as the client and as the operator saw it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/index.ts';
import type { HandoffRecord, Installation, ShardObject } from './installation.ts';
import type { Workload } from './workload.ts';

export type FaultName =
  | 'process-killed'
  | 'node-silent'
  | 'primary-frozen'
  | 'operator-and-primary'
  | 'switchover';

export interface FaultReport {
  readonly fault: FaultName;
  readonly shard: string;
  /** Longest pause between two acknowledged writes of the client, ms. */
  readonly gapMs: number;
  readonly detectMs: number;
  readonly decideMs: number;
  readonly fenceMs: number;
  readonly serveMs: number;
  readonly handoff: HandoffRecord;
}

export interface FaultContext {
  readonly cluster: Cluster;
  readonly installation: Installation;
  readonly workload: Workload;
  readonly shard: string;
  /** Told what happens, for the timeline. */
  readonly say: (text: string) => void;
}

/** Longest time any fault may take until its handoff is recorded and the client writes again. */
const RECOVERY_LIMIT_MS = 60_000;
/** How long the zombie stays frozen (issue: 20 s). */
const FROZEN_MS = 20_000;
/** Writes that must succeed before a fault begins and after it: the shard is in its stride. */
const STEADY_WRITES = 20;

type Inflict = (context: FaultContext, primary: string) => Promise<(() => Promise<void>) | undefined>;

const faults: Readonly<Record<FaultName, Inflict>> = {
  'process-killed': async ({ cluster, installation, say }, primary) => {
    say(`SIGKILL of the primary's process (${primary})`);
    cluster.killPod(installation.namespace, primary);
    return undefined;
  },

  'node-silent': async ({ cluster, installation, say }, primary) => {
    const node = cluster.node(installation.nodeOf(primary));
    say(
      `node ${node.name} goes silent: all its processes frozen, nothing written, no socket closed (primary ${primary})`,
    );
    node.freeze();
    return async () => {
      node.thaw();
      say(`node ${node.name} is back`);
    };
  },

  'primary-frozen': async ({ cluster, installation, say }, primary) => {
    say(`primary ${primary} frozen for ${FROZEN_MS / 1000} s`);
    cluster.freezePod(installation.namespace, primary);
    const thawAtMs = performance.now() + FROZEN_MS;
    return async () => {
      await sleep(Math.max(0, thawAtMs - performance.now()));
      cluster.thawPod(installation.namespace, primary);
      say(`${primary} thawed: a zombie that must find out that it is fenced`);
      const exitCode = await installation.exitCodeOf(primary, RECOVERY_LIMIT_MS);
      say(`${primary} found the fence and stopped by itself (exit code ${exitCode})`);
    };
  },

  'operator-and-primary': async ({ cluster, installation, say }, primary) => {
    const leader = await installation.leadingOperator();
    say(`SIGKILL of the leading operator (${leader.name}) and of the primary (${primary}) at once`);
    cluster.killPod(leader.namespace, leader.name);
    cluster.killPod(installation.namespace, primary);
    return undefined;
  },

  switchover: async ({ installation, say, shard }, primary) => {
    say(`planned switchover asked for by annotation (primary ${primary})`);
    await installation.annotateShard(shard, { 'holdfast.dev/switchover': 'any' });
    return undefined;
  },
};

/** Inflicts one fault on one shard and waits for the end of it. Rejects when the shard does not recover in time. */
export async function runFault(fault: FaultName, context: FaultContext): Promise<FaultReport> {
  const { installation, workload, shard, say } = context;
  await installation.settled(shard, RECOVERY_LIMIT_MS);
  await workload.moreWrites(STEADY_WRITES, RECOVERY_LIMIT_MS);
  const before = installation.shard(shard);
  const primary = primaryOf(before);
  const startedMs = performance.now();
  const afterwards = await faults[fault](context, primary);
  const handoff = await installation.handoffAfter(
    shard,
    before.status?.assignment?.term ?? 0,
    RECOVERY_LIMIT_MS,
  );
  await workload.moreWrites(STEADY_WRITES, RECOVERY_LIMIT_MS);
  const gapMs = workload.history.longestGapMs(startedMs, performance.now());
  say(
    `${handoff.toPod} serves (term ${handoff.term}, ${handoff.reason}): client-seen gap ${Math.round(gapMs)} ms`,
  );
  await afterwards?.();
  await installation.settled(shard, RECOVERY_LIMIT_MS);
  return {
    fault,
    shard,
    gapMs: Math.round(gapMs),
    detectMs: handoff.detectMs ?? 0,
    decideMs: handoff.decideMs ?? 0,
    fenceMs: handoff.fenceMs ?? 0,
    serveMs: handoff.serveMs ?? 0,
    handoff,
  };
}

function primaryOf(shard: ShardObject): string {
  const primary = shard.status?.assignment?.primary;
  if (primary === undefined) throw new Error(`shard ${shard.metadata.name} has no primary`);
  return primary;
}
