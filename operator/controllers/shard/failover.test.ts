import { describe, expect, test } from '@jest/globals';
import { ANNOTATIONS, LABELS } from '../../../src/api/index.ts';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';

async function healthy(standbys = 1) {
  const cluster = new ScriptedCluster();
  const operator = cluster.operator('op-a');
  await cluster.settledShard('orders', { standbys });
  const primary = cluster.primary('orders');
  const nextServes = async (): Promise<number> => {
    const ms = await cluster.until('another serves', () => {
      const serving = cluster.pods.serving('orders');
      return serving !== undefined && serving !== primary;
    });
    return ms;
  };
  const whole = (): Promise<number> =>
    cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
  const request = (): string | undefined =>
    cluster.shard('orders').metadata.annotations?.[ANNOTATIONS.switchover];
  return { cluster, operator, primary, nextServes, whole, request };
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

  test('of none but a primary is ready with it', async () => {
    const { cluster } = await healthy(0);
    expect(cluster.podsOf('orders')).toHaveLength(1);
  });

  test('at peace costs few writes', async () => {
    const { cluster } = await healthy();
    await cluster.pass(15_000);
    const before = cluster.kube.writes.filter((w) => w.by === 'op-a' && w.plural !== 'leases').length;
    await cluster.pass(60_000);
    const after = cluster.kube.writes.filter((w) => w.by === 'op-a' && w.plural !== 'leases').length;
    expect(after - before).toBeLessThanOrEqual(8); // positions, every ten seconds or so
  });
});

describe('a primary that is lost', () => {
  test('by its process: the standby serves within a second, and the record says how long each step took', async () => {
    const { cluster, primary, nextServes, whole } = await healthy();
    cluster.pods.kill(primary);
    expect(await nextServes()).toBeLessThan(1_000);
    await whole();
    const { status } = cluster.shard('orders');
    expect(status!.assignment).toMatchObject({ term: 2, reason: 'PrimaryGone', from: primary });
    const record = status!.handoffs!.at(-1)!;
    expect(record).toMatchObject({ outcome: 'Completed', fromPod: primary, fenceMs: 30 });
    const { detectMs, decideMs, fenceMs, replayMs, serveMs, totalMs } = record;
    expect(detectMs! + decideMs! + fenceMs! + replayMs! + serveMs!).toBeCloseTo(totalMs!, -1);
    expect(cluster.pods.doubleServing).toEqual([]);
    expect(cluster.podsOf('orders')).toHaveLength(2);
    expect(cluster.events('HandoffStarted').at(-1)!.message).toContain(record.evidence);
    expect(cluster.events('HandoffCompleted')).toHaveLength(2);
  });

  test('by silence: one of two standbys serves within six seconds, and the thawed zombie is fenced', async () => {
    const { cluster, primary, nextServes, whole } = await healthy(2);
    cluster.pods.freeze(primary, 20_000);
    const tookMs = await nextServes();
    expect(tookMs).toBeGreaterThan(2_000);
    expect(tookMs).toBeLessThan(6_000);
    expect(cluster.shard('orders').status!.assignment).toMatchObject({ term: 2, reason: 'PrimarySilent' });
    await cluster.pass(20_000);
    await whole();
    expect(cluster.pods.names).not.toContain(primary);
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
    expect(cluster.pods.doubleServing).toEqual([]);
  });

  test('together with the leading operator: the other operator has heard it all and acts within twelve seconds', async () => {
    const { cluster, operator, primary, nextServes, whole } = await healthy();
    const other = cluster.operator('op-b');
    await cluster.pass(5_000);
    expect(cluster.leader).toBe('op-a');
    cluster.kill(operator);
    cluster.pods.kill(primary);
    expect(await nextServes()).toBeLessThan(12_000);
    await whole();
    expect(cluster.leader).toBe('op-b');
    expect(cluster.shard('orders').status!.handoffs!.at(-1)).toMatchObject({ term: 2, outcome: 'Completed' });
    expect(other.end()).toBeUndefined();
    expect(operator.end()).toMatchObject({ kind: 'leaseLost' });
  });

  test('twice: the primary dies again while it takes over, and its record says that it failed', async () => {
    const { cluster, primary, whole } = await healthy(2);
    cluster.pods.kill(primary);
    await cluster.until(
      'the second is assigned',
      () => cluster.shard('orders').status!.assignment!.term === 2,
    );
    cluster.pods.kill(cluster.primary('orders'));
    await cluster.until('the third serves', () => {
      const { assignment } = cluster.shard('orders').status!;
      return assignment!.term === 3 && cluster.pods.serving('orders') === assignment!.primary;
    });
    await whole();
    const outcomes = cluster.shard('orders').status!.handoffs!.map((h) => [h.term, h.outcome]);
    expect(outcomes).toEqual([
      [1, 'Completed'],
      [2, 'Failed'],
      [3, 'Completed'],
    ]);
  });

  test('with nobody to follow it: a new pod restores and takes over', async () => {
    const { cluster, primary, nextServes, whole } = await healthy(0);
    cluster.pods.kill(primary);
    await nextServes();
    await whole();
    expect(cluster.events('HandoffWithheld').some((e) => e.message.startsWith('NoCandidate'))).toBe(true);
  });

  test('the service follows: the label primary is on one pod at most, at every moment', async () => {
    const { cluster, primary, nextServes } = await healthy();
    let most = 0;
    const labelled = (): readonly string[] =>
      cluster
        .podsOf('orders')
        .filter((pod) => pod.metadata.labels?.[LABELS.role] === 'primary')
        .map((pod) => pod.metadata.name);
    const watch = async (): Promise<void> => {
      for (let i = 0; i < 1_000; i++) {
        most = Math.max(most, labelled().length);
        await cluster.clock.sleep(1);
      }
    };
    void watch();
    cluster.pods.kill(primary);
    await nextServes();
    await cluster.pass(1_500);
    expect(most).toBe(1);
    expect(labelled()).toEqual([cluster.primary('orders')]);
  });
});

describe('a switchover that was asked for', () => {
  test('is done once, and the annotation goes', async () => {
    const { cluster, primary, nextServes, whole, request } = await healthy();
    cluster.annotate('orders', { [ANNOTATIONS.switchover]: 'any' });
    expect(await nextServes()).toBeLessThan(1_000);
    await whole();
    await cluster.pass(10_000);
    expect(request()).toBeUndefined();
    expect(cluster.shard('orders').status).toMatchObject({
      assignment: { term: 2, reason: 'Switchover', planned: true, from: primary },
    });
    expect(cluster.events('SwitchoverAccepted')).toHaveLength(1);
    const record = cluster.shard('orders').status!.handoffs!.at(-1)!;
    expect(record).toMatchObject({
      outcome: 'Completed',
      detectMs: expect.any(Number),
      totalMs: expect.any(Number),
    });
  });

  test('is done once although the annotation cannot be taken off for a while', async () => {
    const { cluster, operator, nextServes, request } = await healthy();
    let refusing = true;
    operator.client.refuse = (verb, resource, part) =>
      refusing && verb === 'patch' && resource.kind === 'Shard' && part === 'main';
    cluster.annotate('orders', { [ANNOTATIONS.switchover]: 'any' });
    await nextServes();
    await cluster.pass(20_000);
    expect(request()).toBe('any');
    refusing = false;
    await cluster.until('the annotation is off', () => request() === undefined);
    await cluster.pass(10_000);
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
    expect(cluster.shard('orders').status!.handoffs!.at(-1)!.outcome).toBe('Completed');
  });

  test('is done once although the operator dies before it has taken the annotation off', async () => {
    const { cluster, operator, nextServes, request, whole } = await healthy();
    operator.client.refuse = (verb, resource, part) =>
      verb === 'patch' && resource.kind === 'Shard' && part === 'main';
    cluster.operator('op-b');
    await cluster.pass(3_000);
    cluster.annotate('orders', { [ANNOTATIONS.switchover]: 'any' });
    await nextServes();
    cluster.kill(operator);
    await cluster.until('the annotation is off', () => request() === undefined);
    await whole();
    await cluster.pass(10_000);
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
  });

  test('to a pod that does not exist is refused, and the annotation goes', async () => {
    const { cluster, primary, request } = await healthy();
    cluster.annotate('orders', { [ANNOTATIONS.switchover]: 'nobody' });
    await cluster.until('it is answered', () => request() === undefined);
    expect(cluster.events('SwitchoverRefused')[0]!.message).toContain('UnknownPod');
    expect(cluster.primary('orders')).toBe(primary);
  });
});
