/**
 * Several clusters on one machine, as a scenario run beside a demo makes them: none of them notices the other.
 */
import { expect, test } from '@jest/globals';
import { claimAddressBlock } from './address-block.ts';
import { startCluster, type Cluster } from './index.ts';
import { ask, runPod, TEST_IMAGES } from './testing/index.ts';

/** A pod that the scheduler places, and one on every node; each has the same pod IP as its twin in the other cluster. */
async function populate(cluster: Cluster): Promise<void> {
  const placed = cluster.nodes.map(({ name }) => runPod(cluster, `on-${name}`, { node: name }));
  await Promise.all([runPod(cluster, 'scheduled'), ...placed]);
}

test('two clusters at once schedule, give the same pod IPs, and each reaches its own pods only', async () => {
  const clusters = await Promise.all([1, 2].map(() => startCluster({ images: TEST_IMAGES })));
  try {
    await Promise.all(clusters.map(populate));
    const dialled = clusters.map((cluster) => cluster.pods().map(({ dialAddress }) => dialAddress));
    expect(new Set(dialled.flat()).size).toBe(2 * (clusters[0]!.nodes.length + 1));
    for (const cluster of clusters) {
      const [from, to] = cluster.pods().filter(({ name }) => name.startsWith('on-'));
      const pod = await cluster.waitForPod('default', from!.name, () => true);
      const url = `http://${to!.podIP}:8080/name`;
      const answer = await ask<{ text: string }>(cluster, pod, '/get', { url });
      expect(JSON.parse(answer.text)).toEqual({ name: to!.name });
    }
    const ips = clusters.map((cluster) => cluster.pods().map(({ podIP }) => podIP));
    expect(ips[0]!.filter((ip) => ips[1]!.includes(ip)).length).toBeGreaterThanOrEqual(3);
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
  }
});

test('an address block has one owner, and is free again when that one lets go', async () => {
  const taken = [];
  try {
    for (;;) taken.push(await claimAddressBlock());
  } catch (error) {
    expect(error).toMatchObject({ code: 'NO_ADDRESS_BLOCK' });
  }
  expect(new Set(taken.map(({ pods }) => pods)).size).toBe(taken.length);
  const [first, ...others] = taken;
  await first!.release();
  const again = await claimAddressBlock();
  expect(again.pods).toBe(first!.pods);
  expect(() => again.gateway(16)).toThrow('at most 15 nodes');
  await Promise.all([again, ...others].map((block) => block.release()));
});
