/**
 * A clock that jumps an hour ahead and then an hour behind, on a primary, on a standby and on the leading operator: no decision about safety
 * looks at a clock, so nothing is lost and no read is stale, whatever else comes of it.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Stage } from '../harness/stage.ts';

const RECOVERY_MS = 60_000;
const STEADY_WRITES = 100;
const SHARD = 'orders';
/** Ahead, behind, right again. */
const JUMPS = 3;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.startWith(new URL('testing/jumping-clock.mjs', import.meta.url), SHARD);
}, 300_000);
afterAll(async () => {
  await stage?.stop();
});

function replica(role: string): string {
  const found = stage.installation.shard(SHARD).status?.replicas?.find((each) => each.role === role);
  if (found === undefined) throw new Error(`${SHARD} has no ${role}`);
  return found.pod;
}

async function target(who: 'primary' | 'standby' | 'operator'): Promise<[namespace: string, name: string]> {
  if (who !== 'operator') return [stage.installation.namespace, replica(who)];
  const leader = await stage.installation.leadingOperator();
  return [leader.namespace, leader.name];
}

test.each(['primary', 'standby', 'operator'] as const)(
  'on the %s: writes go on with the clock ahead, behind, and right again',
  async (who) => {
    const { cluster, installation } = stage;
    await installation.operatorsReady(RECOVERY_MS);
    await installation.settled(SHARD, RECOVERY_MS);
    const [namespace, name] = await target(who);
    let said = 0;
    while (said < JUMPS) {
      if (!cluster.pods().some((pod) => pod.name === name)) break; // it has been replaced, which is an answer too
      cluster.killPod(namespace, name, 'SIGUSR2');
      await stage.workload(SHARD).moreWrites(STEADY_WRITES, RECOVERY_MS);
      said += 1;
      const log = await cluster.podLogs(namespace, name);
      expect(log.split('the clock now says').length - 1).toBe(said);
    }
  },
  120_000,
);

test('nothing that was acknowledged is lost, no read was stale, and the shard is whole', async () => {
  await stage.installation.settled(SHARD, RECOVERY_MS);
  expect(await stage.workload(SHARD).finish()).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
}, 120_000);
