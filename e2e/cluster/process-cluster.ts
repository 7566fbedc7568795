/**
 * A whole cluster on this machine: control plane, process nodes, network between them, and the tools to look at it.
 *
 * 1. `startCluster` resolves with a cluster that schedules: every node is Ready without taints, service accounts and the root CA exist.
 * 2. Everything lives in one lifeline (lifeline.ts): `stop()`, an exit and a SIGKILL of the harness all end all of it.
 */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverBinaries, type ServerBinaries } from '../tools/servers.ts';
import { claimAddressBlock } from './address-block.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { HarnessError } from './errors.ts';
import type { ImageMap } from './images.ts';
import type { NodeObject, Pod } from './kube-types.ts';
import { Lifeline } from './lifeline.ts';
import { PodNetwork } from './pod-network.ts';
import type { PodRunner } from './pod-runner.ts';
import { ProcessNode } from './process-node.ts';
import type { Cluster, ExecResult, PodPlacement } from './types.ts';

/** How a cluster is made; everything has a default but the images. */
export interface ClusterOptions {
  readonly images: ImageMap;
  /** One node each, in these zones. Default: three nodes in three zones. */
  readonly zones?: readonly string[];
  /** The object store that pods use (an S3Server will do): gives it a link that can be cut. */
  readonly store?: { readonly port: number };
  /** Which pods are operators, for cutting their links apart from other pods'. Default: by the usual component label. */
  readonly isOperator?: (pod: Pod) => boolean;
  /** First back-off of a crashing container; Kubernetes' 10 s by default. */
  readonly crashLoopBaseSeconds?: number;
  /** Kubernetes' defaults: 40 s, renewed every 10 s, Unknown after 50 s. */
  readonly leaseSeconds?: number;
  readonly renewSeconds?: number;
  readonly nodeMonitorGraceSeconds?: number;
  /** Where logs go and stay; by default they go with the cluster's directory. */
  readonly logDirectory?: string;
  readonly binaries?: ServerBinaries;
}

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const WAIT_TIMEOUT_MS = 30_000;
const EXEC_OUTPUT_BYTES = 64 * 1024 * 1024;
const OPERATOR_LABEL = 'app.kubernetes.io/component';

/** Starts a cluster. Throws HarnessError NOT_STARTED with the words of the program that did not. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const binaries = options.binaries ?? serverBinaries();
  const lifeline = await Lifeline.start('cluster');
  const logDirectory = options.logDirectory ?? join(lifeline.directory, 'logs');
  mkdirSync(logDirectory, { recursive: true });
  const nodes: ProcessNode[] = [];
  let plane: ControlPlane | undefined;
  let network: PodNetwork | undefined;
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      await network?.shutdown();
      await plane?.stop();
      await lifeline.end();
    })();
    return stopping;
  };
  try {
    const nodeMonitorGraceSeconds = options.nodeMonitorGraceSeconds ?? 50;
    plane = await startControlPlane({ binaries, lifeline, logDirectory, nodeMonitorGraceSeconds });
    network = new PodNetwork(await claimAddressBlock(), { api: plane.port, store: options.store?.port });
    nodes.push(...(await makeNodes(options, plane, network, lifeline, logDirectory)));
    await Promise.all(nodes.map((node) => node.start()));
    await usable(plane, nodes.length);
    return new ProcessCluster({ plane, network, nodes, logDirectory, binaries, lifeline, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeNodes(
  options: ClusterOptions,
  plane: ControlPlane,
  network: PodNetwork,
  lifeline: Lifeline,
  logDirectory: string,
): Promise<ProcessNode[]> {
  const zones = options.zones ?? ['zone-a', 'zone-b', 'zone-c'];
  const made = zones.map(async (zone, at) => {
    const index = at + 1;
    const name = `node-${index}`;
    await network.attach(index);
    const base = {
      index,
      name,
      hostIP: `10.200.0.${index}`,
      apiPort: plane.port,
      network,
      images: options.images,
      lifeline,
      directory: join(lifeline.directory, name),
      logDirectory,
      crashLoopBaseMs: (options.crashLoopBaseSeconds ?? 10) * 1000,
      isOperator: options.isOperator ?? ((pod: Pod) => pod.metadata.labels?.[OPERATOR_LABEL] === 'operator'),
    };
    const { leaseSeconds = 40, renewSeconds = 10 } = options;
    return new ProcessNode({ base, zone, access: plane.config, leaseSeconds, renewSeconds });
  });
  return Promise.all(made);
}

/** Resolves when a pod could be created, scheduled and given a token. */
async function usable({ api }: ControlPlane, nodes: number): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  const exists = (path: string): Promise<boolean> =>
    api.get(path).then(
      () => true,
      () => false,
    );
  for (;;) {
    const { items } = await api.list<NodeObject>('/api/v1/nodes');
    const open = items.filter((node) => (node.spec?.taints ?? []).length === 0).length;
    const account = await exists('/api/v1/namespaces/default/serviceaccounts/default');
    const root = await exists('/api/v1/namespaces/default/configmaps/kube-root-ca.crt');
    if (open === nodes && account && root) return;
    if (Date.now() > deadline) {
      throw new HarnessError(
        'NOT_STARTED',
        `the cluster is not usable: ${open}/${nodes} nodes without taints, default service account ${account}, root CA ${root}`,
      );
    }
    await sleep(POLL_MS);
  }
}

interface Parts {
  readonly plane: ControlPlane;
  readonly network: PodNetwork;
  readonly nodes: readonly ProcessNode[];
  readonly logDirectory: string;
  readonly binaries: ServerBinaries;
  readonly lifeline: Lifeline;
  readonly stop: () => Promise<void>;
}

class ProcessCluster implements Cluster {
  readonly nodes: readonly ProcessNode[];
  readonly logDirectory: string;
  readonly kubeconfig: string;
  readonly api: ControlPlane['api'];
  readonly apiServer: ControlPlane['apiServer'];
  readonly controllerManager: ControlPlane['controllerManager'];
  readonly scheduler: ControlPlane['scheduler'];
  readonly stop: () => Promise<void>;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.nodes = parts.nodes;
    this.logDirectory = parts.logDirectory;
    this.kubeconfig = parts.plane.config.kubeconfigPath;
    this.api = parts.plane.api;
    this.apiServer = parts.plane.apiServer;
    this.controllerManager = parts.plane.controllerManager;
    this.scheduler = parts.plane.scheduler;
    this.stop = parts.stop;
  }

  dialAddress(podIP: string): string {
    return this.#parts.network.dialAddress(podIP);
  }

  node(name: string): ProcessNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node !== undefined) return node;
    throw new HarnessError(
      'NO_SUCH_NODE',
      `no node ${name}; there are ${this.nodes.map((each) => each.name).join(', ')}`,
    );
  }

  kubectl(args: readonly string[], options: { readonly input?: string } = {}): Promise<ExecResult> {
    return this.#exec(this.#parts.binaries.kubectl, args, options.input);
  }

  helm(args: readonly string[], options: { readonly input?: string } = {}): Promise<ExecResult> {
    return this.#exec(this.#parts.binaries.helm, args, options.input);
  }

  pods(): PodPlacement[] {
    return this.#runners().map((runner) => runner.placement());
  }

  async waitForPod(
    namespace: string,
    name: string,
    condition: (pod: Pod) => boolean,
    timeoutMs: number = WAIT_TIMEOUT_MS,
  ): Promise<Pod> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const pod = await this.api
        .get<Pod>(`/api/v1/namespaces/${namespace}/pods/${name}`)
        .catch(() => undefined);
      if (pod !== undefined && condition(pod)) return pod;
      if (Date.now() > deadline) {
        const log = await this.podLogs(namespace, name).catch(() => '(never ran here)');
        const status = JSON.stringify(pod?.status ?? 'no such pod', null, 1);
        throw new HarnessError(
          'TIMEOUT',
          `pod ${namespace}/${name} after ${timeoutMs} ms: ${status}\nits log:\n${log}`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  async podLogs(namespace: string, name: string, container?: string): Promise<string> {
    const root = join(this.logDirectory, 'pods');
    const live = this.#runners().find(
      ({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name,
    );
    const directory = live?.logDirectory ?? (await newest(root, `${namespace}_${name}_`));
    if (directory === undefined)
      throw new HarnessError('NO_LOGS', `pod ${namespace}/${name} has not run on any node`);
    const files = await readdir(directory);
    const parsed = files.map((file) => /^(.+)\.(\d+)\.log$/.exec(file)!);
    const wanted = parsed.filter((match) => container === undefined || match[1] === container);
    wanted.sort((a, b) => (a[1] === b[1] ? Number(a[2]) - Number(b[2]) : a[1]! < b[1]! ? -1 : 1));
    const texts = await Promise.all(wanted.map((match) => readFile(join(directory, match[0]), 'utf8')));
    return texts.join('');
  }

  killPod(namespace: string, name: string, signal: NodeJS.Signals = 'SIGKILL', container?: string): void {
    this.#runner(namespace, name).signal(signal, container);
  }

  freezePod(namespace: string, name: string): void {
    this.killPod(namespace, name, 'SIGSTOP');
  }

  thawPod(namespace: string, name: string): void {
    this.killPod(namespace, name, 'SIGCONT');
  }

  #runners(): PodRunner[] {
    return this.nodes.flatMap((node) => node.runners);
  }

  #runner(namespace: string, name: string): PodRunner {
    const found = this.#runners().find(
      ({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name,
    );
    if (found !== undefined) return found;
    throw new HarnessError('NO_SUCH_POD', `pod ${namespace}/${name} does not run on any node`);
  }

  #exec(command: string, args: readonly string[], input: string | undefined): Promise<ExecResult> {
    const home = this.#parts.lifeline.directory;
    const env = this.#parts.lifeline.marked({
      PATH: process.env['PATH'],
      HOME: home,
      KUBECONFIG: this.kubeconfig,
    });
    return new Promise((resolve, reject) => {
      const child = execFile(
        command,
        [...args],
        { env, maxBuffer: EXEC_OUTPUT_BYTES },
        (error, stdout, stderr) => {
          if (error !== null && typeof error.code !== 'number') reject(error);
          else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
        },
      );
      child.stdin?.end(input ?? '');
    });
  }
}

/** The newest directory below `root` whose name starts so. */
async function newest(root: string, prefix: string): Promise<string | undefined> {
  const names = await readdir(root).catch(() => [] as string[]);
  const dated = names
    .filter((name) => name.startsWith(prefix))
    .map(async (name) => ({ path: join(root, name), at: (await stat(join(root, name))).mtimeMs }));
  return (await Promise.all(dated)).sort((a, b) => b.at - a.at)[0]?.path;
}
