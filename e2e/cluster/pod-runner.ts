/**
 * One pod on a process node, from its binding to its removal from the API.
 *
 * 1. What the API is told is the present truth: the status is computed when it is written, the newest replaces what was not written yet.
 * 2. The pod's address is reachable everywhere before it is in any status (pod-network.ts).
 * 3. A pod that ended never runs again; a pod that is deleted leaves the API only after its last process is gone.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasStatus } from './api-client.ts';
import { ContainerRunner } from './container-runner.ts';
import { prepareContainer } from './container-setup.ts';
import { messageOf } from './errors.ts';
import { type Condition, type Container, type ContainerStatus, kubeTime, type Pod } from './kube-types.ts';
import type { NodeContext } from './node-context.ts';
import type { PodAddress } from './pod-network.ts';
import { endedPhase, type PodFacts, podConditions, podPhase, podStatus } from './pod-status.ts';
import { prepareVolumes, type TokenFile, writeToken } from './pod-volumes.ts';
import type { PodPlacement } from './types.ts';
import { unsupported } from './unsupported.ts';

const DEFAULT_GRACE_SECONDS = 30;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1000;

/** See the header. */
export class PodRunner {
  readonly uid: string;
  /** Resolves when the pod needs nothing of this node any more. */
  readonly done: Promise<void>;
  readonly logDirectory: string;
  readonly #node: NodeContext;
  readonly #path: string;
  readonly #directory: string;
  readonly #startTime: string;
  readonly #stop = new AbortController();
  #pod: Pod;
  #address: PodAddress | undefined;
  #init: readonly ContainerRunner[] = [];
  #main: readonly ContainerRunner[] = [];
  #conditions: readonly Condition[];
  #verdict: PodFacts['verdict'];
  #ended: 'Succeeded' | 'Failed' | undefined;
  #vanished = false;
  #dirty = false;
  #writing: Promise<void> | undefined;
  #terminating: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  constructor(pod: Pod, node: NodeContext) {
    const { namespace, name, uid } = pod.metadata;
    this.uid = uid!;
    this.#node = node;
    this.#pod = pod;
    this.#path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    this.#directory = join(node.directory, 'pods', this.uid);
    this.logDirectory = join(node.logDirectory, 'pods', `${namespace}_${name}_${this.uid}`);
    this.#startTime = pod.status?.startTime ?? kubeTime();
    this.#conditions = pod.status?.conditions ?? [];
    this.done = this.#run().catch((error: unknown) => {
      if (!node.signal.aborted) node.log(`pod ${namespace}/${name}: ${messageOf(error)}`);
    });
    if (pod.metadata.deletionTimestamp !== undefined) this.#terminate();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The API's newest word about the pod. */
  update(pod: Pod): void {
    const gates = (this.#pod.spec.readinessGates ?? []).length > 0;
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) this.#terminate();
    else if (this.#contradicts(pod) || (gates && this.#gatesMoved())) this.#changed();
  }

  /** The pod is no longer in the API: nothing may be left of it, and nothing is left to be said. */
  vanish(): void {
    this.#vanished = true;
    this.#stop.abort();
    this.#terminating.resolve();
    for (const runner of this.#runners()) runner.terminate(0);
  }

  /** The node is dead. Resolves when every process is. */
  async powerOff(): Promise<void> {
    this.#vanished = true;
    this.#stop.abort();
    this.#terminating.resolve();
    await Promise.all(this.#runners().map((runner) => runner.powerOff()));
    if (this.#address !== undefined) this.#node.network.remove(this.#address);
  }

  /** Sends to the process groups of all containers, or of one. */
  signal(signal: NodeJS.Signals, container?: string): void {
    for (const runner of this.#runners()) {
      if (container === undefined || runner.spec.name === container) runner.signal(signal);
    }
  }

  placement(): PodPlacement {
    const { namespace, name } = this.#pod.metadata;
    return {
      namespace: namespace!,
      name,
      uid: this.uid,
      node: this.#node.name,
      podIP: this.#address?.podIP ?? '',
      dialAddress: this.#address?.dial ?? '',
      containers: this.#runners().map(({ spec, pid, restarts }) => ({ name: spec.name, pid, restarts })),
    };
  }

  #runners(): ContainerRunner[] {
    return [...this.#init, ...this.#main];
  }

  async #run(): Promise<void> {
    await this.#node.awake();
    const phase = this.#pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed') this.#ended = phase;
    else if (this.#pod.metadata.deletionTimestamp === undefined) await this.#live();
    if (this.#vanished) return this.#clean();
    await this.#terminating.promise;
    if (!this.#vanished) await this.#leave();
    this.#clean();
  }

  /** Runs the pod until all of its containers have ended for good. */
  async #live(): Promise<void> {
    const node = this.#node;
    const refusal = unsupported(this.#pod);
    if (refusal !== undefined) {
      this.#verdict = { phase: 'Failed', reason: 'UnsupportedByProcessNode', message: refusal };
      return this.#end('Failed');
    }
    mkdirSync(this.#directory, { recursive: true });
    mkdirSync(this.logDirectory, { recursive: true });
    const address = node.network.allocate(node.index);
    this.#address = address;
    const ports = this.#pod.spec.containers.flatMap((container) =>
      (container.ports ?? []).map((port) => port.containerPort),
    );
    await node.network.add({ node: node.index, address, ports, isOperator: node.isOperator(this.#pod) });
    this.#makeRunners(address);
    const tokens = await this.#prepareVolumes(address);
    void this.#renewTokens(tokens, address); // handles its own errors
    for (const runner of this.#init) {
      await runner.run();
      if (this.#stop.signal.aborted || runner.status().state.terminated?.exitCode !== 0) break;
    }
    const initialized = this.#init.every((runner) => runner.status().state.terminated?.exitCode === 0);
    if (initialized) await Promise.all(this.#main.map((runner) => runner.run()));
    this.#end(endedPhase(this.#facts()));
  }

  #makeRunners(address: PodAddress): void {
    const { spec, status } = this.#pod;
    const policy = spec.restartPolicy ?? 'Always';
    const rerun = (exit: number): boolean => policy === 'Always' || (policy === 'OnFailure' && exit !== 0);
    const make = (kind: 'init' | 'main', waiting: string) => (container: Container) => {
      const host = {
        node: this.#node,
        dial: address.dial,
        graceMs: () => this.#graceMs(),
        prepare: (wanted: Container) =>
          prepareContainer(
            wanted,
            { pod: this.#pod, address, directory: this.#directory },
            this.#node,
            this.#stop.signal,
          ),
        logFile: (name: string, restart: number) => join(this.logDirectory, `${name}.${restart}.log`),
        shouldRestart: kind === 'main' ? rerun : (exit: number) => exit !== 0 && policy !== 'Never',
        changed: () => this.#changed(),
      };
      const known: readonly ContainerStatus[] =
        (kind === 'main' ? status?.containerStatuses : undefined) ?? [];
      return new ContainerRunner(
        container,
        host,
        waiting,
        known.find(({ name }) => name === container.name),
      );
    };
    const inits = spec.initContainers ?? [];
    this.#init = inits.map(make('init', 'PodInitializing'));
    this.#main = spec.containers.map(
      make('main', inits.length > 0 ? 'PodInitializing' : 'ContainerCreating'),
    );
  }

  async #prepareVolumes(address: PodAddress): Promise<TokenFile[]> {
    for (let wait = RETRY_MIN_MS; !this.#stop.signal.aborted; wait = Math.min(2 * wait, RETRY_MAX_MS)) {
      try {
        return await prepareVolumes(this.#volumeContext(address));
      } catch (error) {
        this.#node.log(`pod ${this.#path}: volumes: ${messageOf(error)}`);
        this.#changed();
        await this.#pause(wait);
      }
    }
    return [];
  }

  #volumeContext(address: PodAddress): Parameters<typeof prepareVolumes>[0] {
    const { api, hostIP } = this.#node;
    const signal = this.#stop.signal;
    return { api, pod: this.#pod, podIP: address.dial, hostIP, directory: this.#directory, signal };
  }

  /** Keeps tokens fresh for as long as the pod lives. Never rejects: an API server that is away is asked again. */
  async #renewTokens(tokens: readonly TokenFile[], address: PodAddress): Promise<void> {
    let files = tokens;
    while (files.length > 0 && !this.#stop.signal.aborted) {
      await this.#pause(
        Math.max(RETRY_MAX_MS, Math.min(...files.map(({ renewAt }) => renewAt)) - Date.now()),
      );
      if (this.#stop.signal.aborted) return;
      const renewed = files.map(async (file) =>
        file.renewAt > Date.now()
          ? file
          : writeToken(file.path, file.source, this.#volumeContext(address)).catch(() => file),
      );
      files = await Promise.all(renewed);
    }
  }

  #graceMs(): number {
    const { metadata, spec } = this.#pod;
    return (
      (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) *
      1000
    );
  }

  #terminate(): void {
    this.#stop.abort();
    this.#terminating.resolve();
    for (const runner of this.#runners()) runner.terminate(this.#graceMs());
  }

  #end(phase: 'Succeeded' | 'Failed' | 'Pending' | 'Running' | 'Unknown'): void {
    this.#ended = phase === 'Succeeded' ? 'Succeeded' : 'Failed';
    this.#changed();
  }

  /** The last words about a pod that was told to go, then its removal. */
  async #leave(): Promise<void> {
    await this.#writing;
    const options = { gracePeriodSeconds: 0, preconditions: { uid: this.uid } };
    for (let wait = RETRY_MIN_MS; !this.#vanished; wait = Math.min(2 * wait, RETRY_MAX_MS)) {
      try {
        return await this.#node.api.delete(this.#path, options);
      } catch (error) {
        if (hasStatus(error, 404, 409) || this.#node.signal.aborted) return;
        await sleep(wait);
      }
    }
  }

  #clean(): void {
    if (this.#address !== undefined) this.#node.network.remove(this.#address);
    if (!this.#node.signal.aborted) rmSync(this.#directory, { recursive: true, force: true });
  }

  #facts(): PodFacts {
    return {
      init: this.#init.map((runner) => runner.status()),
      main: this.#main.map((runner) => runner.status()),
      podIP: this.#address?.podIP,
      hostIP: this.#node.hostIP,
      startTime: this.#startTime,
      verdict: this.#verdict,
    };
  }

  /**
   * Whether the API says something else of the pod's readiness than this node last said: the node controller marks the pods of a silent node
   * NotReady, and the node puts that right when it is back.
   */
  #contradicts(pod: Pod): boolean {
    if (this.#writing !== undefined) return false;
    const theirs = pod.status?.conditions?.find(({ type }) => type === 'Ready');
    const ours = this.#conditions.find(({ type }) => type === 'Ready');
    return theirs !== undefined && ours !== undefined && theirs.status !== ours.status;
  }

  #gatesMoved(): boolean {
    const phase = podPhase(this.#pod, this.#facts());
    const next = podConditions(this.#pod, this.#facts(), phase, this.#conditions, kubeTime());
    return next.some(
      ({ type, status }) => this.#conditions.find((old) => old.type === type)?.status !== status,
    );
  }

  #changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#write();
  }

  /** Writes the status until it is what was last announced. Never rejects. */
  async #write(): Promise<void> {
    for (let wait = RETRY_MIN_MS; this.#dirty && !this.#vanished;) {
      await this.#node.awake(); // also lets changes of the same moment become one write
      this.#dirty = false;
      const facts = this.#facts();
      const phase = this.#ended ?? podPhase(this.#pod, facts);
      const now = kubeTime();
      const status = podStatus(this.#pod, facts, phase, this.#conditions, now);
      this.#conditions = podConditions(this.#pod, facts, phase, this.#conditions, now);
      const body = { metadata: { uid: this.uid }, status };
      try {
        await this.#node.api.patch(
          `${this.#path}/status`,
          body,
          'strategic-merge-patch+json',
          this.#node.signal,
        );
        wait = RETRY_MIN_MS;
      } catch (error) {
        if (hasStatus(error, 404, 409)) break;
        if (this.#node.signal.aborted) break;
        this.#node.log(`pod ${this.#path}: status: ${messageOf(error)}`);
        this.#dirty = true;
        await sleep(wait);
        wait = Math.min(2 * wait, RETRY_MAX_MS);
      }
    }
    this.#writing = undefined;
  }

  /** Sleeps; the pod's end ends the sleep early. */
  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}
