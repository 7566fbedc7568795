/**
 * A Holdfast installation on a cluster, made exactly as a user makes one: helm install of the chart, kubectl apply of YAML files.
 */
import { join } from 'node:path';
import { HarnessError, type Cluster, type PodPlacement } from '../cluster/index.ts';
import { Watched, type WatchedObject } from './watched.ts';

/** What the operator wrote about one handoff (Shard.status.handoffs). */
export interface HandoffRecord {
  readonly term: number;
  readonly fromPod?: string;
  readonly toPod: string;
  readonly reason: string;
  readonly evidence?: string;
  readonly outcome: string;
  readonly detectMs?: number;
  readonly decideMs?: number;
  readonly fenceMs?: number;
  readonly serveMs?: number;
}

export interface ShardObject extends WatchedObject {
  readonly spec: { readonly standbys?: number };
  readonly status?: {
    readonly assignment?: { readonly term: number; readonly primary: string; readonly reason: string };
    readonly replicas?: readonly {
      readonly pod: string;
      readonly role: string;
      readonly state: string;
      readonly lagBytes?: number;
    }[];
    readonly handoffs?: readonly HandoffRecord[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

interface PodObject extends WatchedObject {
  readonly spec: { readonly nodeName?: string };
  readonly status?: {
    readonly containerStatuses?: readonly {
      readonly state?: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

const ROOT = join(import.meta.dirname, '..', '..');
const CHART = join(ROOT, 'charts', 'holdfast');
const OPERATOR_NAMESPACE = 'holdfast-system';
/** As the chart calls them for a release named holdfast. */
const OPERATOR_SELECTOR = 'app.kubernetes.io/component=operator';
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/holdfast-leader`;
const INSTALL_LIMIT = '120s';

export interface InstallOptions {
  readonly cluster: Cluster;
  /** Reference of the operator's and the shards' image, known to the process nodes. */
  readonly image: { readonly repository: string; readonly tag: string };
  readonly namespace?: string;
  readonly values?: Readonly<Record<string, string>>;
}

export class Installation {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly #shards: Watched<ShardObject>;
  readonly #pods: Watched<PodObject>;

  private constructor(
    cluster: Cluster,
    namespace: string,
    shards: Watched<ShardObject>,
    pods: Watched<PodObject>,
  ) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.#shards = shards;
    this.#pods = pods;
  }

  /** helm install; resolves when the operator's Deployment is available. */
  static async install(options: InstallOptions): Promise<Installation> {
    const { cluster, image, namespace = 'default', values = {} } = options;
    const sets = { 'image.repository': image.repository, 'image.tag': image.tag, ...values };
    const flags = Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const helm = [
      'install',
      'holdfast',
      CHART,
      '--namespace',
      OPERATOR_NAMESPACE,
      '--create-namespace',
      '--wait',
      '--timeout',
      INSTALL_LIMIT,
    ];
    await must(cluster.helm([...helm, ...flags]), 'helm install');
    const shards = await Watched.start<ShardObject>(cluster.api, shardsPath(namespace));
    const pods = await Watched.start<PodObject>(cluster.api, `/api/v1/namespaces/${namespace}/pods`);
    return new Installation(cluster, namespace, shards, pods);
  }

  /** kubectl apply of files or folders. */
  async apply(...paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      await must(
        this.cluster.kubectl(['apply', '--namespace', this.namespace, '-f', path]),
        `kubectl apply ${path}`,
      );
    }
  }

  /** Names of the shards in the namespace, asked of the API server. */
  async shardNames(): Promise<string[]> {
    const { items } = await this.cluster.api.list<ShardObject>(shardsPath(this.namespace));
    return items.map(({ metadata }) => metadata.name);
  }

  /** All shards as last seen. */
  shards(): ShardObject[] {
    return this.#shards.all();
  }

  /** Calls `listener` after every change of a shard until the returned function is called. */
  onShardChange(listener: () => void): () => void {
    return this.#shards.onChange(listener);
  }

  shard(name: string): ShardObject {
    const shard = this.#shards.get(name);
    if (!shard) throw new HarnessError('NO_SUCH_SHARD', `There is no shard ${name}.`);
    return shard;
  }

  nodeOf(pod: string): string {
    const node = this.#pods.get(pod)?.spec.nodeName;
    if (node === undefined) throw new HarnessError('NO_SUCH_POD', `Pod ${pod} is on no node.`);
    return node;
  }

  /** Waits until the shard is Ready with all its replicas: a primary that serves and standbys that follow. */
  async settled(name: string, timeoutMs: number): Promise<void> {
    await this.#shards.until(
      `shard ${name} to be Ready`,
      () => {
        const conditions = this.#shards.get(name)?.status?.conditions ?? [];
        const isTrue = (type: string): boolean =>
          conditions.some((c) => c.type === type && c.status === 'True');
        return (isTrue('Ready') && isTrue('StandbysReady')) || undefined;
      },
      timeoutMs,
    );
  }

  /** The first completed handoff of a term above `term`. */
  async handoffAfter(name: string, term: number, timeoutMs: number): Promise<HandoffRecord> {
    return await this.#shards.until(
      `a completed handoff of ${name} after term ${term}`,
      () =>
        this.#shards
          .get(name)
          ?.status?.handoffs?.find((handoff) => handoff.term > term && handoff.outcome === 'Completed'),
      timeoutMs,
    );
  }

  /**
   * How a shard's process ended, waiting for its end: the exit code, and the last error that it wrote. The code is missing when the operator was
   * quicker in removing the pod.
   */
  async exitOf(pod: string, timeoutMs: number): Promise<string> {
    let code = '';
    await this.#pods.until(
      `pod ${pod} to end`,
      () => {
        const object = this.#pods.get(pod);
        const terminated = object?.status?.containerStatuses?.[0]?.state?.terminated;
        if (terminated !== undefined) code = `exit code ${terminated.exitCode}, `;
        return object === undefined || terminated !== undefined || undefined;
      },
      timeoutMs,
    );
    const lines = (await this.cluster.podLogs(this.namespace, pod)).trimEnd().split('\n');
    return `${code}${lines.findLast((line) => line.includes('"level":"error"')) ?? lines.at(-1) ?? ''}`;
  }

  /** The operator pod that holds the lease. Throws HarnessError NO_LEADER. */
  async leadingOperator(): Promise<PodPlacement> {
    const lease = await this.cluster.api.get<{ spec: { holderIdentity?: string } }>(LEASE_PATH);
    const holder = lease.spec.holderIdentity;
    const pod = this.operatorPods().find(({ name }) => holder?.startsWith(`${name}_`));
    if (pod === undefined)
      throw new HarnessError(
        'NO_LEADER',
        `No operator that runs holds the lease (holder: ${holder || 'nobody'}).`,
      );
    return pod;
  }

  /** The operator pods that run. */
  operatorPods(): PodPlacement[] {
    return this.cluster.pods().filter(({ namespace }) => namespace === OPERATOR_NAMESPACE);
  }

  /** Waits until the Deployment of the operator has all its replicas ready and somebody leads. */
  async operatorsReady(timeoutMs: number): Promise<void> {
    const limit = `${Math.ceil(timeoutMs / 1000)}s`;
    const rollout = ['rollout', 'status', 'deployment', '--namespace', OPERATOR_NAMESPACE];
    await must(
      this.cluster.kubectl([...rollout, '--selector', OPERATOR_SELECTOR, '--timeout', limit]),
      'kubectl rollout status of the operator',
    );
  }

  /** Waits until every operator pod is ready by its node's word. Unlike a rollout it needs no controller of Kubernetes itself. */
  async operatorPodsReady(timeoutMs: number): Promise<void> {
    const limit = `${Math.ceil(timeoutMs / 1000)}s`;
    const wait = ['wait', 'pod', '--for=condition=Ready', '--namespace', OPERATOR_NAMESPACE];
    await must(
      this.cluster.kubectl([...wait, '--selector', OPERATOR_SELECTOR, '--timeout', limit]),
      'kubectl wait for the operator pods',
    );
  }

  /** Removes an operator pod, so that its Deployment makes a new one (which has no restart back-off to wait for). */
  async replaceOperator(pod: string): Promise<void> {
    await must(
      this.cluster.kubectl(['delete', 'pod', pod, '--namespace', OPERATOR_NAMESPACE, '--wait=false']),
      'kubectl delete pod',
    );
  }

  async annotateShard(name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(annotations).map(([key, value]) => `${key}=${value}`);
    await must(
      this.cluster.kubectl([
        'annotate',
        '--overwrite',
        '--namespace',
        this.namespace,
        'shard',
        name,
        ...pairs,
      ]),
      'kubectl annotate',
    );
  }

  async describe(name: string): Promise<string> {
    return await must(
      this.cluster.kubectl(['describe', '--namespace', this.namespace, 'shard', name]),
      'kubectl describe',
    );
  }

  close(): void {
    this.#shards.stop();
    this.#pods.stop();
  }
}

function shardsPath(namespace: string): string {
  return `/apis/holdfast.dev/v1alpha1/namespaces/${namespace}/shards`;
}

async function must(
  work: Promise<{ code: number; stdout: string; stderr: string }>,
  what: string,
): Promise<string> {
  const { code, stdout, stderr } = await work;
  if (code !== 0)
    throw new HarnessError(
      'COMMAND_FAILED',
      `${what} failed with code ${code}: ${stderr.trim() || stdout.trim()}`,
    );
  return stdout;
}
