/**
 * The clients of one shard: a writer that keeps one write under way at a time and retries it with its request id until it is
 * acknowledged, and a reader that checks every answer. Both find the primary by the EndpointSlice of the shard's Service.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KvClient } from '../../src/kvstore/index.ts';
import type { Cluster } from '../cluster/index.ts';
import { History, writeKey, type Verdict } from './history.ts';
import { PrimaryFinder } from './primary-finder.ts';

/** Pause between two writes: enough writes to time a gap to about this precision, few enough to read everything back at the end. */
const WRITE_PAUSE_MS = 5;
const READ_PAUSE_MS = 20;
/** A client gives a write this long in all; longer than any failover that a scenario allows. */
const WRITE_DEADLINE_MS = 60_000;
const PAGE = 1000;

export class Workload {
  readonly shard: string;
  readonly history: History = new History();
  readonly #finder: PrimaryFinder;
  readonly #client: KvClient;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  #failure: Error | undefined;

  private constructor(shard: string, finder: PrimaryFinder, client: KvClient) {
    this.shard = shard;
    this.#finder = finder;
    this.#client = client;
  }

  static async start(cluster: Cluster, namespace: string, shard: string): Promise<Workload> {
    const finder = await PrimaryFinder.start(cluster, namespace, shard);
    const client = new KvClient({ resolve: (signal) => finder.url(signal) });
    const workload = new Workload(shard, finder, client);
    workload.#running.push(workload.#guard(workload.#write()), workload.#guard(workload.#read()));
    return workload;
  }

  /** Resolves after `count` more acknowledged writes: the shard is serving. */
  async moreWrites(count: number, timeoutMs: number): Promise<void> {
    const target = this.history.acknowledgedCount + count;
    const deadline = performance.now() + timeoutMs;
    while (this.history.acknowledgedCount < target) {
      if (this.#failure) throw this.#failure;
      if (performance.now() > deadline)
        throw new Error(`${this.shard}: no ${count} more writes within ${timeoutMs} ms`);
      await sleep(5);
    }
  }

  /** Stops the clients, reads everything back through the API, and judges. */
  async finish(): Promise<Verdict> {
    this.#stop.abort(new Error('finished'));
    await Promise.all(this.#running);
    if (this.#failure) throw this.#failure;
    const contents = new Map<string, string>();
    let start = 'w/';
    for (;;) {
      const page = await this.#client.list({ prefix: 'w/', start, limit: PAGE });
      for (const { key, value } of page.items) contents.set(text(key), text(value));
      if (page.next === undefined) break;
      start = text(page.next);
    }
    this.close();
    return this.history.verdict(contents);
  }

  close(): void {
    this.#stop.abort(new Error('closed'));
    this.#finder.stop();
    void this.#client.close();
  }

  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async #write(): Promise<void> {
    for (let n = 1; !this.#stop.signal.aborted; n++) {
      // The last write is finished, not cut off: a write that is stopped half-way is neither acknowledged nor wanted.
      await this.#client.put(
        [
          { key: writeKey(n), value: String(n) },
          { key: 'latest', value: String(n) },
        ],
        { requestId: `${this.shard}-${n}`, timeoutMs: WRITE_DEADLINE_MS },
      );
      this.history.acknowledge(n, performance.now());
      await sleep(WRITE_PAUSE_MS);
    }
  }

  async #read(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const atLeast = this.history.readBegins();
      const found = await this.#client.get('latest', {
        timeoutMs: WRITE_DEADLINE_MS,
        signal: this.#stop.signal,
      });
      this.history.readEnds(atLeast, found === undefined ? 0 : Number(text(found)));
      await sleep(READ_PAUSE_MS);
    }
  }
}

function text(value: Uint8Array | string): string {
  return typeof value === 'string' ? value : new TextDecoder().decode(value);
}
