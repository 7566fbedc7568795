/**
 * Parts that everybody needs are away for a while in the middle of the work: the object store, the API server. Nobody is replaced for
 * it, writes wait or go on, and nothing is lost. (An API server that is away for a minute: api-away.full.test.ts.)
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from '../../src/api/index.ts';
import { applyObjects, kvShard, s3Store, untilCondition, untilEvent } from '../harness/objects.ts';
import { Stage } from '../harness/stage.ts';

const STORE_AWAY_MS = 6_000;
const API_AWAY_SHORTLY_MS = 1_000;
const RECOVERY_MS = 30_000;
const STEADY_WRITES = 20;

let stage: Stage;
let shards: readonly string[];

beforeAll(async () => {
  stage = await Stage.start();
  ({ shards } = await stage.quickstart());
  await stage.work(shards);
}, 300_000);
afterAll(async () => {
  await stage?.stop();
});

test.each([
  ['killed and started again', 'kill', 'restart'],
  ['frozen and thawed', 'pause', 'resume'],
] as const)('a store that is %s: writes wait for it, and nobody is replaced', async (_story, away, back) => {
  await stage.allWrite(shards, STEADY_WRITES, RECOVERY_MS);
  const before = stage.assignments(shards);
  const writes = shards.map((shard) => stage.workload(shard).history.acknowledgedCount);
  await stage.store[away]();
  await sleep(STORE_AWAY_MS);
  // One write a client can have been under way.
  shards.forEach((shard, at) =>
    expect(stage.workload(shard).history.acknowledgedCount).toBeLessThanOrEqual(writes[at]! + STEADY_WRITES),
  );
  await stage.store[back]();
  await stage.allWrite(shards, STEADY_WRITES, RECOVERY_MS);
  await Promise.all(shards.map((shard) => stage.installation.settled(shard, RECOVERY_MS)));
  expect(stage.assignments(shards)).toEqual(before);
});

test('a store that is away for longer than a primary waits: it stops by itself, says why, and its successor has everything', async () => {
  const { cluster, store, installation } = stage;
  await applyObjects(
    cluster,
    ...s3Store('hasty', store, store, { groupCommit: { giveUpMs: 1_000 } }),
    kvShard('hasty', 'hasty'),
  );
  await untilCondition(cluster, ['shards', 'hasty', 'Ready'], { status: 'True' });
  await stage.work(['hasty']);
  const { primary } = installation.shard('hasty').status!.assignment!;
  const end = installation.exitOf(primary, RECOVERY_MS);
  await store.kill();
  await sleep(STORE_AWAY_MS);
  await store.restart();
  expect(await end).toContain('STORE_UNREACHABLE');
  expect(await end).toMatch(new RegExp(`^(exit code ${EXIT.storeRefused}, )?\\{`));
  expect(await untilEvent(cluster, ['Shard', 'hasty'], 'PodEnded', primary)).toMatch(
    new RegExp(`exit code ${EXIT.storeRefused}, StoreUnreachable: `),
  );
  await untilCondition(cluster, ['shards', 'hasty', 'Ready'], { status: 'True' });
  expect(await untilEvent(cluster, ['Shard', 'hasty'], 'HandoffCompleted')).toContain('hasty-');
  await stage.workload('hasty').moreWrites(STEADY_WRITES, RECOVERY_MS);
  expect(await stage.workload('hasty').finish()).toMatchObject({ lost: 0, staleReads: 0 });
}, 120_000);

test('a primary that dies while the API server is away is replaced when it is back', async () => {
  const [shard] = shards;
  const { installation, cluster } = stage;
  const { term, primary } = installation.shard(shard!).status!.assignment!;
  await cluster.apiServer.kill();
  cluster.killPod(installation.namespace, primary);
  await sleep(API_AWAY_SHORTLY_MS);
  await cluster.apiServer.restart();
  const handoff = await installation.handoffAfter(shard!, term, RECOVERY_MS);
  expect(handoff).toMatchObject({ outcome: 'Completed', fromPod: primary });
  await stage.workload(shard!).moreWrites(STEADY_WRITES, RECOVERY_MS);
}, 90_000);

test('nothing that was acknowledged is lost and no read was stale', async () => {
  for (const shard of shards)
    expect(await stage.workload(shard).finish()).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
}, 60_000);
