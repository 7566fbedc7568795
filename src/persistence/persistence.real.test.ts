/**
 * The conformance suite on the annotations of RecoveryLogs at a real API server.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { ANNOTATIONS, GROUP_VERSION, KINDS } from '../api/index.ts';
import { equalBytes, fromUtf8, systemClock, systemRandom, utf8 } from '../base/index.ts';
import { connectKube, type KubeClient } from '../kube/index.ts';
import {
  annotationStore,
  hintsSlots,
  MAX_ANNOTATION_BYTES,
  updateState,
  type RevisionStore,
} from './index.ts';
import { CONFORMANCE } from './testing/index.ts';

const namespace = 'default';
const parts = { clock: systemClock, random: systemRandom };
let cluster: Cluster;
let kube: KubeClient;
let logs = 0;

beforeAll(async () => {
  cluster = await startCluster({ images: {}, zones: ['a'] });
  const crds = join(import.meta.dirname, '..', '..', 'crds');
  expect(await cluster.kubectl(['apply', '-f', crds])).toMatchObject({ code: 0 });
  const wait = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'];
  expect(await cluster.kubectl(wait)).toMatchObject({ code: 0 });
  kube = connectKube({ ...parts, fieldManager: 'test', kubeconfig: cluster.kubeconfig });
}, 120_000);
afterAll(async () => {
  await kube?.close();
  await cluster?.stop();
});

async function recoveryLog(): Promise<string> {
  const name = `log-${logs++}`;
  const spec = { storeRef: { name: 's' }, journal: `default/${name}` };
  const { kind } = KINDS.recoveryLog;
  await kube.create(KINDS.recoveryLog, {
    apiVersion: GROUP_VERSION,
    kind,
    metadata: { name, namespace },
    spec,
  });
  return name;
}

test.each(CONFORMANCE.map((each) => [each.name, each] as const))('%s', async (_, each) => {
  const name = await recoveryLog();
  const options = { kube, resource: KINDS.recoveryLog, namespace, name, ...parts };
  await each.run(annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' }));
});

test('hints go through the slots of a RecoveryLog, whatever else changes in it', async () => {
  const name = await recoveryLog();
  const slots = hintsSlots({
    kube,
    resource: KINDS.recoveryLog,
    namespace,
    name,
    annotations: {
      primary: ANNOTATIONS.hintsPrimary,
      'backup-0': ANNOTATIONS.hintsBackup0,
      'backup-1': ANNOTATIONS.hintsBackup1,
    },
    writer: 'test',
    ...parts,
  });
  for (const term of [1, 2, 3]) {
    const status = { initialized: true, head: term };
    await Promise.all([
      slots.write({ term, value: utf8(`hints of ${term}`), rotate: true }),
      kube.mergePatch(KINDS.recoveryLog, { namespace, name }, { status }, { subresource: 'status' }),
    ]);
  }
  const read = await slots.readAll();
  expect(
    Object.values(read).map((slot) => (slot.kind === 'value' ? fromUtf8(slot.value) : slot.kind)),
  ).toEqual(['hints of 3', 'hints of 2', 'hints of 1']);
  await expect(slots.write({ term: 2, value: utf8('zombie'), rotate: false })).rejects.toMatchObject({
    code: 'HINTS_STALE_TERM',
  });
});

test('what we count as too large is what the server counts, to the byte', async () => {
  const fits = await recoveryLog();
  const key = 'someone/else';
  const fill = (name: string, bytes: number): Promise<unknown> =>
    kube.mergePatch(
      KINDS.recoveryLog,
      { namespace, name },
      { metadata: { annotations: { [key]: 'x'.repeat(bytes) } } },
    );
  await fill(fits, MAX_ANNOTATION_BYTES - key.length);
  await expect(fill(fits, MAX_ANNOTATION_BYTES - key.length + 1)).rejects.toMatchObject({
    code: 'KUBE_INVALID',
  });
  const options = { kube, resource: KINDS.recoveryLog, namespace, ...parts };
  const store = (name: string): RevisionStore =>
    annotationStore({ ...options, name, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
  await expect(store(fits).compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
    code: 'STATE_TOO_LARGE',
  });
  const large = await recoveryLog();
  const value = new Uint8Array(180_000).fill(0xff); // no text, so base64: 240 KB
  await store(large).compareAndSet('id', undefined, value);
  expect(equalBytes((await store(large).read('id'))!.value, value)).toBe(true);
  await expect(store(large).compareAndSet('id', 1, new Uint8Array(200_000).fill(0xff))).rejects.toMatchObject(
    {
      code: 'STATE_TOO_LARGE',
    },
  );
});

test('a log that is not there is told as away, by reading and by writing', async () => {
  const options = { kube, resource: KINDS.recoveryLog, namespace, name: 'nowhere', ...parts };
  const store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
  await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  await expect(store.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
    code: 'STATE_UNAVAILABLE',
  });
});

test('a service account without rights is told as that, never as an empty log', async () => {
  const name = await recoveryLog();
  await cluster.kubectl(['create', 'serviceaccount', 'nobody']);
  const token = (await cluster.kubectl(['create', 'token', 'nobody'])).stdout.trim();
  const config = JSON.parse(
    (await cluster.kubectl(['config', 'view', '--raw', '--minify', '-o', 'json'])).stdout,
  ) as { users: { user: unknown }[] };
  for (const user of config.users) user.user = { token };
  const file = join(await mkdtemp(join(tmpdir(), 'holdfast-nobody-')), 'kubeconfig');
  await writeFile(file, JSON.stringify(config));
  const nobody = connectKube({ ...parts, fieldManager: 'test', kubeconfig: file });
  try {
    const options = { kube: nobody, resource: KINDS.recoveryLog, namespace, name, ...parts };
    const store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
    await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
    await expect(store.list()).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
  } finally {
    await nobody.close();
    await rm(dirname(file), { recursive: true });
  }
});

test('writers of many ids of one object all get through', async () => {
  const name = await recoveryLog();
  const options = { kube, resource: KINDS.recoveryLog, namespace, name, ...parts };
  const store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
  const ids = Array.from({ length: 8 }, (_, n) => `id-${n}`);
  await Promise.all(ids.map((id) => updateState(store, id, () => utf8(id), parts)));
  expect(await store.list()).toEqual(ids);
});
