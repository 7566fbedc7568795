import { describe, expect, test } from '@jest/globals';
import { ANNOTATIONS, EXIT, KINDS, LABELS, lastWords } from '../../src/api/index.ts';
import { RESOURCES } from '../../src/kube/index.ts';
import { NAMESPACE, ScriptedCluster } from './testing/scripted-cluster.ts';

const HOUR_MS = 3_600_000;

async function healthy(name = 'orders', standbys = 1) {
  const cluster = new ScriptedCluster();
  const operator = cluster.operator('op-a');
  await cluster.settledShard(name, { standbys });
  return { cluster, operator, primary: cluster.primary(name) };
}

describe('a shard that lacks what it needs', () => {
  test('a missing store: nothing is made, the shard says what is missing, and all goes well once it is there', async () => {
    const cluster = new ScriptedCluster();
    cluster.operator('op-a');
    cluster.createShard('orders');
    await cluster.pass(10_000);
    expect(cluster.condition(KINDS.shard, 'orders', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'StoreMissing',
    });
    expect(cluster.events('StoreMissing')).toHaveLength(1);
    expect(cluster.kube.all(KINDS.recoveryLog)).toEqual([]);
    expect(cluster.kube.all(RESOURCES.pod)).toEqual([]);
    cluster.createStore();
    await cluster.until('the shard is settled', () => cluster.isSettled('orders'));
  });

  test('a store that does not keep its word: refused by name, no pod is made', async () => {
    const cluster = new ScriptedCluster();
    cluster.store.add({ fault: { kind: 'lie', lie: 'condition-ignored' } });
    cluster.operator('op-a');
    cluster.createStore();
    cluster.createShard('orders');
    await cluster.pass(10_000);
    expect(cluster.condition(KINDS.journalStore, 'logs', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'StoreUnsafe',
    });
    expect(cluster.condition(KINDS.shard, 'orders', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'StoreNotReady',
    });
    expect(cluster.kube.all(RESOURCES.pod)).toEqual([]);
  });

  test('a log that another shard uses: the younger one is told so and makes nothing', async () => {
    const { cluster } = await healthy();
    await cluster.pass(2_000);
    cluster.createShard('copy', { storeRef: undefined, logRef: { name: 'orders' } });
    await cluster.pass(5_000);
    expect(cluster.condition(KINDS.shard, 'copy', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'LogInUse',
    });
    expect(cluster.podsOf('copy')).toEqual([]);
    expect(cluster.isSettled('orders')).toBe(true);
  });

  test('a log reference that names nothing is said to be missing', async () => {
    const { cluster } = await healthy();
    cluster.createShard('lost', { storeRef: undefined, logRef: { name: 'nowhere' } });
    await cluster.pass(5_000);
    expect(cluster.condition(KINDS.shard, 'lost', 'Ready')).toMatchObject({ reason: 'LogMissing' });
  });
});

describe('a log with broken hints', () => {
  test('is said to have them, and runs on; the condition clears with new hints', async () => {
    const { cluster } = await healthy();
    const hints = (value: string | null): void => {
      cluster.kube.change(
        KINDS.recoveryLog,
        { namespace: NAMESPACE, name: 'orders' },
        { metadata: { annotations: { [ANNOTATIONS.hintsPrimary]: value } } },
        'main',
        'agent',
      );
    };
    hints('{"not": "hints"');
    await cluster.until(
      'it is noticed',
      () => cluster.condition(KINDS.recoveryLog, 'orders', 'Ready')?.reason === 'HintsBroken',
    );
    await cluster.pass(1_000);
    expect(cluster.events('HintsBroken')).toHaveLength(1);
    const { status } = cluster.kube.find(KINDS.recoveryLog, { namespace: NAMESPACE, name: 'orders' })!;
    expect(status).toMatchObject({ initialized: true }); // broken is not absent (I12)
    expect(cluster.isSettled('orders')).toBe(true);
    hints(null);
    await cluster.until(
      'it is cleared',
      () => cluster.condition(KINDS.recoveryLog, 'orders', 'Ready')?.reason !== 'HintsBroken',
    );
  });
});

describe('a second operator that acts on a stale cache', () => {
  test('loses every compare-and-set: terms only grow, and what the first decided stands', async () => {
    const { cluster, operator: fresh, primary } = await healthy('orders', 2);
    const stale = cluster.operator('op-b', 'a-lease-of-its-own');
    await cluster.pass(5_000);
    stale.client.mute = true; // it hears heartbeats, and sees nothing that anybody writes from here on
    const terms: number[] = [];
    const note = (): void => {
      const term = cluster.shard('orders').status!.assignment!.term;
      if (terms.at(-1) !== term) terms.push(term);
    };
    cluster.pods.kill(primary);
    for (let i = 0; i < 500; i++) {
      await cluster.pass(10);
      note();
    }
    cluster.annotate('orders', { [ANNOTATIONS.switchover]: 'any' });
    for (let i = 0; i < 1_000; i++) {
      await cluster.pass(10);
      note();
    }
    expect(terms).toEqual([1, 2, 3]);
    expect(cluster.kube.conflicts.some((c) => c.by === 'op-b' && c.plural === 'shards')).toBe(true);
    expect(cluster.pods.doubleServing).toEqual([]);
    expect(cluster.pods.serving('orders')).toBe(cluster.primary('orders'));
    expect(fresh.end()).toBeUndefined();
  });

  test('that was paused does not move a label when it wakes up', async () => {
    const { cluster, operator: paused, primary } = await healthy();
    cluster.operator('op-b');
    await cluster.pass(3_000);
    paused.clock.pause(20_000);
    paused.client.mute = true;
    cluster.pods.kill(primary);
    await cluster.until('op-b has promoted', () => cluster.shard('orders').status!.assignment!.term === 2);
    const before = cluster.kube.writes.filter((w) => w.by === 'op-a').length;
    await cluster.pass(30_000);
    const late = cluster.kube.writes
      .slice()
      .filter((w) => w.by === 'op-a')
      .slice(before);
    expect(late.filter((w) => w.plural === 'pods' || w.plural === 'shards')).toEqual([]);
    expect(cluster.pods.serving('orders')).toBe(cluster.primary('orders'));
  });
});

describe('a cache that stands still', () => {
  test('does not make the leader make its pods a second time', async () => {
    const { cluster, operator } = await healthy();
    const made = (): number =>
      cluster.kube.writes.filter((w) => w.verb === 'create' && w.plural === 'pods').length;
    const before = made();
    cluster.patchSpec(KINDS.shard, 'orders', { standbys: 3 });
    await cluster.pass(operator.client.latencyMs + 1);
    operator.client.mute = true;
    await cluster.pass(40_000);
    expect(made() - before).toBe(2);
    operator.client.mute = false;
    operator.client.breakWatches();
    await cluster.until('four pods serve and follow', () => cluster.isSettled('orders'));
    expect(made() - before).toBe(2);
  });
});

describe('a wall clock that jumps', () => {
  test.each([HOUR_MS, -HOUR_MS])(
    'by %i ms changes nothing: no handoff, and the next one is as quick',
    async (jumpMs) => {
      const { cluster, primary } = await healthy();
      cluster.clock.jumpWall(jumpMs);
      await cluster.pass(10_000);
      expect(cluster.shard('orders').status!.assignment!.term).toBe(1);
      cluster.pods.kill(primary);
      await cluster.until('another serves', () => cluster.pods.serving('orders') !== undefined, 1_000);
      await cluster.pass(2_000);
      const record = cluster.shard('orders').status!.handoffs!.at(-1)!;
      expect(record.outcome).toBe('Completed');
      expect(record.totalMs).toBeLessThan(1_000);
    },
  );
});

describe('an API server that is away', () => {
  test('for a minute: nobody is touched, and afterwards a primary lost meanwhile is replaced', async () => {
    const { cluster, operator, primary } = await healthy();
    const other = cluster.operator('op-b');
    await cluster.pass(5_000);
    for (const { client } of [operator, other]) {
      client.cut = true;
      client.breakWatches();
    }
    await cluster.pass(30_000);
    expect(cluster.pods.serving('orders')).toBe(primary);
    expect(operator.end()).toMatchObject({ kind: 'leaseLost' }); // it restarts as a follower
    cluster.pods.kill(primary);
    await cluster.pass(30_000);
    other.client.cut = false;
    await cluster.until('another serves', () => cluster.pods.serving('orders') !== undefined, 20_000);
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
    expect(cluster.pods.doubleServing).toEqual([]);
  });
});

describe('an API server that loses answers', () => {
  test('of pod creations: no pod is made twice', async () => {
    const cluster = new ScriptedCluster();
    const operator = cluster.operator('op-a');
    let losses = 4;
    operator.client.loseAnswer = (verb, resource) =>
      verb === 'create' && resource.kind === 'Pod' && losses-- > 0;
    await cluster.settledShard('orders', { standbys: 2 });
    await cluster.pass(5_000);
    expect(cluster.kube.writes.filter((w) => w.verb === 'create' && w.plural === 'pods')).toHaveLength(3);
  });

  test('of assignments: the next look reads what stands, and no term is given twice', async () => {
    const { cluster, operator, primary } = await healthy();
    let losses = 1;
    operator.client.loseAnswer = (verb, resource, part) =>
      verb === 'patch' && resource.kind === 'Shard' && part === 'status' && losses-- > 0;
    cluster.pods.kill(primary);
    await cluster.until('another serves', () => cluster.pods.serving('orders') !== undefined);
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
    expect(cluster.pods.doubleServing).toEqual([]);
  });
});

describe('pods that end by errors again and again', () => {
  test('are replaced with a growing pause, and the shard says so', async () => {
    const { cluster } = await healthy();
    let crashes = 0;
    for (let i = 0; i < 3_000; i++) {
      await cluster.pass(20);
      for (const pod of cluster.podsOf('orders')) {
        const held = cluster.pods.pod(pod.metadata.name);
        if (!held || held.exitCode !== undefined || held.state === 'starting') continue;
        cluster.pods.kill(pod.metadata.name);
        crashes++;
      }
    }
    expect(crashes).toBeLessThan(14); // one a second without the pause
    const said = cluster.condition(KINDS.shard, 'orders', 'Progressing');
    expect(said?.reason).toBe('CrashLoop');
    expect(said?.message).toMatch(/Last one: orders-\w+: exit code 137: ended by signal 9/);
  });

  test('say why: what a pod wrote last is an event of its shard, told once', async () => {
    const { cluster } = await healthy();
    const standby = cluster.podsOf('orders').find((pod) => pod.metadata.labels?.[LABELS.role] === 'standby')!;
    const exit = { code: EXIT.localDisk, reason: 'DiskFull', detail: 'ENOSPC: no space left on device' };
    const log = `{"message":"the agent stops"}\n${JSON.stringify({ message: 'the agent ends', ...lastWords(exit) })}`;
    cluster.pods.fail(standby.metadata.name, EXIT.localDisk, log);
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    await cluster.pass(30_000);
    const told = cluster.events('PodEnded');
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told[0])).toContain(
      `Pod ${standby.metadata.name} ended: exit code 40, DiskFull: ENOSPC: no space left on device`,
    );
  });
});

describe('pods that cannot restore from the newest hints', () => {
  test('say so: an event tells once why, and the row of each pod which hints it used', async () => {
    const { cluster, primary } = await healthy();
    const row = (pod: string) => cluster.shard('orders').status!.replicas!.find((each) => each.pod === pod);
    expect(row(primary)).not.toHaveProperty('restoredFrom');
    const passedOver = [{ from: 'primary', code: 'HISTORY_LOST', problem: 'bytes 0 to 9 were pruned.' }];
    cluster.pods.hints = { from: 'backup-0', passedOver };
    cluster.pods.kill(primary);
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    await cluster.pass(30_000);
    for (const { metadata } of cluster.podsOf('orders'))
      expect(row(metadata.name)).toMatchObject({ restoredFrom: 'backup-0' });
    const told = cluster.events('HintsPassedOver').map((event) => JSON.stringify(event));
    expect(told).toHaveLength(cluster.podsOf('orders').length);
    for (const { metadata } of cluster.podsOf('orders'))
      expect(told.join()).toContain(
        `Pod ${metadata.name} restores from backup-0. primary: HISTORY_LOST: bytes 0 to 9 were pruned.`,
      );
  });
});

describe('what a person asks of a shard', () => {
  test('paused: a lost primary is not replaced until it is no longer paused', async () => {
    const { cluster, primary } = await healthy();
    cluster.patchSpec(KINDS.shard, 'orders', { paused: true });
    await cluster.pass(1_000);
    cluster.pods.kill(primary);
    await cluster.pass(10_000);
    expect(cluster.shard('orders').status!.assignment!.term).toBe(1);
    expect(cluster.condition(KINDS.shard, 'orders', 'Ready')).toMatchObject({ status: 'False' });
    cluster.patchSpec(KINDS.shard, 'orders', { paused: false });
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
  });

  test('suspended: all pods go, the primary last; resumed: it serves again in a later term', async () => {
    const { cluster } = await healthy();
    cluster.patchSpec(KINDS.shard, 'orders', { suspend: true });
    await cluster.until('all pods are gone', () => cluster.podsOf('orders').length === 0);
    await cluster.pass(1_000);
    expect(cluster.shard('orders').status!.phase).toBe('Suspended');
    cluster.patchSpec(KINDS.shard, 'orders', { suspend: false });
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    expect(cluster.shard('orders').status!.assignment!.term).toBe(2);
  });

  test('more standbys, then fewer: made at once, removed one by one, the primary untouched', async () => {
    const { cluster, primary } = await healthy();
    cluster.patchSpec(KINDS.shard, 'orders', { standbys: 3 });
    await cluster.until(
      'four pods',
      () => cluster.podsOf('orders').length === 4 && cluster.isSettled('orders'),
    );
    cluster.patchSpec(KINDS.shard, 'orders', { standbys: 1 });
    await cluster.until('two pods', () => cluster.podsOf('orders').length === 2);
    expect(cluster.primary('orders')).toBe(primary);
    expect(cluster.pods.serving('orders')).toBe(primary);
  });

  test('its end: the pods go with it, the log stays, and a new shard of the name goes on with it in a later term', async () => {
    const { cluster } = await healthy();
    const generation = cluster.kube.find(KINDS.recoveryLog, { namespace: NAMESPACE, name: 'orders' })![
      'status'
    ];
    cluster.kube.remove(KINDS.shard, { namespace: NAMESPACE, name: 'orders' }, 'user');
    await cluster.until('the pods are gone', () => cluster.podsOf('orders').length === 0);
    await cluster.settledShard('orders');
    expect(
      cluster.kube.find(KINDS.recoveryLog, { namespace: NAMESPACE, name: 'orders' })!['status'],
    ).toMatchObject({
      generation: (generation as { generation: string }).generation,
    });
  });

  test('a drained node: the primary moves away before it is evicted', async () => {
    const { cluster, primary } = await healthy();
    const { node } = cluster.pods.pod(primary);
    cluster.kube.change(RESOURCES.node, { name: node }, { spec: { unschedulable: true } }, 'all', 'user');
    await cluster.until('it has moved', () => cluster.primary('orders') !== primary);
    await cluster.until('the shard is whole again', () => cluster.isSettled('orders'));
    expect(cluster.shard('orders').status!.assignment).toMatchObject({ reason: 'NodeDrain', planned: true });
  });
});

describe('an operator that is asked to stop', () => {
  test('releases the lease, and the other one leads within two seconds', async () => {
    const { cluster, operator } = await healthy();
    cluster.operator('op-b');
    await cluster.pass(3_000);
    operator.stop();
    await cluster.until('op-b leads', () => cluster.leader === 'op-b', 2_000);
    expect(operator.end()).toMatchObject({ kind: 'stopped', leaseReleased: true });
  });
});
