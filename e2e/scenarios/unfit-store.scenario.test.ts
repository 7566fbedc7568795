/**
 * A shard whose store is missing, wrong or not there yet: nothing is made that could lose data, the objects say what is missing and since
 * when, and once it is put right the shard serves without another word.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort, startS3Server } from '../cluster/index.ts';
import { startLyingStore } from '../harness/lying-store.ts';
import { applyObjects, getObject, kvShard, s3Store, untilCondition, untilEvent } from '../harness/objects.ts';
import { Stage } from '../harness/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.start();
}, 300_000);
afterAll(async () => {
  await stage?.stop();
});

const podsOf = (shard: string): string[] =>
  stage.cluster.pods().flatMap(({ name }) => (name.startsWith(`${shard}-`) ? [name] : []));

async function servesAfterAll(shard: string): Promise<void> {
  await untilCondition(stage.cluster, ['shards', shard, 'Ready'], { status: 'True' });
  await stage.work([shard]);
  expect(await stage.workload(shard).finish()).toMatchObject({ lost: 0, staleReads: 0 });
}

test('a shard that names a missing store says so and serves once the store is there', async () => {
  const { cluster, store } = stage;
  await applyObjects(cluster, kvShard('early', 'later'));
  const message = await untilCondition(cluster, ['shards', 'early', 'Ready'], {
    status: 'False',
    reason: 'StoreMissing',
  });
  expect(message).toContain('default/later');
  expect(await untilEvent(cluster, ['Shard', 'early'], 'StoreMissing')).toContain('default/later');
  expect(podsOf('early')).toEqual([]);
  await applyObjects(cluster, ...s3Store('later', store, store));
  await servesAfterAll('early');
});

test('wrong credentials are called that, and a shard waits until they are right', async () => {
  const { cluster, store } = stage;
  const wrong = { accessKeyId: store.accessKeyId, secretAccessKey: 'not-the-secret' };
  await applyObjects(cluster, ...s3Store('locked', store, wrong), kvShard('outside', 'locked'));
  await untilCondition(cluster, ['journalstores', 'locked', 'Ready'], {
    status: 'False',
    reason: 'CredentialsRejected',
  });
  await untilEvent(cluster, ['JournalStore', 'locked'], 'CredentialsRejected');
  await untilCondition(cluster, ['shards', 'outside', 'Ready'], { status: 'False', reason: 'StoreNotReady' });
  expect(await untilEvent(cluster, ['Shard', 'outside'], 'StoreNotReady')).toContain('default/locked');
  expect(podsOf('outside')).toEqual([]);
  await applyObjects(cluster, ...s3Store('locked', store, store));
  await servesAfterAll('outside');
});

test('a store that ignores If-None-Match is refused by name, and no pod ever writes to it', async () => {
  const { cluster, store } = stage;
  const careless = await startLyingStore(store, 'condition-ignored');
  try {
    const where = { endpoint: careless.endpoint, bucket: store.bucket };
    await applyObjects(cluster, ...s3Store('careless', where, store), kvShard('refused', 'careless'));
    const message = await untilCondition(cluster, ['journalstores', 'careless', 'Ready'], {
      status: 'False',
      reason: 'StoreUnsafe',
    });
    expect(message).toContain('If-None-Match');
    expect(careless.told()).toBeGreaterThan(0);
    await untilEvent(cluster, ['JournalStore', 'careless'], 'StoreUnsafe');
    await untilCondition(cluster, ['shards', 'refused', 'Ready'], {
      status: 'False',
      reason: 'StoreNotReady',
    });
    expect(podsOf('refused')).toEqual([]);
    expect(await getObject(cluster, 'recoverylogs', 'refused')).toBeUndefined();
  } finally {
    await careless.close();
  }
});

test('a store that nobody can reach is Unknown, not bad; the shard serves when it is there', async () => {
  const { cluster } = stage;
  const port = await freePort();
  const keys = { accessKeyId: 'absent', secretAccessKey: 'absent-secret' };
  const where = { endpoint: `http://127.0.0.1:${port}`, bucket: 'absent' };
  await applyObjects(cluster, ...s3Store('absent', where, keys), kvShard('patient', 'absent'));
  await untilCondition(cluster, ['journalstores', 'absent', 'Ready'], {
    status: 'Unknown',
    reason: 'StoreUnreachable',
  });
  await untilEvent(cluster, ['JournalStore', 'absent'], 'StoreUnreachable');
  await untilCondition(cluster, ['shards', 'patient', 'Ready'], { status: 'False', reason: 'StoreNotReady' });
  expect(podsOf('patient')).toEqual([]);
  const late = await startS3Server({ port, bucket: 'absent', credentials: keys });
  try {
    await servesAfterAll('patient');
  } finally {
    await late.stop();
  }
});
