import { describe, expect, test } from '@jest/globals';
import { parseJournalStore, parseRecoveryLog, parseShard } from '../../../src/api/index.ts';
import {
  agentAccess,
  disruptionBudget,
  podFor,
  recoveryLogFor,
  services,
  type Manifest,
} from './resources.ts';

const shard = parseShard({
  metadata: { name: 'orders', namespace: 'shop', uid: 'u-1' },
  spec: {
    storeRef: { name: 's' },
    application: { name: 'kv', args: ['--fast'] },
    template: { env: [{ name: 'A', value: 'b' }] },
  },
});
const store = parseJournalStore({
  metadata: { name: 's' },
  spec: { s3: { bucket: 'bucket', credentials: { secretRef: { name: 'keys' } } } },
});
const log = parseRecoveryLog({
  metadata: { name: 'orders' },
  spec: { storeRef: { name: 's' }, journal: 'shop/orders' },
});

const pod = podFor({
  shard,
  store,
  storeUrl: 's3://bucket',
  log,
  journal: 'shop/orders',
  generation: 'g1',
  podName: 'orders-x1',
  image: 'i:1',
  imagePullPolicy: 'IfNotPresent',
}) as unknown as {
  metadata: { labels: Record<string, string>; ownerReferences: Manifest[] };
  spec: {
    restartPolicy: string;
    securityContext: Manifest;
    containers: { args: string[]; env: { name: string; value?: string }[]; securityContext: Manifest }[];
  };
};

describe('the pod of a shard', () => {
  test('passes the restricted profile', () => {
    expect(pod.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(pod.spec.containers[0]!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    });
  });

  test('has one life, no role yet, and belongs to its shard', () => {
    expect(pod.spec.restartPolicy).toBe('Never');
    expect(pod.metadata.labels).toMatchObject({
      'holdfast.dev/shard': 'orders',
      'holdfast.dev/role': 'none',
    });
    expect(pod.metadata.ownerReferences).toMatchObject([
      { kind: 'Shard', name: 'orders', uid: 'u-1', controller: true },
    ]);
  });

  test('is told everything that its agent needs, credentials only by reference', () => {
    const names = pod.spec.containers[0]!.env.map((entry) => entry.name);
    for (const name of [
      'POD_IP',
      'HOLDFAST_STORE_URL',
      'HOLDFAST_JOURNAL',
      'HOLDFAST_GENERATION',
      'AWS_SECRET_ACCESS_KEY',
      'A',
    ])
      expect(names).toContain(name);
    expect(
      pod.spec.containers[0]!.env.find((entry) => entry.name === 'AWS_SECRET_ACCESS_KEY'),
    ).not.toHaveProperty('value');
    expect(pod.spec.containers[0]!.args).toEqual(['kv', '--fast']);
  });
});

test.each([
  ['of Holdfast', { name: 'kv' }, { command: ['holdfast', 'agent'], args: ['kv'] }],
  [
    'of one’s own',
    { name: 'counter', command: ['node', 'counter.ts'] },
    { command: ['node', 'counter.ts'], args: [] },
  ],
  [
    'of one’s own, with arguments',
    { name: 'counter', command: ['counter'], args: ['--fast'] },
    { command: ['counter'], args: ['--fast'] },
  ],
] as const)('the program of a service %s is what its shard says', (_story, application, expected) => {
  const own = parseShard({
    ...shard,
    spec: { ...shard.spec, application, template: { image: 'registry/counter:1' } },
  });
  const inputs = { store, storeUrl: 's3://bucket', log, journal: 'shop/orders', generation: 'g1' };
  const made = podFor({
    ...inputs,
    shard: own,
    podName: 'orders-x1',
    image: 'registry/counter:1',
    imagePullPolicy: 'IfNotPresent',
  }) as unknown as { spec: { containers: readonly Manifest[] } };
  expect(made.spec.containers[0]).toMatchObject({ image: 'registry/counter:1', ...expected });
});

test('an agent may read its own shard and patch its own log, by name, and nothing else', () => {
  const role = agentAccess(shard, 'orders').find((manifest) => manifest['kind'] === 'Role') as unknown as {
    rules: { resources: string[]; resourceNames: string[]; verbs: string[] }[];
  };
  expect(role.rules).toHaveLength(2);
  expect(
    role.rules.every((rule) => rule.resourceNames.length === 1 && rule.resourceNames[0] === 'orders'),
  ).toBe(true);
  expect(role.rules.find((rule) => rule.resources.includes('shards'))!.verbs).toEqual([
    'get',
    'list',
    'watch',
  ]);
});

test('the log outlives the shard; everything else goes with it', () => {
  expect(recoveryLogFor(shard, 's')['metadata']).not.toHaveProperty('ownerReferences');
  for (const manifest of [...services(shard), ...agentAccess(shard, 'orders'), disruptionBudget(shard)]) {
    expect(manifest['metadata']).toHaveProperty('ownerReferences');
  }
});

test('one service follows the primary, the other the standbys', () => {
  expect(
    services(shard).map((service) => [
      (service['metadata'] as { name: string }).name,
      (service['spec'] as { selector: Record<string, string> }).selector['holdfast.dev/role'],
    ]),
  ).toEqual([
    ['orders', 'primary'],
    ['orders-standby', 'standby'],
  ]);
});
