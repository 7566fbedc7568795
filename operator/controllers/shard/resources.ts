/**
 * The Kubernetes objects that a Shard needs, as pure functions from the Shard to manifests.
 *
 * M1  Names are derived from the Shard's; pods get a random suffix and a name is never used twice (DESIGN §5.3).
 * M2  Everything but the RecoveryLog is owned by the Shard and goes with it; the log outlives it, as a claim outlives a pod.
 * M3  A pod passes the restricted Pod Security Standard: non-root, no capabilities, read-only root, default seccomp.
 * M4  An agent may read its own Shard and patch its own RecoveryLog, by name, and nothing else.
 */
import { LABELS, PORTS, type JournalStore, type RecoveryLog, type Shard } from '../../../src/api/index.ts';
import { GROUP_VERSION, KINDS } from '../../../src/api/index.ts';
import type { KubeManifest } from '../../../src/kube/index.ts';

/** A part of an object. */
export type Manifest = Readonly<Record<string, unknown>>;

export interface PodInputs {
  readonly shard: Shard;
  readonly store: JournalStore;
  readonly storeUrl: string;
  readonly log: RecoveryLog;
  readonly journal: string;
  readonly generation: string;
  readonly podName: string;
  readonly image: string;
  readonly imagePullPolicy: string;
}

/** Uid and gid of the image's user (Dockerfile). */
const IMAGE_USER = 65_532;
/** How long a pod stays bound to a node that is gone; the operator has replaced it long before. */
const LOST_NODE_TOLERATION_SECONDS = 30;
const DEFAULT_TERMINATION_GRACE_SECONDS = 30;

function meta(shard: Shard): { namespace: string; name: string; uid: string } {
  return { namespace: shard.metadata.namespace!, name: shard.metadata.name, uid: shard.metadata.uid! };
}

/** Labels that select every pod of the shard, of any role. */
export function shardLabels(shard: Shard): Record<string, string> {
  return {
    'app.kubernetes.io/name': shard.spec.application.name,
    'app.kubernetes.io/instance': shard.metadata.name,
    'app.kubernetes.io/component': 'shard',
    'app.kubernetes.io/managed-by': 'holdfast',
    [LABELS.shard]: shard.metadata.name,
  };
}

function ownedBy(shard: Shard): Manifest {
  const { name, uid } = meta(shard);
  return {
    apiVersion: GROUP_VERSION,
    kind: KINDS.shard.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: false,
  };
}

function owned(shard: Shard, name: string): KubeManifest['metadata'] {
  return {
    name,
    namespace: shard.metadata.namespace,
    labels: shardLabels(shard),
    ownerReferences: [ownedBy(shard)],
  };
}

/** The RecoveryLog that a Shard without logRef gets, of the same name (M2: not owned). */
export function recoveryLogFor(shard: Shard, storeName: string): KubeManifest {
  const { namespace, name } = meta(shard);
  return {
    apiVersion: GROUP_VERSION,
    kind: KINDS.recoveryLog.kind,
    metadata: { name, namespace, labels: shardLabels(shard) },
    spec: { storeRef: { name: storeName }, journal: `${namespace}/${name}` },
  };
}

export function agentAccountName(shard: Shard): string {
  return shard.spec.template.serviceAccountName ?? `${shard.metadata.name}-agent`;
}

/** ServiceAccount, Role and RoleBinding of the shard's agents (M4). */
export function agentAccess(shard: Shard, recoveryLog: string): readonly KubeManifest[] {
  const account = agentAccountName(shard);
  const roleRef = {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'Role',
    name: `${shard.metadata.name}-agent`,
  };
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: owned(shard, roleRef.name),
    rules: [
      {
        apiGroups: [KINDS.shard.group],
        resources: [KINDS.shard.plural],
        resourceNames: [shard.metadata.name],
        verbs: ['get', 'list', 'watch'],
      },
      {
        apiGroups: [KINDS.recoveryLog.group],
        resources: [KINDS.recoveryLog.plural],
        resourceNames: [recoveryLog],
        verbs: ['get', 'patch', 'update'],
      },
    ],
  };
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: owned(shard, roleRef.name),
    roleRef,
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: shard.metadata.namespace }],
  };
  const serviceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: owned(shard, account) };
  return shard.spec.template.serviceAccountName === undefined
    ? [serviceAccount, role, binding]
    : [role, binding];
}

/** The Service of the primary and the one of the standbys. */
export function services(shard: Shard): readonly KubeManifest[] {
  const service = (name: string, role: string): KubeManifest => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: owned(shard, name),
    spec: {
      selector: { [LABELS.shard]: shard.metadata.name, [LABELS.role]: role },
      ports: [{ name: 'http', port: PORTS.application, targetPort: 'http', protocol: 'TCP' }],
    },
  });
  return [service(shard.metadata.name, 'primary'), service(`${shard.metadata.name}-standby`, 'standby')];
}

/**
 * At most one replica of a shard may be evicted at a time. Said as a number that stays: `maxUnavailable` would have the disruption controller
 * ask the Shard for a scale subresource, and refuse every eviction where there is none.
 */
export function disruptionBudget(shard: Shard): KubeManifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: owned(shard, shard.metadata.name),
    spec: {
      minAvailable: shard.spec.standbys,
      selector: { matchLabels: { [LABELS.shard]: shard.metadata.name } },
    },
  };
}

function affinity(shard: Shard): Manifest {
  const term = (topologyKey: string, weight: number): Manifest => ({
    weight,
    podAffinityTerm: { topologyKey, labelSelector: { matchLabels: { [LABELS.shard]: shard.metadata.name } } },
  });
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        term('kubernetes.io/hostname', 100),
        term('topology.kubernetes.io/zone', 50),
      ],
    },
  };
}

function fieldEnv(name: string, fieldPath: string): Manifest {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function environment(inputs: PodInputs): readonly Manifest[] {
  const { shard, store, log, storeUrl, journal, generation } = inputs;
  const secret = store.spec.s3?.credentials?.secretRef.name;
  const credentials = secret
    ? ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].map((key) => ({
        name: key,
        valueFrom: { secretKeyRef: { name: secret, key } },
      }))
    : [];
  return [
    fieldEnv('POD_NAME', 'metadata.name'),
    fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
    fieldEnv('POD_UID', 'metadata.uid'),
    fieldEnv('POD_IP', 'status.podIP'),
    fieldEnv('NODE_NAME', 'spec.nodeName'),
    { name: 'HOLDFAST_SHARD', value: shard.metadata.name },
    { name: 'HOLDFAST_RECOVERY_LOG', value: log.metadata.name },
    { name: 'HOLDFAST_STORE_URL', value: storeUrl },
    { name: 'HOLDFAST_JOURNAL', value: journal },
    { name: 'HOLDFAST_GENERATION', value: generation },
    { name: 'HOLDFAST_GROUP_COMMIT', value: JSON.stringify(store.spec.groupCommit) },
    { name: 'HOLDFAST_COMPACTION', value: JSON.stringify(store.spec.compaction) },
    { name: 'HOLDFAST_DATA_DIR', value: '/data' },
    ...credentials,
    ...(shard.spec.template.env ?? []),
  ];
}

function probe(path: string, periodSeconds: number, failureThreshold: number): Manifest {
  return { httpGet: { path, port: 'agent' }, periodSeconds, timeoutSeconds: 2, failureThreshold };
}

/** A service of one's own brings the agent with it (src/sdk); those of Holdfast's image are named to its agent. */
function program({ name, command, args = [] }: Shard['spec']['application']): Manifest {
  return command === undefined
    ? { command: ['holdfast', 'agent'], args: [name, ...args] }
    : { command, args };
}

function container(inputs: PodInputs): Manifest {
  const { shard, image, imagePullPolicy } = inputs;
  return {
    name: 'shard',
    image,
    imagePullPolicy,
    ...program(shard.spec.application),
    env: environment(inputs),
    ports: [
      { name: 'http', containerPort: PORTS.application, protocol: 'TCP' },
      { name: 'agent', containerPort: PORTS.agent, protocol: 'TCP' },
    ],
    // Readiness follows the agent's state at once through the operator; the probe is the backstop for Services.
    readinessProbe: probe('/readyz', 1, 3),
    livenessProbe: probe('/livez', 10, 6),
    // The last lines of an agent that failed say why, in its pod's status (api: last-words).
    terminationMessagePolicy: 'FallbackToLogsOnError',
    resources: shard.spec.template.resources ?? {},
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    },
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

/** One pod of the shard. Its role label starts as `none`; only the operator moves it. */
export function podFor(inputs: PodInputs): KubeManifest {
  const { shard, podName } = inputs;
  const template = shard.spec.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...owned(shard, podName),
      labels: { ...template.labels, ...shardLabels(shard), [LABELS.role]: 'none' },
      annotations: { ...template.annotations },
    },
    spec: {
      // One process, one life: what has stopped is replaced, never started again under the same name.
      restartPolicy: 'Never',
      serviceAccountName: agentAccountName(shard),
      terminationGracePeriodSeconds:
        template.terminationGracePeriodSeconds ?? DEFAULT_TERMINATION_GRACE_SECONDS,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: IMAGE_USER,
        runAsGroup: IMAGE_USER,
        fsGroup: IMAGE_USER,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      affinity: template.affinity ?? affinity(shard),
      ...(template.nodeSelector ? { nodeSelector: template.nodeSelector } : {}),
      ...(template.imagePullSecrets ? { imagePullSecrets: template.imagePullSecrets } : {}),
      ...(template.priorityClassName ? { priorityClassName: template.priorityClassName } : {}),
      tolerations: [
        ...(template.tolerations ?? []),
        ...['not-ready', 'unreachable'].map((condition) => ({
          key: `node.kubernetes.io/${condition}`,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: LOST_NODE_TOLERATION_SECONDS,
        })),
      ],
      containers: [container(inputs)],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
}
