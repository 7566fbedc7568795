/**
 * The leading operator loses touch at the very moment in which a primary dies; the other one decides; then the first comes back with a cache
 * and a lead of long ago. A decided handoff stays decided (I8): every term has one primary, and terms only grow.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, PodPlacement } from '../cluster/index.ts';
import { Stage } from '../harness/stage.ts';

const RECOVERY_MS = 60_000;
const STEADY_WRITES = 20;
/** Time for an operator that is back to do what it should not. */
const TEMPTATION_MS = 8_000;

let stage: Stage;
let shards: readonly string[];
/** Everything that any assignment has ever said, by shard. */
const told = new Map<string, { readonly term: number; readonly primary: string }[]>();

beforeAll(async () => {
  stage = await Stage.start();
  ({ shards } = await stage.quickstart());
  await stage.work(shards);
  const look = (): void => {
    for (const { metadata, status } of stage.installation.shards()) {
      if (status?.assignment === undefined) continue;
      const { term, primary } = status.assignment;
      const history = told.get(metadata.name) ?? [];
      const last = history.at(-1);
      if (last?.term !== term || last.primary !== primary) history.push({ term, primary });
      told.set(metadata.name, history);
    }
  };
  look();
  stage.installation.onShardChange(look);
}, 300_000);
afterAll(async () => {
  await stage?.stop();
});

/** A shard whose primary lives on another node than the leader, so that it is not touched by what is done to the leader's. */
function shardApartFrom(leader: PodPlacement): {
  readonly shard: string;
  readonly primary: string;
  readonly term: number;
} {
  for (const shard of shards) {
    const { primary, term } = stage.installation.shard(shard).status!.assignment!;
    if (stage.installation.nodeOf(primary) !== leader.node) return { shard, primary, term };
  }
  throw new Error('every primary lives on the node of the leading operator');
}

const losesTouch: readonly (readonly [
  story: string,
  lose: (cluster: Cluster, leader: PodPlacement) => void,
  back: (cluster: Cluster, leader: PodPlacement) => void,
])[] = [
  [
    'is frozen, and thawed',
    (cluster, { namespace, name }) => cluster.freezePod(namespace, name),
    (cluster, { namespace, name }) => cluster.thawPod(namespace, name),
  ],
  [
    'is cut off from the API server, and connected again',
    (cluster, { node }) => cluster.node(node).cut('api'),
    (cluster, { node }) => cluster.node(node).heal('api'),
  ],
];

test.each(losesTouch)(
  'a leader that %s after the other has decided: the decision stands',
  async (_story, lose, back) => {
    const { cluster, installation } = stage;
    await installation.operatorsReady(RECOVERY_MS);
    await Promise.all(shards.map((shard) => installation.settled(shard, RECOVERY_MS)));
    const leader = await installation.leadingOperator();
    const { shard, primary, term } = shardApartFrom(leader);
    lose(cluster, leader);
    cluster.killPod(installation.namespace, primary);
    const handoff = await installation.handoffAfter(shard, term, RECOVERY_MS);
    await stage.workload(shard).moreWrites(STEADY_WRITES, RECOVERY_MS);
    expect((await installation.leadingOperator()).name).not.toBe(leader.name);
    back(cluster, leader);
    await sleep(TEMPTATION_MS);
    const { assignment } = installation.shard(shard).status!;
    expect(assignment).toMatchObject({ term: handoff.term, primary: handoff.toPod });
    await stage.workload(shard).moreWrites(STEADY_WRITES, RECOVERY_MS);
  },
  150_000,
);

test('every term of every shard had one primary, terms only grew, and nothing is lost', async () => {
  for (const shard of shards) {
    const terms = told.get(shard)!.map(({ term }) => term);
    expect(terms).toEqual([...new Set(terms)].sort((a, b) => a - b));
    expect(await stage.workload(shard).finish()).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
  }
}, 120_000);
