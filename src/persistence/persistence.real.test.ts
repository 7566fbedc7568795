/**
 * The conformance suite on the annotations of RecoveryLogs at a real API server.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { ANNOTATIONS, GROUP_VERSION, KINDS } from '../api/index.ts';
import { fromUtf8, systemClock, systemRandom, utf8 } from '../base/index.ts';
import { connectKube, type KubeClient } from '../kube/index.ts';
import { annotationStore, hintsSlots } from './index.ts';
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
