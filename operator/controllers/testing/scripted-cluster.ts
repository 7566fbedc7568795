/**
 * A whole small cluster on a virtual clock: API server, pods, a store, and operators assembled by the very code of main.ts.
 */
import { GROUP_VERSION, KINDS, parseShard, type Condition, type Shard } from '../../../src/api/index.ts';
import { createMetrics, silentLogger, type Logger, type Metrics } from '../../../src/base/index.ts';
import { seededRandom, VirtualClock, type SeededRandom } from '../../../src/base/testing/index.ts';
import { RESOURCES, type KubeManifest, type KubeObject, type Resource } from '../../../src/kube/index.ts';
import type { ObjectStore } from '../../../src/store/index.ts';
import { FaultyStore, MemoryStore } from '../../../src/store/testing/index.ts';
import { assemble } from '../../main.ts';
import { operatorSettings } from '../../options.ts';
import type { Manager, ManagerEnd } from '../../runtime/index.ts';
import { PausableClock } from '../../runtime/testing/pausable-clock.ts';
import { EVENT } from '../kinds.ts';
import { ScriptedKube, ScriptedKubeClient } from './scripted-kube.ts';
import { ScriptedPods } from './scripted-pods.ts';

export const NAMESPACE = 'shop';
const NODES = ['n1', 'n2', 'n3'];
/** Longest wait for a state of affairs, virtual ms. */
const PATIENCE_MS = 60_000;
const POLL_MS = 10;

/** One operator process. */
export interface Operator {
  readonly name: string;
  readonly client: ScriptedKubeClient;
  readonly clock: PausableClock;
  readonly metrics: Metrics;
  readonly manager: Manager;
  /** SIGTERM. */
  readonly stop: () => void;
  readonly end: () => ManagerEnd | undefined;
}

export interface ClusterOptions {
  readonly seed?: number;
  readonly log?: Logger;
}

export class ScriptedCluster {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly kube: ScriptedKube;
  readonly pods: ScriptedPods;
  readonly store: FaultyStore;
  readonly #log: Logger;

  constructor(options: ClusterOptions = {}) {
    this.random = seededRandom(options.seed ?? 1);
    this.#log = options.log ?? silentLogger;
    this.kube = new ScriptedKube(this.clock);
    this.pods = new ScriptedPods(this.kube, NODES);
    const memory = new MemoryStore({ clock: this.clock });
    this.store = new FaultyStore(memory, { clock: this.clock, random: this.random.fork() });
    void this.pods.run(); // never rejects
  }

  /** Starts an operator replica. With a lease of its own it leads beside the others, as no two should. */
  operator(name: string, leaseName = 'holdfast-leader'): Operator {
    const clock = new PausableClock(this.clock);
    const client = new ScriptedKubeClient(this.kube, name);
    const metrics = createMetrics();
    const env = { POD_NAME: name, POD_NAMESPACE: 'holdfast-system' };
    const manager = assemble(operatorSettings({ image: 'holdfast:test', leaseName }, env), {
      kube: client,
      clock,
      random: this.random.fork(),
      log: this.#log.child({ operator: name }),
      metrics,
      connect: (inner) => this.pods.connect(inner),
      openStore: () => neverClosed(this.store),
    });
    const stop = new AbortController();
    let end: ManagerEnd | undefined;
    void manager.run(stop.signal).then((e) => (end = e)); // never rejects
    return {
      name,
      client,
      clock,
      metrics,
      manager,
      stop: () => stop.abort(new Error('SIGTERM')),
      end: () => end,
    };
  }

  /** SIGKILL of an operator: nothing of it reaches anybody any more. */
  kill(operator: Operator): void {
    operator.client.cut = true;
  }

  /** The operator that holds the lease. */
  get leader(): string | undefined {
    const lease = this.kube.find(RESOURCES.lease, { namespace: 'holdfast-system', name: 'holdfast-leader' });
    const holder = (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;
    return holder?.split('_')[0];
  }

  create(resource: Resource, manifest: KubeManifest): KubeObject {
    return this.kube.create(resource, manifest, 'user');
  }

  createStore(name = 'logs', secret?: string): void {
    const credentials = secret === undefined ? {} : { credentials: { secretRef: { name: secret } } };
    const spec = {
      s3: { bucket: 'bucket', region: 'eu-1', forcePathStyle: false, ...credentials },
      groupCommit: {},
    };
    this.create(KINDS.journalStore, own('JournalStore', name, spec));
  }

  createShard(name: string, spec: Record<string, unknown> = {}): void {
    const base = { storeRef: { name: 'logs' }, application: { name: 'kv' }, standbys: 1 };
    this.create(KINDS.shard, own('Shard', name, { ...base, ...spec }));
  }

  annotate(name: string, annotations: Record<string, string>): void {
    const ref = { namespace: NAMESPACE, name };
    this.kube.change(KINDS.shard, ref, { metadata: { annotations } }, 'main', 'user');
  }

  patchSpec(resource: Resource, name: string, spec: Record<string, unknown>): void {
    this.kube.change(resource, { namespace: NAMESPACE, name }, { spec }, 'main', 'user');
  }

  shard(name: string): Shard {
    return parseShard(this.kube.find(KINDS.shard, { namespace: NAMESPACE, name }));
  }

  podsOf(shard: string): readonly KubeObject[] {
    return this.kube
      .all(RESOURCES.pod)
      .filter((pod) => pod.metadata.labels?.['holdfast.dev/shard'] === shard);
  }

  condition(resource: Resource, name: string, type: string): Condition | undefined {
    const object = this.kube.find(resource, { namespace: NAMESPACE, name });
    const status = object?.['status'] as { conditions?: readonly Condition[] } | undefined;
    return status?.conditions?.find((condition) => condition.type === type);
  }

  isSettled(name: string): boolean {
    return ['Ready', 'StandbysReady'].every(
      (type) => this.condition(KINDS.shard, name, type)?.status === 'True',
    );
  }

  events(
    reason?: string,
  ): readonly { readonly reason: string; readonly message: string; readonly type: string }[] {
    const all = this.kube.all(EVENT) as unknown as { reason: string; message: string; type: string }[];
    return reason === undefined ? all : all.filter((event) => event.reason === reason);
  }

  pass(ms: number): Promise<void> {
    return this.clock.run(this.clock.sleep(ms));
  }

  /** Lets time pass until `holds`. @throws Error that names what did not come true */
  async until(what: string, holds: () => boolean, patienceMs = PATIENCE_MS): Promise<number> {
    const startMs = this.clock.monotonicMs();
    while (!holds()) {
      if (this.clock.monotonicMs() - startMs > patienceMs)
        throw new Error(`not within ${patienceMs} ms: ${what}\n${this.describe()}`);
      await this.pass(POLL_MS);
    }
    return this.clock.monotonicMs() - startMs;
  }

  /** A shard with a store, served and followed. */
  async settledShard(name: string, spec: Record<string, unknown> = {}): Promise<void> {
    if (!this.kube.find(KINDS.journalStore, { namespace: NAMESPACE, name: 'logs' })) this.createStore();
    this.createShard(name, spec);
    await this.until(`shard ${name} is settled`, () => this.isSettled(name));
  }

  primary(name: string): string {
    return this.shard(name).status!.assignment!.primary;
  }

  /** What a person would look at when a test fails. */
  describe(): string {
    const shards = this.kube.all(KINDS.shard).map((s) => JSON.stringify(s['status'], undefined, 1));
    const events = this.events().map((e) => `${e.reason}: ${e.message}`);
    return [...shards, ...events].join('\n');
  }
}

function own(kind: string, name: string, spec: Record<string, unknown>): KubeManifest {
  return { apiVersion: GROUP_VERSION, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

/** Controllers close what they open; the scripted store lives on. */
function neverClosed(store: ObjectStore): ObjectStore {
  return new Proxy(store, {
    get: (target, key) => {
      if (key === 'close') return () => Promise.resolve();
      const value = target[key as keyof ObjectStore] as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
