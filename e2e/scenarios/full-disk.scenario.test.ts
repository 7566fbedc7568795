/**
 * The disk of a pod is full: the pod stops by itself and says why, another serves, and nothing is lost.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXIT } from '../../src/api/index.ts';
import { untilEvent } from '../harness/objects.ts';
import { Stage } from '../harness/stage.ts';

const RECOVERY_MS = 60_000;
const STEADY_WRITES = 50;
const SHARD = 'users';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.startWith(new URL('testing/full-disk.mjs', import.meta.url), SHARD);
}, 300_000);
afterAll(async () => {
  await stage?.stop();
});

async function fillDiskOf(role: 'primary' | 'standby'): Promise<string> {
  const { cluster, installation } = stage;
  await installation.settled(SHARD, RECOVERY_MS);
  await stage.workload(SHARD).moreWrites(STEADY_WRITES, RECOVERY_MS);
  const { pod } = installation.shard(SHARD).status!.replicas!.find((each) => each.role === role)!;
  const end = installation.exitOf(pod, RECOVERY_MS);
  cluster.killPod(installation.namespace, pod, 'SIGUSR2');
  expect(await end).toMatch(new RegExp(`^(exit code ${EXIT.localDisk}, )?\\{.*ENOSPC`));
  expect(await untilEvent(stage.cluster, ['Shard', SHARD], 'PodEnded', pod)).toMatch(
    new RegExp(`exit code ${EXIT.localDisk}, DiskFull: .*ENOSPC`),
  );
  return pod;
}

test("the primary's: it stops, and its standby takes over", async () => {
  const { term } = stage.installation.shard(SHARD).status!.assignment!;
  const pod = await fillDiskOf('primary');
  const handoff = await stage.installation.handoffAfter(SHARD, term, RECOVERY_MS);
  expect(handoff).toMatchObject({ outcome: 'Completed', fromPod: pod });
  expect(await untilEvent(stage.cluster, ['Shard', SHARD], 'HandoffCompleted')).toContain(SHARD);
}, 150_000);

test("a standby's: it is replaced, and the primary never notices", async () => {
  await stage.installation.settled(SHARD, RECOVERY_MS);
  const { term, primary } = stage.installation.shard(SHARD).status!.assignment!;
  await fillDiskOf('standby');
  await stage.installation.settled(SHARD, RECOVERY_MS);
  expect(stage.installation.shard(SHARD).status!.assignment).toMatchObject({ term, primary });
}, 150_000);

test('nothing that was acknowledged is lost and no read was stale', async () => {
  await stage.workload(SHARD).moreWrites(STEADY_WRITES, RECOVERY_MS);
  expect(await stage.workload(SHARD).finish()).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
}, 120_000);
