/**
 * The chart through the real helm: what is rendered, what is granted, what is refused. Installing it is the scenarios' part.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { agentAccess } from '../../operator/controllers/shard/resources.ts';
import { parseJournalStore, parseShard } from '../../src/api/index.ts';
import { ensureServers } from '../../e2e/tools/servers.ts';

const CHART = import.meta.dirname;
const CRDS = join(CHART, '..', '..', 'crds');
const NAMESPACE = 'holdfast-system';

let helmPath: string;
beforeAll(async () => {
  helmPath = (await ensureServers()).helm;
}, 20 * 60_000);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function helm(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(helmPath, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, stdout, stderr }),
    );
  });
}

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}
/** Whatever the chart renders; tests look at known places of known kinds. */
interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Record<string, string>;
    readonly labels: Record<string, string>;
  };
  readonly spec: any; // oxlint-disable-line typescript/no-explicit-any -- the shape differs by kind and is what is being tested
  readonly rules?: Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

async function render(...sets: string[]): Promise<Manifest[]> {
  const args = sets.flatMap((set) => ['--set-json', set]);
  const outcome = await helm('template', 'hf', CHART, '--namespace', NAMESPACE, ...args);
  expect(outcome.stderr).toBe('');
  expect(outcome.code).toBe(0);
  return parseAllDocuments(outcome.stdout)
    .map((document) => {
      expect(document.errors).toEqual([]); // among them: a key given twice
      return document.toJS() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}

function one(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((m) => m.kind === kind && (name === undefined || m.metadata.name === name));
  const [only, ...others] = found;
  if (!only || others.length > 0) throw new Error(`${found.length} of ${kind} ${name ?? ''} are rendered, not one`);
  return only;
}

/** The rights in `rules` as lines "group/resource verb [name]". */
function rights(rules: readonly Rule[] | undefined): string[] {
  return (rules ?? []).flatMap((rule) =>
    rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.map((verb) => `${group}/${resource} ${verb}${rule.resourceNames ? ` ${rule.resourceNames.join('|')}` : ''}`),
      ),
    ),
  );
}

describe('the chart', () => {
  test('passes helm lint strictly', async () => {
    const outcome = await helm('lint', '--strict', CHART);
    expect(outcome).toMatchObject({ code: 0 });
  });

  test('runs two replicas under the restricted profile, spread, probed and protected from disruption', async () => {
    const manifests = await render();
    const { spec } = one(manifests, 'Deployment');
    expect(spec.replicas).toBe(2);
    const pod = spec.template.spec;
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    const [container] = pod.containers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.command).toEqual(['holdfast', 'operator']);
    expect(container.ports).toEqual([{ name: 'http', containerPort: 8082, protocol: 'TCP' }]);
    expect(container.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'http' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
    const fields = container.env.map((e: { name: string; valueFrom: { fieldRef: { fieldPath: string } } }) => [
      e.name,
      e.valueFrom.fieldRef.fieldPath,
    ]);
    expect(Object.fromEntries(fields)).toEqual({
      POD_NAME: 'metadata.name',
      POD_NAMESPACE: 'metadata.namespace',
      POD_IP: 'status.podIP',
    });
    expect(pod.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution).toHaveLength(1);
    expect(pod.topologySpreadConstraints).toMatchObject([{ whenUnsatisfiable: 'ScheduleAnyway' }]);
    expect(one(manifests, 'PodDisruptionBudget').spec).toMatchObject({ maxUnavailable: 1 });
    for (const selector of [spec.selector, one(manifests, 'PodDisruptionBudget').spec.selector])
      expect(spec.template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(Object.keys(spec.selector.matchLabels)).not.toContain('helm.sh/chart');
  });

  test('gives the lease times and every other setting to the operator as flags', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const manifests = await render(
      `image={"repository":"registry.example/hf","digest":"${digest}"}`,
      'lease={"durationMs":9000,"renewDeadlineMs":6000,"retryMs":1500}',
      'log={"level":"debug","format":"text"}',
      'extraArgs=["--x=y"]',
      'extraEnv=[{"name":"HTTPS_PROXY","value":"http://proxy"}]',
      'resources={"limits":{"memory":"512Mi"}}',
      'priorityClassName="system-cluster-critical"',
    );
    const pod = one(manifests, 'Deployment').spec.template.spec;
    const [container] = pod.containers;
    expect(container.image).toBe(`registry.example/hf@${digest}`);
    expect(container.args).toEqual([
      `--image=registry.example/hf@${digest}`,
      '--image-pull-policy=IfNotPresent',
      '--http-port=8082',
      '--lease-name=hf-holdfast-leader',
      '--lease-ms=9000',
      '--renew-deadline-ms=6000',
      '--retry-ms=1500',
      '--log-level=debug',
      '--log-format=text',
      '--x=y',
    ]);
    expect(container.env).toContainEqual({ name: 'HTTPS_PROXY', value: 'http://proxy' });
    expect(container.resources).toEqual({ limits: { memory: '512Mi' } });
    expect(pod.priorityClassName).toBe('system-cluster-critical');
  });

  test('one replica has no disruption budget, which would only block drains', async () => {
    expect((await render('replicas=1')).map((m) => m.kind)).not.toContain('PodDisruptionBudget');
  });
});

describe('rights', () => {
  /** What the operator needs, and by this test no more. */
  const RULES = [
    '/events create', '/events patch',
    '/pods create', '/pods delete', '/pods get', '/pods list', '/pods patch', '/pods watch',
    '/secrets get',
    '/serviceaccounts create', '/serviceaccounts get', '/serviceaccounts patch',
    '/services create', '/services get', '/services patch',
    'events.k8s.io/events create', 'events.k8s.io/events patch',
    'holdfast.dev/journalstores get', 'holdfast.dev/journalstores list', 'holdfast.dev/journalstores patch', 'holdfast.dev/journalstores watch',
    'holdfast.dev/journalstores/status get', 'holdfast.dev/journalstores/status patch',
    'holdfast.dev/recoverylogs create', 'holdfast.dev/recoverylogs get', 'holdfast.dev/recoverylogs list', 'holdfast.dev/recoverylogs patch', 'holdfast.dev/recoverylogs update', 'holdfast.dev/recoverylogs watch',
    'holdfast.dev/recoverylogs/status get', 'holdfast.dev/recoverylogs/status patch',
    'holdfast.dev/shards get', 'holdfast.dev/shards list', 'holdfast.dev/shards patch', 'holdfast.dev/shards watch',
    'holdfast.dev/shards/status get', 'holdfast.dev/shards/status patch',
    'policy/poddisruptionbudgets create', 'policy/poddisruptionbudgets get', 'policy/poddisruptionbudgets patch',
    'rbac.authorization.k8s.io/rolebindings create', 'rbac.authorization.k8s.io/rolebindings get', 'rbac.authorization.k8s.io/rolebindings patch',
    'rbac.authorization.k8s.io/roles create', 'rbac.authorization.k8s.io/roles get', 'rbac.authorization.k8s.io/roles patch',
  ];
  const NODES = ['/nodes get', '/nodes list', '/nodes watch'];

  test('over all namespaces: exactly the list, no wildcard, and leases only by name', async () => {
    const manifests = await render();
    expect(rights(one(manifests, 'ClusterRole').rules).sort()).toEqual([...NODES, ...RULES].sort());
    const election = one(manifests, 'Role');
    expect(election.metadata.namespace).toBe(NAMESPACE);
    expect(rights(election.rules)).toEqual([
      'coordination.k8s.io/leases create',
      'coordination.k8s.io/leases get hf-holdfast-leader',
      'coordination.k8s.io/leases patch hf-holdfast-leader',
      'coordination.k8s.io/leases update hf-holdfast-leader',
    ]);
  });

  test('over one namespace: only nodes stay cluster wide, and the operator is told the namespace', async () => {
    const manifests = await render('watchNamespace="apps"');
    expect(rights(one(manifests, 'ClusterRole').rules)).toEqual(NODES);
    const role = one(manifests, 'Role', 'hf-holdfast');
    expect(role.metadata.namespace).toBe('apps');
    expect(rights(role.rules).sort()).toEqual([...RULES].sort());
    expect(one(manifests, 'Deployment').spec.template.spec.containers[0].args).toContain('--watch-namespace=apps');
  });

  test('include every right that the operator grants to agents, or the API server would refuse the grant', async () => {
    const held = new Set(rights(one(await render(), 'ClusterRole').rules));
    const shard = parseShard({
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'Shard',
      metadata: { namespace: 'apps', name: 's', uid: 'u' },
      spec: { storeRef: { name: 'store' }, application: { name: 'kv' } },
    });
    const granted = agentAccess(shard, 's').flatMap((manifest) => (manifest['rules'] ?? []) as Rule[]);
    const rightsOfAgents = rights(granted.map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs })));
    expect(rightsOfAgents.length).toBeGreaterThan(0);
    expect(rightsOfAgents.filter((right) => !held.has(right))).toEqual([]);
  });

  test('secrets can be narrowed to names', async () => {
    const rules = rights(one(await render('rbac.storeSecretNames=["keys-a","keys-b"]'), 'ClusterRole').rules);
    expect(rules.filter((right) => right.startsWith('/secrets'))).toEqual(['/secrets get keys-a|keys-b']);
  });

  test('every binding binds the service account the pods run as, to a role of this release', async () => {
    for (const sets of [[], ['watchNamespace="apps"', 'serviceAccount={"create":false,"name":"mine"}']]) {
      const manifests = await render(...sets);
      const account = one(manifests, 'Deployment').spec.template.spec.serviceAccountName;
      const bindings = manifests.filter((m) => m.kind.endsWith('Binding'));
      expect(bindings.length).toBeGreaterThan(1);
      for (const { subjects, roleRef, metadata } of bindings) {
        expect(subjects).toEqual([{ kind: 'ServiceAccount', name: account, namespace: NAMESPACE }]);
        expect(one(manifests, roleRef!.kind, roleRef!.name).metadata.namespace).toBe(metadata.namespace);
      }
      expect(manifests.filter((m) => m.kind === 'ServiceAccount')).toHaveLength(sets.length === 0 ? 1 : 0);
    }
  });

  test('none are granted when the cluster administrator grants them', async () => {
    const kinds = (await render('rbac={"create":false}')).map((m) => m.kind);
    expect(kinds.filter((kind) => /Role|Binding/.test(kind))).toEqual([]);
  });
});

describe('custom resource definitions', () => {
  const files = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.yaml')).sort();

  test('are the generated ones, byte by byte', () => {
    const copies = join(CHART, 'files', 'crds');
    expect(files(copies)).toEqual(files(CRDS));
    for (const name of files(CRDS))
      expect(readFileSync(join(copies, name), 'utf8')).toBe(readFileSync(join(CRDS, name), 'utf8'));
  });

  test('come with the release, stay when it goes, and are otherwise unchanged', async () => {
    const rendered = (await render()).filter((m) => m.kind === 'CustomResourceDefinition');
    expect(new Set(rendered.map((m) => m.spec.names.kind))).toEqual(new Set(['JournalStore', 'RecoveryLog', 'Shard']));
    expect(rendered).toHaveLength(3);
    for (const crd of rendered) {
      expect(crd.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
      expect(crd.metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'Helm' });
    }
    const sources = files(CRDS).map((name) => parse(readFileSync(join(CRDS, name), 'utf8')) as Manifest);
    expect(rendered.map((m) => [m.metadata.name, m.spec])).toEqual(sources.map((m) => [m.metadata.name, m.spec]));
  });

  test('can be left out, or given up with the release', async () => {
    expect((await render('crds.enabled=false')).map((m) => m.kind)).not.toContain('CustomResourceDefinition');
    const given = (await render('crds.keep=false')).filter((m) => m.kind === 'CustomResourceDefinition');
    expect(given).toHaveLength(3);
    for (const crd of given) expect(crd.metadata.annotations).toBeUndefined();
  });
});

test('the example in the notes is valid', () => {
  const notes = readFileSync(join(CHART, 'templates', 'NOTES.txt'), 'utf8');
  const example = notes.split('\n').filter((line) => line.startsWith('  ') && !line.startsWith('  kubectl'));
  const [store, shard] = parseAllDocuments(example.map((line) => line.slice(2)).join('\n')).map((d) => d.toJS() as unknown);
  expect(parseJournalStore(store).spec.s3?.bucket).toBe('my-bucket');
  expect(parseShard(shard).spec.storeRef).toEqual({ name: parseJournalStore(store).metadata.name });
});

describe('the schema of the values refuses', () => {
  test.each([
    'replicas="2"',
    'replicas=0',
    'image={"repository":"x","digest":"latest"}',
    'image={"repository":""}',
    'image.pullPolicy="Sometimes"',
    'lease.durationMs=1500',
    'lease.durationMs="6s"',
    'log.level="trace"',
    'watchNamespace="No_Such"',
    'resources={"limit":{}}',
    'extraEnv={"A":"b"}',
    'podAnnotations={"a":1}',
    'replicaCount=3',
    'terminationGracePeriodSeconds=0',
  ])('%s', async (set) => {
    const outcome = await helm('template', 'hf', CHART, '--set-json', set);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toMatch(/values don't meet the specifications of the schema/);
  });
});
