/**
 * A process node's presence in the API: its Node, the Lease it renews, and its Ready condition.
 *
 * 1. As the kubelet: the Lease is renewed every `renewSeconds`; at the same beat the node's own view of Ready is put right when the node
 *    controller has called it Unknown.
 */
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasStatus } from './api-client.ts';
import { messageOf } from './errors.ts';
import { type Condition, kubeMicroTime, kubeTime, type NodeObject } from './kube-types.ts';
import type { NodeContext } from './node-context.ts';

/** Times of a node's heartbeat, in seconds. */
export interface Heartbeat {
  readonly leaseSeconds: number;
  readonly renewSeconds: number;
}

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const PLENTY = { cpu: '16', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' };

function conditions(): Condition[] {
  const now = kubeTime();
  const fine = (type: string, reason: string): Condition => ({
    type,
    status: type === 'Ready' ? 'True' : 'False',
    reason,
    message: '',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return [
    fine('MemoryPressure', 'KubeletHasSufficientMemory'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID'),
    fine('Ready', 'ProcessNodeReady'),
  ];
}

function nodeStatus(context: NodeContext): object {
  return {
    capacity: PLENTY,
    allocatable: PLENTY,
    conditions: conditions(),
    addresses: [
      { type: 'InternalIP', address: context.hostIP },
      { type: 'Hostname', address: context.name },
    ],
    nodeInfo: {
      machineID: context.name,
      systemUUID: context.name,
      bootID: crypto.randomUUID(),
      kernelVersion: release(),
      osImage: 'Holdfast process node',
      containerRuntimeVersion: 'process://1',
      kubeletVersion: 'v1.36.3',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    },
  };
}

/** Creates or refreshes the Node and its Lease. */
export async function register(context: NodeContext, zone: string, times: Heartbeat): Promise<void> {
  const { api, name } = context;
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
    'topology.kubernetes.io/zone': zone,
    'topology.kubernetes.io/region': 'local',
  };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status: nodeStatus(context) };
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: times.leaseSeconds, renewTime: kubeMicroTime() },
  };
  await unlessExists(api.create('/api/v1/nodes', node));
  await unlessExists(api.create(LEASES, lease));
  await putStatusRight(context);
  await renew(context);
}

async function unlessExists(created: Promise<unknown>): Promise<void> {
  try {
    await created;
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
  }
}

function renew({ api, name, signal }: NodeContext): Promise<unknown> {
  return api.patch(
    `${LEASES}/${name}`,
    { spec: { holderIdentity: name, renewTime: kubeMicroTime() } },
    'merge-patch+json',
    signal,
  );
}

async function putStatusRight(context: NodeContext): Promise<void> {
  const { api, name, signal } = context;
  const path = `/api/v1/nodes/${name}`;
  const node = await api.get<NodeObject>(path, signal);
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return;
  await api.patch(`${path}/status`, { status: nodeStatus(context) }, 'strategic-merge-patch+json', signal);
}

/** Beats until the node dies. Never rejects: a failed beat is logged and the next one is tried. */
export async function heartbeat(context: NodeContext, zone: string, times: Heartbeat): Promise<void> {
  const { signal } = context;
  while (!signal.aborted) {
    await sleep(times.renewSeconds * 1000, undefined, { signal }).catch(() => {}); // the condition below sees the abort
    await context.awake();
    if (signal.aborted) return;
    try {
      await renew(context);
      await putStatusRight(context);
    } catch (error) {
      if (signal.aborted) return;
      context.log(`heartbeat: ${messageOf(error)}`);
      if (hasStatus(error, 404))
        await register(context, zone, times).catch((again: unknown) => context.log(messageOf(again)));
    }
  }
}
