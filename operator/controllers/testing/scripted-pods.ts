/**
 * Pods as a kubelet and real agents would run them, over a ScriptedKube: they get a node and an address, restore, tail, follow their orders,
 * fence each other at one log, and speak. A pod or a node can be killed, frozen or cut.
 *
 * Known gaps: the log is the highest fenced term and a head that grows; a fenced primary finds out within FENCED_AFTER_MS; pods restore in a
 * fixed time; peers hear each other as the operator does.
 */
import { KINDS, LABELS, parseShard, type Assignment, type HeartbeatLine } from '../../../src/api/index.ts';
import type { HeartbeatClientOptions, HeartbeatView } from '../../../src/agent/heartbeat/index.ts';
import type { Clock } from '../../../src/base/index.ts';
import { RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import type { HeartbeatStream } from '../shard/streams.ts';
import type { ScriptedKube } from './scripted-kube.ts';

const START_MS = 200;
const RESTORE_MS = 800;
const PERIOD_MS = 1_000;
const STEP_MS = 20;
const FENCED_AFTER_MS = 100;
const FENCE_MS = 30;
const REPLAY_MS = 10;
const OPEN_MS = 20;
const RECONNECT_MS = 50;
const WAIT_FOR_PREDECESSOR_MS = 2_000;

interface Pod {
  readonly object: KubeObject;
  readonly address: string;
  readonly node: string;
  readonly bornMs: number;
  state: HeartbeatLine['state'];
  term: number;
  applied: number;
  spokeMs: number;
  promotedAtMs: number;
  waitUntilMs: number;
  fencedAtMs: number | undefined;
  exitCode: number | undefined;
  released: boolean;
  frozenUntilMs: number;
  readonly listeners: Set<ScriptedStream>;
}

export class ScriptedPods {
  readonly kube: ScriptedKube;
  readonly clock: Clock;
  readonly nodes: readonly string[];
  readonly #pods = new Map<string, Pod>();
  readonly #fenced = new Map<string, number>();
  readonly #stop = new AbortController();
  head = 1_000;
  /** What every pod says of its restore. */
  hints: HeartbeatLine['hints'];
  /** No agent sees its orders: the API server is away for them. */
  ordersCut = false;
  /** Every moment at which two pods of one shard served the same log: must stay empty. */
  readonly doubleServing: string[] = [];
  #addresses = 0;

  constructor(kube: ScriptedKube, nodes: readonly string[]) {
    this.kube = kube;
    this.clock = kube.clock;
    this.nodes = nodes;
    for (const name of nodes)
      kube.create(
        RESOURCES.node,
        {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name },
          status: { conditions: [{ type: 'Ready', status: 'True' }] },
        },
        'kubelet',
      );
  }

  /** Runs until stop(). */
  async run(): Promise<void> {
    try {
      for (;;) {
        this.#step();
        await this.clock.sleep(STEP_MS, this.#stop.signal);
      }
    } catch {
      return; // stopped
    }
  }

  stop(): void {
    this.#stop.abort(new Error('the scripted pods stop'));
  }

  pod(name: string): Pod {
    return this.#pods.get(name)!;
  }

  get names(): readonly string[] {
    return [...this.#pods.keys()];
  }

  /** The pod that serves a shard's log, if one does. */
  serving(shard: string): string | undefined {
    const fenced = this.#fenced.get(shard);
    return [...this.#pods].find(
      ([, p]) =>
        shardOf(p.object) === shard && p.state === 'serving' && p.exitCode === undefined && p.term === fenced,
    )?.[0];
  }

  /** SIGKILL: connections close at once and nobody listens any more. */
  kill(name: string): void {
    this.#exit(this.pod(name), 137);
  }

  /** Ends by itself, with the end of its log as the kubelet reports it. */
  fail(name: string, code: number, message: string): void {
    this.#exit(this.pod(name), code, message);
  }

  /** SIGSTOP, or a silent node: no line, no closed connection. */
  freeze(name: string, ms: number): void {
    this.pod(name).frozenUntilMs = this.clock.monotonicMs() + ms;
  }

  connect(options: HeartbeatClientOptions): HeartbeatStream {
    return new ScriptedStream(this, options);
  }

  /** Where a stream would connect to. */
  at(address: string): Pod | undefined {
    return [...this.#pods.values()].find((pod) => pod.address === address);
  }

  line(pod: Pod): HeartbeatLine {
    const now = this.clock.monotonicMs();
    const { name, uid, namespace } = pod.object.metadata;
    const peers = [...this.#pods.values()]
      .filter((p) => p !== pod && shardOf(p.object) === shardOf(pod.object))
      .map((p) => ({ pod: p.object.metadata.name, silentMs: now - p.spokeMs, state: p.state }));
    return {
      v: 1,
      pod: name,
      uid,
      shard: shardOf(pod.object),
      namespace: namespace!,
      state: pod.state,
      term: pod.term,
      appliedOffset: pod.applied,
      headOffset: this.head,
      peers,
      uptimeMs: now - pod.bornMs,
      eventLoopLagMs: 0,
      ...(this.hints ? { hints: this.hints } : {}),
      ...(pod.state === 'serving'
        ? { handoff: { term: pod.term, fenceMs: FENCE_MS, replayMs: REPLAY_MS, openMs: OPEN_MS } }
        : {}),
      ...(pod.released ? { released: true } : {}),
    };
  }

  #step(): void {
    const now = this.clock.monotonicMs();
    this.head += 10;
    for (const object of this.kube.all(RESOURCES.pod)) this.#kubelet(object);
    for (const [name, pod] of this.#pods) {
      const stored = this.kube.find(RESOURCES.pod, pod.object.metadata);
      if (stored === undefined) {
        if (pod.exitCode === undefined) this.#exit(pod, 0); // forced out: garbage collection
        this.#pods.delete(name);
      } else if (pod.exitCode !== undefined && stored.metadata.deletionTimestamp !== undefined) {
        this.kube.remove(RESOURCES.pod, pod.object.metadata, 'kubelet');
        this.#pods.delete(name);
      } else if (pod.exitCode === undefined && now >= pod.frozenUntilMs) {
        this.#live(pod, stored, now);
        if (now - pod.spokeMs >= PERIOD_MS) this.#speak(pod);
      }
    }
    this.#judge();
  }

  /** Gives a new pod its place, and starts its process. */
  #kubelet(object: KubeObject): void {
    const { name, uid } = object.metadata;
    if (this.#pods.get(name)?.object.metadata.uid === uid) return;
    const load = (node: string): number =>
      [...this.#pods.values()].filter((p) => p.node === node && p.exitCode === undefined).length;
    const node = [...this.nodes].sort((a, b) => load(a) - load(b))[0]!;
    const address = `10.0.0.${++this.#addresses}`;
    const now = this.clock.monotonicMs();
    this.#pods.set(name, {
      object,
      address,
      node,
      bornMs: now,
      state: 'starting',
      term: 0,
      applied: 0,
      spokeMs: now,
      promotedAtMs: 0,
      waitUntilMs: 0,
      fencedAtMs: undefined,
      exitCode: undefined,
      released: false,
      frozenUntilMs: now + START_MS,
      listeners: new Set(),
    });
    const status = { phase: 'Running', podIP: address, containerStatuses: [{ name: 'shard', state: {} }] };
    this.kube.change(RESOURCES.pod, object.metadata, { spec: { nodeName: node }, status }, 'all', 'kubelet');
  }

  #live(pod: Pod, stored: KubeObject, now: number): void {
    const shard = shardOf(pod.object);
    const fenced = this.#fenced.get(shard) ?? 0;
    if (stored.metadata.deletionTimestamp !== undefined) {
      this.#release(pod);
      return;
    }
    if (pod.state === 'starting') this.#enter(pod, 'restoring');
    if (pod.state === 'restoring' && now - pod.bornMs >= START_MS + RESTORE_MS) this.#enter(pod, 'tailing');
    const order = this.ordersCut ? undefined : this.#assignment(pod);
    if (pod.state === 'tailing') {
      pod.applied = this.head;
      if (order && order.primary === pod.object.metadata.name && order.term > pod.term) {
        pod.term = order.term;
        pod.waitUntilMs = order.planned && order.from ? now + WAIT_FOR_PREDECESSOR_MS : now;
        this.#enter(pod, 'promoting');
      }
      return;
    }
    if (pod.state === 'promoting') this.#promote(pod, shard, fenced, order, now);
    else if (pod.state === 'serving') this.#serve(pod, fenced, order, now);
  }

  #promote(pod: Pod, shard: string, fenced: number, order: Assignment | undefined, now: number): void {
    if (pod.term <= fenced && pod.promotedAtMs === 0) return this.#exit(pod, 20);
    const before = order?.from === undefined ? undefined : this.#pods.get(order.from);
    const waits = now < pod.waitUntilMs && before !== undefined && before.exitCode === undefined;
    if (waits) return undefined;
    if (pod.promotedAtMs === 0) {
      pod.promotedAtMs = now;
      this.#fenced.set(shard, pod.term);
    }
    if (pod.term < fenced) return this.#exit(pod, 20);
    if (now - pod.promotedAtMs >= FENCE_MS + REPLAY_MS + OPEN_MS) this.#enter(pod, 'serving');
    return undefined;
  }

  #serve(pod: Pod, fenced: number, order: Assignment | undefined, now: number): void {
    pod.applied = this.head;
    if (pod.term < fenced) {
      pod.fencedAtMs ??= now;
      if (now - pod.fencedAtMs >= FENCED_AFTER_MS) this.#exit(pod, 20);
    } else if (order && order.term > pod.term && order.primary !== pod.object.metadata.name) {
      this.#release(pod);
    }
  }

  #release(pod: Pod): void {
    pod.released = pod.state === 'serving';
    this.#enter(pod, 'stopped');
    this.#exit(pod, 0);
  }

  #assignment(pod: Pod): Assignment | undefined {
    const { namespace } = pod.object.metadata;
    const object = this.kube.find(KINDS.shard, { namespace, name: shardOf(pod.object) });
    return object && parseShard(object).status?.assignment;
  }

  #enter(pod: Pod, state: Pod['state']): void {
    pod.state = state;
    this.#speak(pod);
  }

  #speak(pod: Pod): void {
    pod.spokeMs = this.clock.monotonicMs();
    for (const listener of pod.listeners) listener.hear(this.line(pod));
  }

  #exit(pod: Pod, code: number, message = ''): void {
    if (pod.exitCode !== undefined) return;
    pod.exitCode = code;
    for (const listener of pod.listeners) listener.closed();
    pod.listeners.clear();
    const status = {
      phase: code === 0 ? 'Succeeded' : 'Failed',
      containerStatuses: [{ name: 'shard', state: { terminated: { exitCode: code, message } } }],
    };
    // The kubelet notices a while after the connection is gone.
    this.clock.timer(300, () => {
      if (this.kube.find(RESOURCES.pod, pod.object.metadata))
        this.kube.change(RESOURCES.pod, pod.object.metadata, { status }, 'all', 'kubelet');
    });
  }

  #judge(): void {
    const serving = new Map<string, string>();
    for (const [name, pod] of this.#pods) {
      const shard = shardOf(pod.object);
      if (pod.state !== 'serving' || pod.exitCode !== undefined || pod.term !== this.#fenced.get(shard))
        continue;
      if (serving.has(shard))
        this.doubleServing.push(`${name} and ${serving.get(shard)} at ${this.clock.monotonicMs()}`);
      serving.set(shard, name);
    }
  }
}

function shardOf(pod: KubeObject): string {
  return pod.metadata.labels![LABELS.shard]!;
}

/** One operator's heartbeat stream to one scripted pod. */
class ScriptedStream implements HeartbeatStream {
  readonly #pods: ScriptedPods;
  readonly #options: HeartbeatClientOptions;
  #view: HeartbeatView = {
    connection: { kind: 'connecting', failures: 0 },
    line: undefined,
    lineAtMs: undefined,
  };
  #ended = false;

  constructor(pods: ScriptedPods, options: HeartbeatClientOptions) {
    this.#pods = pods;
    this.#options = options;
  }

  get view(): HeartbeatView {
    return this.#view;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let connectedTo: Pod | undefined;
    try {
      while (!signal.aborted) {
        const pod = this.#pods.at(this.#options.host);
        const frozen = pod !== undefined && clock.monotonicMs() < pod.frozenUntilMs;
        if (connectedTo === undefined && pod?.exitCode === undefined && pod && !frozen) {
          connectedTo = pod;
          pod.listeners.add(this);
          this.#change({ ...this.#view, connection: { kind: 'open', sinceMs: clock.monotonicMs() } });
          this.hear(this.#pods.line(pod));
        } else if (connectedTo !== undefined && !connectedTo.listeners.has(this)) {
          connectedTo = undefined;
          this.#refused();
        } else if (connectedTo === undefined && !frozen) {
          this.#refused();
        }
        await clock.sleep(RECONNECT_MS, signal);
      }
    } catch {
      return; // only an abort rejects the sleep
    } finally {
      this.#ended = true;
      connectedTo?.listeners.delete(this);
    }
  }

  hear(line: HeartbeatLine): void {
    if (this.#ended || line.uid !== this.#options.uid) return;
    this.#change({ ...this.#view, line, lineAtMs: this.#options.clock.monotonicMs() });
  }

  closed(): void {
    if (this.#ended) return;
    const sinceMs = this.#options.clock.monotonicMs();
    this.#change({ ...this.#view, connection: { kind: 'closed', sinceMs, failures: 0, refused: false } });
  }

  #refused(): void {
    const { connection } = this.#view;
    if (connection.kind !== 'closed' || connection.refused) return;
    this.#change({
      ...this.#view,
      connection: { ...connection, failures: connection.failures + 1, refused: true },
    });
  }

  #change(view: HeartbeatView): void {
    this.#view = view;
    this.#options.onChange(view);
  }
}
