/**
 * A process node: a Node of the cluster whose pods are plain child processes of the harness. Needs no root and no container
 * runtime; dies, freezes and loses its links on demand.
 *
 * Kubelet behaviours it does not have:
 * - isolation: no namespaces, cgroups or users; securityContext and resource limits are not enforced (requests count for the
 *   scheduler). Containers share the machine's file system: a mountPath works where it stands in command, args, env values or workingDir,
 *   and nowhere else (not in files, not in a program's own constants);
 * - images: an image is an entry of the image map, nothing is pulled;
 * - network: see pod-network.ts; no DNS, no Services (no kube-proxy; clients read EndpointSlices), no service variables but
 *   KUBERNETES_*; 127.0.0.1 is shared by all pods; only Node programs are led through the gateways;
 * - kubectl logs, exec, attach and port-forward (no kubelet server): the harness reads logs by `podLogs`;
 * - updates of mounted secrets and config maps, ephemeral containers, sidecars, lifecycle hooks, gRPC probes, persistent volumes,
 *   static pods, eviction by pressure, image and container garbage collection (unsupported.ts refuses what would be missed);
 * - an identity of its own: the agent speaks as the cluster's admin (pods never do).
 *
 * 1. Pods' processes are direct children of the harness; an exit is seen at once and reported without waiting for a cycle.
 * 2. Frozen, the node says nothing and does nothing, and closes nothing (node-context.ts: one gate).
 * 3. Killed, it reports nothing; booted again, its pods are found gone, as after a loss of power.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from './api-client.ts';
import { HarnessError, messageOf } from './errors.ts';
import type { Pod } from './kube-types.ts';
import { Gate, type NodeContext } from './node-context.ts';
import { heartbeat, register, type Heartbeat } from './node-object.ts';
import { PodRunner } from './pod-runner.ts';
import type { ClusterNode, Link, TrafficClass } from './types.ts';

const RELIST_PAUSE_MS = 100;

/** What a node is made from; the rest of its context it makes itself. */
export interface ProcessNodeOptions extends Heartbeat {
  readonly base: Omit<NodeContext, 'api' | 'signal' | 'isFrozen' | 'awake' | 'log'>;
  readonly zone: string;
  readonly access: ConstructorParameters<typeof ApiClient>[0];
}

/** See the header. */
export class ProcessNode implements ClusterNode {
  readonly name: string;
  readonly zone: string;
  readonly #options: ProcessNodeOptions;
  readonly #gate = new Gate();
  readonly #runners = new Map<string, PodRunner>();
  #state: 'running' | 'frozen' | 'down' = 'down';
  #life = new AbortController();
  #work: Promise<unknown> = Promise.resolve();
  #api: ApiClient | undefined;

  constructor(options: ProcessNodeOptions) {
    this.name = options.base.name;
    this.zone = options.zone;
    this.#options = options;
    mkdirSync(options.base.directory, { recursive: true });
  }

  get state(): 'running' | 'frozen' | 'down' {
    return this.#state;
  }

  /** The pods that run here. */
  get runners(): readonly PodRunner[] {
    return [...this.#runners.values()];
  }

  async start(): Promise<void> {
    if (this.#state !== 'down')
      throw new HarnessError('NODE_NOT_DOWN', `node ${this.name} is ${this.#state}; kill() it first`);
    this.#state = 'running';
    this.#life = new AbortController();
    const { base, access } = this.#options;
    const gate = (): Promise<void> => this.#gate.pass();
    const api = new ApiClient({ ...access, via: base.network.apiVia(base.index), gate });
    this.#api = api;
    const context: NodeContext = {
      ...base,
      api,
      signal: this.#life.signal,
      isFrozen: () => this.#gate.isShut,
      awake: gate,
      log: (line) =>
        appendFileSync(join(base.logDirectory, `${base.name}.log`), `${new Date().toISOString()} ${line}\n`),
    };
    await register(context, this.zone, this.#options);
    this.#work = Promise.all([heartbeat(context, this.zone, this.#options), this.#follow(context)]);
  }

  freeze(): void {
    this.#require('running', 'freeze');
    this.#state = 'frozen';
    this.#gate.shut();
    for (const runner of this.#runners.values()) runner.signal('SIGSTOP');
  }

  thaw(): void {
    this.#require('frozen', 'thaw');
    this.#state = 'running';
    for (const runner of this.#runners.values()) runner.signal('SIGCONT');
    this.#gate.open();
  }

  async kill(): Promise<void> {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#life.abort();
    const runners = [...this.#runners.values()];
    this.#runners.clear();
    const dead = runners.map((runner) => runner.powerOff());
    this.#gate.open(); // whatever waited there finds the node dead
    await Promise.all(dead);
    await this.#api?.close();
    await this.#work;
    await Promise.all(runners.map((runner) => runner.done));
  }

  cut(link: TrafficClass | 'all' | Link): void {
    this.#options.base.network.cut(this.#options.base.index, asLink(link));
  }

  heal(link: TrafficClass | 'all' | Link = 'all'): void {
    this.#options.base.network.heal(this.#options.base.index, asLink(link));
  }

  #require(state: 'running' | 'frozen', action: string): void {
    if (this.#state === state) return;
    throw new HarnessError('NODE_STATE', `cannot ${action} node ${this.name}: it is ${this.#state}`);
  }

  /** Follows the pods bound to this node until it dies. Never rejects. */
  async #follow(context: NodeContext): Promise<void> {
    const { api, signal } = context;
    const path = `/api/v1/pods?fieldSelector=spec.nodeName=${this.name}`;
    while (!signal.aborted) {
      try {
        const { items, resourceVersion } = await api.list<Pod>(path, signal);
        await context.awake();
        if (signal.aborted) return;
        this.#replace(items, context);
        for await (const { type, object } of api.watch<Pod>(path, resourceVersion, signal)) {
          await context.awake();
          if (signal.aborted) return;
          if (type === 'DELETED') this.#forget(object.metadata.uid!);
          else if (type !== 'BOOKMARK') this.#upsert(object, context);
        }
      } catch (error) {
        if (signal.aborted) return;
        context.log(`pods: ${messageOf(error)}`);
      }
      await sleep(RELIST_PAUSE_MS, undefined, { signal }).catch(() => {}); // the loop's condition sees the abort
    }
  }

  #replace(pods: readonly Pod[], context: NodeContext): void {
    const present = new Set(pods.map((pod) => pod.metadata.uid));
    for (const uid of this.#runners.keys()) if (!present.has(uid)) this.#forget(uid);
    for (const pod of pods) this.#upsert(pod, context);
  }

  #upsert(pod: Pod, context: NodeContext): void {
    const runner = this.#runners.get(pod.metadata.uid!);
    if (runner === undefined) this.#runners.set(pod.metadata.uid!, new PodRunner(pod, context));
    else runner.update(pod);
  }

  /** The pod left the API. Its runner stays listed until its processes are gone, unless they already are. */
  #forget(uid: string): void {
    const runner = this.#runners.get(uid);
    if (runner === undefined) return;
    runner.vanish();
    void runner.done.then(() => this.#runners.delete(uid)); // done never rejects
  }
}

function asLink(link: TrafficClass | 'all' | Link): Link {
  return typeof link === 'string' ? { traffic: link } : link;
}
