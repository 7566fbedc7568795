/**
 * The API server is away for a minute: data goes on without it.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stage } from '../harness/stage.ts';

const API_AWAY_MS = 60_000;
const RECOVERY_MS = 30_000;
/**
 * An operator that ended because it could not renew its lease is started again by its node, after the back-off that nodes have; and the controllers of
 * Kubernetes itself wait up to a minute before they look at an API server again that was away for one.
 */
const AFTER_OUTAGE_MS = 90_000;
const STEADY_WRITES = 20;
/** A writer notices nothing; this is far above the noise of a busy machine. */
const UNNOTICED_MS = 2_500;

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

test('writes go on as if nothing had happened, and nobody is replaced', async () => {
  await stage.allWrite(shards, STEADY_WRITES, RECOVERY_MS);
  const before = stage.assignments(shards);
  const startedMs = performance.now();
  await stage.cluster.apiServer.kill();
  await sleep(API_AWAY_MS);
  await stage.allWrite(shards, STEADY_WRITES, RECOVERY_MS);
  const awayUntilMs = performance.now();
  for (const shard of shards)
    expect(stage.workload(shard).history.longestGapMs(startedMs, awayUntilMs)).toBeLessThan(UNNOTICED_MS);
  await stage.cluster.apiServer.restart();
  await Promise.all(shards.map((shard) => stage.installation.settled(shard, AFTER_OUTAGE_MS)));
  await stage.installation.operatorPodsReady(AFTER_OUTAGE_MS);
  expect(stage.assignments(shards)).toEqual(before);
}, 280_000);

test('nothing that was acknowledged is lost and no read was stale', async () => {
  for (const shard of shards)
    expect(await stage.workload(shard).finish()).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
}, 60_000);
