/**
 * The faults of the demo, the scenarios and the failover bench: each does one thing to a running installation and waits until the
 * shard serves again, then says what it cost, as the client and as the operator saw it.
 *
 * X1  A fault begins when every shard is Ready with its standbys and the client of this one is in its stride; it ends when that holds again.
 * X2  What is not recorded is null, never 0; but for what was asked for, nothing had to be detected: that takes 0.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HarnessError } from '../cluster/index.ts';
import type { HandoffRecord, ShardObject } from './installation.ts';
import type { Stage } from './stage.ts';

export type FaultName =
  | 'process-killed'
  | 'node-silent'
  | 'primary-frozen'
  | 'operator-and-primary'
  | 'switchover';

/** All of them, in the order of the demo. */
export const FAULTS: readonly FaultName[] = [
  'process-killed',
  'node-silent',
  'primary-frozen',
  'operator-and-primary',
  'switchover',
];

/** What a fault is, for a person. */
export const STORY: Readonly<Record<FaultName, string>> = {
  'process-killed': "a primary's process is killed",
  'node-silent': 'a whole node goes silent',
  'primary-frozen': 'a primary freezes for 20 s and comes back as a zombie',
  'operator-and-primary': 'the leading operator and a primary die at once',
  switchover: 'a planned switchover',
};

export interface FaultReport {
  readonly fault: FaultName;
  readonly shard: string;
  /** Longest pause between two acknowledged writes of the client, ms. */
  readonly gapMs: number;
  readonly detectMs: number | null;
  readonly decideMs: number | null;
  readonly fenceMs: number | null;
  readonly serveMs: number | null;
  readonly handoff: HandoffRecord;
}

export interface FaultContext {
  readonly stage: Stage;
  readonly shard: string;
  /** Told what happens, for the timeline. */
  readonly say: (text: string) => void;
}

/** Longest time any fault may take until its handoff is recorded and the client writes again. */
const RECOVERY_LIMIT_MS = 60_000;
/** How long the zombie stays frozen. */
const FROZEN_MS = 20_000;
/** A question is left in the zombie's socket this long before it wakes up, and waited for this long in all. */
const ASKED_BEFORE_THAW_MS = 1_000;
const ZOMBIE_ANSWER_MS = 4_000;
/** Writes that must succeed before a fault begins and after it: the shard is in its stride. */
const STEADY_WRITES = 20;

type Inflict = (context: FaultContext, primary: string) => Promise<(() => Promise<void>) | undefined>;

const inflict: Readonly<Record<FaultName, Inflict>> = {
  'process-killed': async ({ stage: { cluster, installation }, say }, primary) => {
    say(`SIGKILL to the process of ${primary} on ${installation.nodeOf(primary)}`);
    cluster.killPod(installation.namespace, primary);
    return undefined;
  },

  'node-silent': async ({ stage: { cluster, installation }, say }, primary) => {
    const node = cluster.node(installation.nodeOf(primary));
    say(`${node.name} goes silent with ${primary}: processes frozen, nothing written, no socket closed`);
    node.freeze();
    return async () => {
      node.thaw();
      say(`${node.name} is back`);
    };
  },

  'primary-frozen': async ({ stage, say, shard }, primary) => {
    const { cluster, installation } = stage;
    const { podIP } = placement(stage, primary);
    say(`${primary} is frozen for ${FROZEN_MS / 1000} s`);
    cluster.freezePod(installation.namespace, primary);
    const thawAtMs = performance.now() + FROZEN_MS;
    return async () => {
      await sleep(Math.max(0, thawAtMs - performance.now() - ASKED_BEFORE_THAW_MS));
      const address = cluster.dialAddress(podIP);
      const asked = stage.workload(shard).askDirectly(address, ZOMBIE_ANSWER_MS);
      const ended = installation.exitOf(primary, RECOVERY_LIMIT_MS);
      await sleep(Math.max(0, thawAtMs - performance.now()));
      cluster.thawPod(installation.namespace, primary);
      say(`${primary} is thawed, with a read waiting in its socket`);
      const answer = await asked;
      say(`the zombie ${answer === undefined ? 'refused the read' : `answered the read with ${answer}`}`);
      say(`${primary} stopped by itself: ${await ended}`);
    };
  },

  'operator-and-primary': async ({ stage: { cluster, installation }, say }, primary) => {
    const leader = await installation.leadingOperator();
    say(`SIGKILL to the leading operator ${leader.name} and to ${primary}`);
    cluster.killPod(leader.namespace, leader.name);
    cluster.killPod(installation.namespace, primary);
    return async () => {
      // A new pod in its place, or the restart back-off would leave later rounds with one operator.
      await installation.replaceOperator(leader.name);
    };
  },

  switchover: async ({ stage: { installation }, say, shard }, primary) => {
    say(`kubectl annotate shard ${shard} holdfast.dev/switchover=any (primary ${primary})`);
    await installation.annotateShard(shard, { 'holdfast.dev/switchover': 'any' });
    return undefined;
  },
};

/** Inflicts one fault on one shard and waits for the end of it. Rejects when the shard does not recover in time. */
export async function runFault(fault: FaultName, context: FaultContext): Promise<FaultReport> {
  const { stage, shard, say } = context;
  const { installation } = stage;
  const workload = stage.workload(shard);
  await calm(stage);
  await workload.moreWrites(STEADY_WRITES, RECOVERY_LIMIT_MS);
  const { term, primary } = assignmentOf(installation.shard(shard));
  const startedMs = performance.now();
  const afterwards = await inflict[fault](context, primary);
  const handoff = await installation.handoffAfter(shard, term, RECOVERY_LIMIT_MS);
  await workload.moreWrites(STEADY_WRITES, RECOVERY_LIMIT_MS);
  const gapMs = Math.round(workload.history.longestGapMs(startedMs, performance.now()));
  say(`${handoff.toPod} serves in term ${handoff.term}; the client waited ${gapMs} ms`);
  await afterwards?.();
  await calm(stage);
  const {
    detectMs = fault === 'switchover' ? 0 : null,
    decideMs = null,
    fenceMs = null,
    serveMs = null,
  } = handoff;
  return { fault, shard, gapMs, detectMs, decideMs, fenceMs, serveMs, handoff };
}

/**
 * A shard to inflict the fault on: for a silent node one whose primary lives apart from the leading operator, since losing that too is another
 * fault. `preferred` is taken when it will do; when no primary lives apart, one is moved by a switchover.
 */
export async function chooseShard(fault: FaultName, stage: Stage, preferred: string): Promise<string> {
  if (fault !== 'node-silent') return preferred;
  const { installation } = stage;
  await calm(stage);
  const apart = async (shard: string): Promise<boolean> => {
    const { primary } = assignmentOf(installation.shard(shard));
    return installation.nodeOf(primary) !== (await installation.leadingOperator()).node;
  };
  for (const shard of [preferred, ...stage.workloads.keys()]) if (await apart(shard)) return shard;
  const { term } = assignmentOf(installation.shard(preferred));
  await installation.annotateShard(preferred, { 'holdfast.dev/switchover': 'any' });
  await installation.handoffAfter(preferred, term, RECOVERY_LIMIT_MS);
  if (await apart(preferred)) return preferred;
  throw new HarnessError('NO_TARGET', 'every primary lives on the node of the leading operator');
}

/** Resolves when the operator and every shard that has a client are whole (X1). */
async function calm({ installation, workloads }: Stage): Promise<void> {
  const shards = [...workloads.keys()].map((shard) => installation.settled(shard, RECOVERY_LIMIT_MS));
  await Promise.all([installation.operatorsReady(RECOVERY_LIMIT_MS), ...shards]);
}

function placement({ cluster, installation }: Stage, pod: string): { readonly podIP: string } {
  const found = cluster
    .pods()
    .find(({ namespace, name }) => namespace === installation.namespace && name === pod);
  if (found === undefined) throw new HarnessError('NO_SUCH_POD', `pod ${pod} does not run on any node`);
  return found;
}

function assignmentOf(shard: ShardObject): { readonly term: number; readonly primary: string } {
  const assignment = shard.status?.assignment;
  if (assignment === undefined)
    throw new HarnessError('NO_PRIMARY', `shard ${shard.metadata.name} has no primary`);
  return assignment;
}
