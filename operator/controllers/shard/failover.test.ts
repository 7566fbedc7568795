import { describe, expect, test } from '@jest/globals';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';

async function healthy(standbys = 1) {
  const cluster = new ScriptedCluster();
  const operator = cluster.operator('op-a');
  await cluster.settledShard('orders', { standbys });
  return { cluster, operator, primary: cluster.primary('orders') };
}

describe('a new shard', () => {
  test('gets its log, its pods, its first primary, and is told ready', async () => {
    const { cluster, primary } = await healthy();
    const { status } = cluster.shard('orders');
    expect(status).toMatchObject({
      assignment: { term: 1, primary, reason: 'FirstAssignment', planned: false },
      phase: 'Healthy',
      readyReplicas: 2,
      selector: 'holdfast.dev/shard=orders',
      handoffs: [{ term: 1, toPod: primary, outcome: 'Completed', fenceMs: 30, replayMs: 10 }],
    });
    expect(cluster.podsOf('orders')).toHaveLength(2);
    expect(cluster.pods.serving('orders')).toBe(primary);
  });
});

describe('a primary that is lost', () => {
  test('by its process: the standby serves within a second, and the record says how long each step took', async () => {
    const { cluster, primary } = await healthy();
    cluster.pods.kill(primary);
    const tookMs = await cluster.until('another serves', () => cluster.pods.serving('orders') !== undefined);
    expect(tookMs).toBeLessThan(1_000);
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    const { status } = cluster.shard('orders');
    expect(status!.assignment).toMatchObject({ term: 2, reason: 'PrimaryGone', from: primary });
    const record = status!.handoffs!.at(-1)!;
    expect(record).toMatchObject({ outcome: 'Completed', fromPod: primary, fenceMs: 30 });
    const { detectMs, decideMs, fenceMs, replayMs, serveMs, totalMs } = record;
    expect(detectMs! + decideMs! + fenceMs! + replayMs! + serveMs!).toBeCloseTo(totalMs!, -1);
    expect(cluster.pods.doubleServing).toEqual([]);
  });
});
