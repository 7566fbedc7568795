/**
 * What the demo, the scenarios and the failover bench stand on: an object store, a cluster, Holdfast installed on it, the quickstart's
 * shards, and a client for each of them.
 *
 * 1. Everything that was started ends in reverse order with `stop()`, which is idempotent, also when the start failed half-way.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster, type Cluster, type ClusterOptions, type S3Server } from '../cluster/index.ts';
import { raceAbort } from '../../src/base/index.ts';
import { buildImage, IMAGE } from './image.ts';
import { Installation } from './installation.ts';
import { quickstartFolder, startQuickstartStore } from './quickstart.ts';
import { Workload } from './workload.ts';

export interface StageOptions {
  /** Use the port that examples/quickstart names when it is free; a test must not depend on that. */
  readonly ownPort?: boolean;
  /** Told what is done, one line each. */
  readonly say?: (text: string) => void;
  readonly cluster?: Omit<Partial<ClusterOptions>, 'images' | 'store'>;
  /** More environment for operator and shards alike. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another port on which pods reach the store, for instance that of a proxy. */
  readonly storePort?: (store: S3Server) => Promise<number>;
  /** Ends the start early; the stage is then stopped. */
  readonly signal?: AbortSignal;
}

/** From pods on no node to all shards Ready: it takes half a minute, and more than two where two clusters come up side by side on a machine that others have half of. */
export const READY_LIMIT_MS = 150_000;
const FIRST_WRITES = 5;
const POLL_MS = 50;

interface Parts {
  readonly store: S3Server;
  readonly port: number;
  readonly cluster: Cluster;
  readonly installation: Installation;
}

/** See the header. */
export class Stage {
  readonly store: S3Server;
  /** Where pods reach the store. */
  readonly storeEndpoint: string;
  readonly cluster: Cluster;
  readonly installation: Installation;
  readonly workloads: Map<string, Workload> = new Map();
  readonly #cleanup: Cleanup;

  private constructor(parts: Parts, cleanup: Cleanup) {
    this.store = parts.store;
    this.storeEndpoint = `http://127.0.0.1:${parts.port}`;
    this.cluster = parts.cluster;
    this.installation = parts.installation;
    this.#cleanup = cleanup;
  }

  /** Store, cluster and operator; no shard yet. */
  static async start(options: StageOptions = {}): Promise<Stage> {
    const say = options.say ?? (() => {});
    const cleanup = new Cleanup();
    const signal = options.signal ?? new AbortController().signal;
    try {
      const image = await cleanup.keep(buildImage(options.env), (built) => built.remove());
      const store = await cleanup.keep(startQuickstartStore(options.ownPort === true), (server) =>
        server.stop(),
      );
      say(`object store: versitygw at ${store.endpoint}, bucket ${store.bucket}`);
      const port = (await options.storePort?.(store)) ?? store.port;
      signal.throwIfAborted();
      const starting = startCluster({ ...options.cluster, images: image.images, store: { port } });
      const cluster = await cleanup.keep(starting, (started) => started.stop());
      const nodes = cluster.nodes.map(({ name, zone }) => `${name} (${zone})`).join(', ');
      say(`cluster: etcd, kube-apiserver, kube-controller-manager, kube-scheduler; nodes ${nodes}`);
      // Stopping the cluster ends a helm that still waits.
      const installation = await cleanup.keep(
        raceAbort(Installation.install({ cluster, image: IMAGE }), signal),
        (made) => Promise.resolve(made.close()),
      );
      say('helm install holdfast charts/holdfast: the operator is available');
      signal.throwIfAborted();
      return new Stage({ store, port, cluster, installation }, cleanup);
    } catch (error) {
      await cleanup.run();
      throw error;
    }
  }

  /** The quickstart with a client of `shard`; every pod loads the module before anything else (a switch for a fault, scenarios/testing). */
  static async startWith(module: URL, shard: string): Promise<Stage> {
    const stage = await Stage.start({ env: { NODE_OPTIONS: `--import=${module.href}` } });
    try {
      await stage.quickstart();
      await stage.work([shard]);
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  /** Applies examples/quickstart; resolves with the shards' names when all are Ready with their standbys. */
  async quickstart(): Promise<{ readonly shards: readonly string[]; readonly asWritten: boolean }> {
    const folder = await quickstartFolder(this.storeEndpoint);
    try {
      await this.installation.apply(folder.path);
    } finally {
      await folder.remove();
    }
    const shards = await this.installation.shardNames();
    await Promise.all(shards.map((shard) => this.installation.settled(shard, READY_LIMIT_MS)));
    return { shards, asWritten: folder.asWritten };
  }

  /** Starts a writer and a reader; resolves when the first writes are acknowledged. */
  async work(shards: readonly string[], writePauseMs?: number): Promise<void> {
    for (const shard of shards) {
      const { cluster, installation } = this;
      this.workloads.set(shard, await Workload.start(cluster, installation.namespace, shard, writePauseMs));
    }
    await this.allWrite(shards, FIRST_WRITES, READY_LIMIT_MS);
  }

  /** Resolves when so many more writes of each shard are acknowledged. */
  async allWrite(shards: readonly string[], count: number, timeoutMs: number): Promise<void> {
    await Promise.all(shards.map((shard) => this.workload(shard).moreWrites(count, timeoutMs)));
  }

  /** Who is primary of each, and in which term: unchanged when nobody was replaced. */
  assignments(shards: readonly string[]): readonly { shard: string; term: number; primary: string }[] {
    return shards.map((shard) => {
      const { term, primary } = this.installation.shard(shard).status!.assignment!;
      return { shard, term, primary };
    });
  }

  /** The client of a shard that `work` has started. */
  workload(shard: string): Workload {
    const workload = this.workloads.get(shard);
    if (workload === undefined) throw new Error(`no client of ${shard} was started`);
    return workload;
  }

  /** Resolves when `holds` does; rejects with `what` after `timeoutMs`. For what no watch tells. */
  async until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
      await sleep(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    for (const workload of this.workloads.values()) workload.close();
    await this.#cleanup.run();
  }
}

/** What has to be ended, newest first, each once. */
class Cleanup {
  readonly #steps: (() => Promise<void>)[] = [];

  async keep<T>(starting: Promise<T>, end: (started: T) => Promise<void>): Promise<T> {
    const started = await starting;
    this.#steps.push(() => end(started));
    return started;
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}
