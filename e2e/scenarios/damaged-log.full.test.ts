/**
 * What a log or its hints may look like on a bad day: an unreadable annotation, a first slot that is gone, two pods that were told the same
 * term. Damage is an error with a place, never an empty start; and whoever comes second is stopped by the log.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ANNOTATIONS, EXIT } from '../../src/api/index.ts';
import { runFault } from '../harness/faults.ts';
import { getObject, untilCondition, untilEvent } from '../harness/objects.ts';
import { Stage } from '../harness/stage.ts';

const RECOVERY_MS = 60_000;
const STEADY_WRITES = 50;

let stage: Stage;
const SHARD = 'orders';
const OTHER = 'carts';

beforeAll(async () => {
  stage = await Stage.start();
  await stage.quickstart();
  await stage.work([SHARD, OTHER]);
}, 300_000);
afterAll(async () => {
  await stage?.stop();
});

async function kubectl(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await stage.cluster.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const hints = async (): Promise<string | undefined> =>
  (await getObject(stage.cluster, 'recoverylogs', SHARD))?.metadata.annotations?.[ANNOTATIONS.hintsPrimary];

test('hints that nobody can read are called broken, a failover works without them, and the new primary replaces them', async () => {
  const { cluster } = stage;
  await stage.workload(SHARD).moreWrites(STEADY_WRITES, RECOVERY_MS);
  await kubectl('annotate', '--overwrite', 'recoverylog', SHARD, `${ANNOTATIONS.hintsPrimary}={"broken`);
  const message = await untilCondition(cluster, ['recoverylogs', SHARD, 'Ready'], {
    status: 'False',
    reason: 'HintsBroken',
  });
  expect(message).toContain(ANNOTATIONS.hintsPrimary);
  await untilEvent(cluster, ['RecoveryLog', SHARD], 'HintsBroken');
  await runFault('process-killed', { stage, shard: SHARD, say: () => {} });
  await untilCondition(cluster, ['recoverylogs', SHARD, 'Ready'], { status: 'True' });
  expect(await hints()).not.toBe('{"broken');
}, 150_000);

test('two pods are told the same term: the log lets one of them append, the other stops as fenced', async () => {
  const { cluster, installation } = stage;
  const operators = installation.operatorPods();
  await kubectl('patch', 'shard', OTHER, '--type=merge', '-p', '{"spec":{"standbys":2}}');
  await stage.until(
    'two standbys that tail',
    () =>
      (installation.shard(OTHER).status?.replicas ?? []).filter(({ state }) => state === 'tailing').length ===
      2,
    RECOVERY_MS,
  );
  const { status } = installation.shard(OTHER);
  const [first, second] = status!.replicas!.flatMap(({ pod, role }) => (role === 'standby' ? [pod] : []));
  const term = status!.assignment!.term + 1;
  const ends = [first!, second!].map(async (pod) => ({
    pod,
    end: await installation.exitOf(pod, RECOVERY_MS),
  }));
  // Nobody corrects what we write: both operators stand still meanwhile.
  for (const { namespace, name } of operators) cluster.freezePod(namespace, name);
  const tell = (primary: string): Promise<string> =>
    kubectl(
      'patch',
      'shard',
      OTHER,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({
        status: {
          assignment: { term, primary, planned: false, reason: 'Test', since: new Date().toISOString() },
        },
      }),
    );
  await tell(first!);
  await stage.until(
    'the first to have fenced',
    async () => (await cluster.podLogs('default', first!)).includes('journal fenced'),
    RECOVERY_MS,
  );
  await tell(second!);
  const loser = await Promise.race(ends);
  for (const { namespace, name } of operators) cluster.thawPod(namespace, name);
  expect(loser.end).toMatch(/Fenced|FENCED|StaleTerm|STALE_TERM/);
  expect(loser.end).toMatch(new RegExp(`^(exit code ${EXIT.fenced}, )?\\{`));
  expect(await untilEvent(cluster, ['Shard', OTHER], 'PodEnded', loser.pod)).toMatch(
    new RegExp(`exit code ${EXIT.fenced}, Fenced: `),
  );
  await installation.settled(OTHER, RECOVERY_MS);
  await stage.workload(OTHER).moreWrites(STEADY_WRITES, RECOVERY_MS);
  expect(await stage.workload(OTHER).finish()).toMatchObject({ lost: 0, staleReads: 0 });
}, 150_000);

/** The objects that hold the first bytes of a log: its first slot, and the fragments that begin there once it was compacted. */
async function firstObjectsOf(shard: string): Promise<readonly string[]> {
  const { store, cluster } = stage;
  const log = await getObject(cluster, 'recoverylogs', shard);
  const { generation } = log!.status as unknown as { generation: string };
  const root = join(store.directory, store.bucket);
  const zero = '0'.repeat(16);
  const fragments = await readdir(join(root, 'default', shard)).catch(() => []);
  return [
    join(root, '_slots', 'default', shard, generation, 'log', zero),
    ...fragments.filter((name) => name.startsWith(zero)).map((name) => join(root, 'default', shard, name)),
  ];
}

test('a log whose first bytes are gone is data loss with its place, never an empty shard; put back, everything is there', async () => {
  const { cluster, installation, store } = stage;
  const workload = stage.workload(SHARD);
  await workload.moreWrites(STEADY_WRITES, RECOVERY_MS);
  const pods = cluster.pods().flatMap(({ name }) => (name.startsWith(`${SHARD}-`) ? [name] : []));
  pods.forEach((pod) => cluster.freezePod('default', pod)); // nobody compacts any more
  const first = await firstObjectsOf(SHARD);
  const kept = (at: number): string => join(store.directory, `kept-${at}`);
  await Promise.all(first.map((path, at) => rename(path, kept(at))));
  const names = Object.values(ANNOTATIONS).filter((name) => name.includes('/hints-'));
  pods.forEach((pod) => cluster.killPod('default', pod));
  await kubectl('annotate', 'recoverylog', SHARD, ...names.map((name) => `${name}-`));
  await stage.until(
    'a pod that ends by data loss',
    async () => {
      const later = cluster.pods().filter(({ name }) => name.startsWith(`${SHARD}-`) && !pods.includes(name));
      const logs = await Promise.all(
        later.map(({ name }) => cluster.podLogs('default', name).catch(() => '')),
      );
      return logs.some((text) => text.includes('DATA_LOSS'));
    },
    RECOVERY_MS,
  );
  await untilCondition(cluster, ['shards', SHARD, 'Ready'], { status: 'False' });
  const lost = `exit code ${EXIT.dataLoss}, DataLoss: `;
  await untilEvent(cluster, ['Shard', SHARD], 'PodEnded', lost);
  const crashing = { status: 'False', reason: 'CrashLoop', containing: lost };
  await untilCondition(cluster, ['shards', SHARD, 'Progressing'], crashing);
  await Promise.all(first.map((path, at) => rename(kept(at), path)));
  await installation.settled(SHARD, RECOVERY_MS);
  await workload.moreWrites(STEADY_WRITES, RECOVERY_MS);
  expect(await workload.finish()).toMatchObject({ lost: 0, staleReads: 0 });
}, 200_000);
