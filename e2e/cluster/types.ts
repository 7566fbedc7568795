/**
 * What a scenario may ask of a cluster, whatever its nodes are made of: process nodes (process-cluster.ts) or, in
 * the full run, real nodes with kubelet and containerd.
 *
 * 1. A fault that a kind of node cannot produce throws HarnessError; it is never skipped silently.
 * 2. Addresses in the API (10.244.n.m) are for the API; whoever dials a pod from the harness asks `dialAddress` first.
 */
import type { ApiClient } from './api-client.ts';
import type { Pod } from './kube-types.ts';

/** Kinds of traffic that can be cut, as seen from a node's pods. */
export type TrafficClass = 'api' | 'store' | 'operator' | 'peers';

/**
 * One link of a node to the rest of the world. `direction` tells who dialled: `outbound` are connections that this node's pods (and, to the
 * API, the node's agent) open; `inbound` are those that pods of other nodes open to pods here.
 * `operator`: either end is an operator pod. `peers`: any other pair of pods on two nodes.
 */
export interface Link {
  readonly traffic: TrafficClass | 'all';
  readonly direction?: 'inbound' | 'outbound' | 'both';
}

/** A node and its faults. */
export interface ClusterNode {
  readonly name: string;
  readonly zone: string;
  readonly state: 'running' | 'frozen' | 'down';
  /** The node goes silent: every process of its pods stops, the agent writes nothing, no socket closes. */
  freeze(): void;
  /** Everything goes on where it stopped. */
  thaw(): void;
  /** Everything on the node dies at once (SIGKILL) and nobody reports it. */
  kill(): Promise<void>;
  /** Boots a killed node; its pods that still belong here start anew. Resolves when it is registered. */
  start(): Promise<void>;
  /** Black-holes a link: existing and new connections hear nothing; no FIN, no RST. */
  cut(link: TrafficClass | 'all' | Link): void;
  /** Ends a cut (all of them without an argument): new connections work, those that were silent are reset. */
  heal(link?: TrafficClass | 'all' | Link): void;
}

/** What runs where, by the harness' own knowledge (not the API's). */
export interface PodPlacement {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly podIP: string;
  /** Where the harness reaches it. */
  readonly dialAddress: string;
  readonly containers: readonly {
    readonly name: string;
    readonly pid: number | undefined;
    readonly restarts: number;
  }[];
}

/** How a helper program ended. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Faults of one control-plane program. */
export interface ServerSwitch {
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  /** Starts it again as it was (same port and data); resolves when it is ready. */
  restart(): Promise<void>;
}

/** A running cluster. */
export interface Cluster {
  /** Path of the admin kubeconfig. */
  readonly kubeconfig: string;
  /** The harness' own admin client. */
  readonly api: ApiClient;
  readonly nodes: readonly ClusterNode[];
  /** Directory with one log file per program. */
  readonly logDirectory: string;
  readonly apiServer: ServerSwitch;
  readonly controllerManager: ServerSwitch;
  readonly scheduler: ServerSwitch;
  /** The node of that name; throws HarnessError NO_SUCH_NODE. */
  node(name: string): ClusterNode;
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<ExecResult>;
  helm(args: readonly string[], options?: { readonly input?: string }): Promise<ExecResult>;
  pods(): PodPlacement[];
  /** Polls the API until `condition` holds for the pod. Throws HarnessError TIMEOUT with the pod's status and log. */
  waitForPod(
    namespace: string,
    name: string,
    condition: (pod: Pod) => boolean,
    timeoutMs?: number,
  ): Promise<Pod>;
  /** Everything the newest pod of that name has printed, over all restarts. */
  podLogs(namespace: string, name: string, container?: string): Promise<string>;
  /** Sends to every container's process group (of one container when named); the pod object is not touched. */
  killPod(namespace: string, name: string, signal?: NodeJS.Signals, container?: string): void;
  freezePod(namespace: string, name: string): void;
  thawPod(namespace: string, name: string): void;
  /** The address at which the harness reaches a pod IP of the API. */
  dialAddress(podIP: string): string;
  /** Ends everything the cluster started. Idempotent. */
  stop(): Promise<void>;
}
