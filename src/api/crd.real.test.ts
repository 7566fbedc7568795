/**
 * The CRDs at a real API server: accepted as they are, with their defaults filled in and every rule enforced.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';

const CRDS = join(import.meta.dirname, '..', '..', 'crds');
const KIND_PATHS = { JournalStore: 'journalstores', RecoveryLog: 'recoverylogs', Shard: 'shards' } as const;
type KindName = keyof typeof KIND_PATHS;
let cluster: Cluster;
let objects = 0;

beforeAll(async () => {
  cluster = await startCluster({ images: {}, zones: ['a'] });
  const applied = await cluster.kubectl(['apply', '-f', CRDS]);
  expect(applied.stderr).toBe('');
  expect(applied.code).toBe(0);
  const established = await cluster.kubectl([
    'wait',
    '--for=condition=Established',
    'crd',
    '--all',
    '--timeout=30s',
  ]);
  expect(established).toMatchObject({ code: 0 });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
});

interface Stored {
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, unknown>;
}

async function create(kind: KindName, spec: object): Promise<Stored> {
  const name = `object-${objects++}`;
  return await cluster.api.create(`/apis/holdfast.dev/v1alpha1/namespaces/default/${KIND_PATHS[kind]}`, {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind,
    metadata: { name },
    spec,
  });
}

async function change(kind: KindName, stored: Stored, spec: object): Promise<unknown> {
  return await cluster.api.patch(
    `/apis/holdfast.dev/v1alpha1/namespaces/default/${KIND_PATHS[kind]}/${stored.metadata.name}`,
    { spec },
  );
}

const app = { name: 'kv' };

describe('a real API server', () => {
  test('fills in the defaults', async () => {
    const shard = await create('Shard', { storeRef: { name: 's' }, application: app });
    expect(shard.spec).toMatchObject({
      standbys: 1,
      paused: false,
      suspend: false,
      failover: { silenceSeconds: 3, soloSilenceSeconds: 6 },
    });
    const store = await create('JournalStore', { s3: { bucket: 'bucket' } });
    expect(store.spec).toMatchObject({
      s3: { region: 'us-east-1', forcePathStyle: false },
      groupCommit: { flushIntervalMs: 250, giveUpMs: 60_000, compression: 'zstd' },
    });
    expect((await create('RecoveryLog', { storeRef: { name: 's' }, journal: 'a/log' })).spec).toMatchObject({
      reclaimPolicy: 'Retain',
    });
  });

  test('takes the program of a service of one’s own, and refuses an empty one', async () => {
    const application = { name: 'counter', command: ['node', 'counter.ts'], args: ['--fast'] };
    const template = { image: 'registry/counter:1' };
    const shard = await create('Shard', { storeRef: { name: 's' }, application, template });
    expect(shard.spec).toMatchObject({ application, template });
    await expect(
      create('Shard', { storeRef: { name: 's' }, application: { name: 'counter', command: [] } }),
    ).rejects.toThrow(/command/);
  });

  test('keeps the parts of a pod that are handed on as they are', async () => {
    const tolerations = [{ key: 'x', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }];
    const env = [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
    const shard = await create('Shard', {
      storeRef: { name: 's' },
      application: app,
      template: { tolerations, env, labels: { team: 'a' } },
    });
    expect(shard.spec['template']).toMatchObject({ tolerations, env, labels: { team: 'a' } });
  });

  test.each<[string, KindName, object, RegExp]>([
    [
      'a store that is both s3 and file',
      'JournalStore',
      { s3: { bucket: 'bucket' }, file: { path: '/x' } },
      /exactly one of s3 and file/,
    ],
    ['a store that is neither', 'JournalStore', {}, /exactly one of s3 and file/],
    [
      'a buffer that holds no batch',
      'JournalStore',
      { file: { path: '/x' }, groupCommit: { maxBatchBytes: 65_536, bufferLimitBytes: 65_535 } },
      /bufferLimitBytes must be at least maxBatchBytes/,
    ],
    [
      'a buffer smaller than the default batch',
      'JournalStore',
      { file: { path: '/x' }, groupCommit: { bufferLimitBytes: 65_536 } },
      /bufferLimitBytes must be at least maxBatchBytes/,
    ],
    [
      'a compression that is not known',
      'JournalStore',
      { file: { path: '/x' }, groupCommit: { compression: 'snappy' } },
      /compression/,
    ],
    [
      'an endpoint that is no URL',
      'JournalStore',
      { s3: { bucket: 'bucket', endpoint: 'localhost' } },
      /endpoint/,
    ],
    [
      'a shard with a store and a log',
      'Shard',
      { storeRef: { name: 's' }, logRef: { name: 'l' }, application: app },
      /exactly one of storeRef and logRef/,
    ],
    ['a shard with neither', 'Shard', { application: app }, /exactly one of storeRef and logRef/],
    ['nine standbys', 'Shard', { storeRef: { name: 's' }, application: app, standbys: 9 }, /standbys/],
    [
      'less patience alone than in company',
      'Shard',
      { storeRef: { name: 's' }, application: app, failover: { silenceSeconds: 5, soloSilenceSeconds: 4 } },
      /soloSilenceSeconds must be at least/,
    ],
    ['a log without a journal', 'RecoveryLog', { storeRef: { name: 's' } }, /journal/],
  ])('refuses %s, and says why', async (_what, kind, spec, why) => {
    await expect(create(kind, spec)).rejects.toThrow(why);
  });

  test('refuses changes that would leave a log behind', async () => {
    const shard = await create('Shard', { storeRef: { name: 's' }, application: app });
    await expect(change('Shard', shard, { storeRef: { name: 'other' } })).rejects.toThrow(
      /storeRef cannot be changed/,
    );
    await expect(change('Shard', shard, { storeRef: null, logRef: { name: 'l' } })).rejects.toThrow(
      /storeRef cannot be changed/,
    );
    const log = await create('RecoveryLog', { storeRef: { name: 's' }, journal: 'a/log' });
    await expect(change('RecoveryLog', log, { journal: 'b/log' })).rejects.toThrow(
      /journal cannot be changed/,
    );
    await change('Shard', shard, { standbys: 2 });
  });

  test('takes the quickstart as it is written', async () => {
    const examples = join(CRDS, '..', 'examples', 'quickstart');
    const outcome = await cluster.kubectl(['apply', '--dry-run=server', '-f', examples]);
    expect(outcome.stderr).toBe('');
    expect(outcome.stdout.match(/created/g)).toHaveLength(5);
  });

  test('shows the columns that people look for', async () => {
    const { stdout } = await cluster.kubectl(['get', 'shards', '-o', 'wide']);
    expect(stdout.split('\n')[0]).toMatch(
      /NAME\s+READY\s+PRIMARY\s+TERM\s+REPLICAS\s+PHASE\s+STANDBYS\s+LAST HANDOFF\s+AGE/,
    );
    expect((await cluster.kubectl(['get', 'jstore,rlog'])).code).toBe(0);
  });
});
