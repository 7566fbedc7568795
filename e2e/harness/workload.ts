/**
 * The clients of one shard: a writer that keeps one write under way at a time and retries it with its request id until it is
 * acknowledged, and a reader that checks every answer. Both find the primary by the EndpointSlice of the shard's Service.
 *
 * W1  An attempt is given up when the Service names another endpoint, as a proxy or a gRPC resolver does, and made again there with the
 *     same request id.
 * W2  `finish` lets the write under way end: a write that is cut off is neither acknowledged nor known to be lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PORTS } from '../../src/api/index.ts';
import { errorCode } from '../../src/base/index.ts';
import { KvClient, KvRefusedError } from '../../src/kvstore/client/index.ts';
import type { Cluster } from '../cluster/index.ts';
import { History, writeKey, type Verdict } from './history.ts';
import { PrimaryFinder } from './primary-finder.ts';

/** Pause between two writes by default: enough writes to time a gap to about this precision, few enough to read everything back at the end. */
const WRITE_PAUSE_MS = 50;
const READ_PAUSE_MS = 100;
/** A client gives a call this long in all; longer than any outage that a scenario makes. */
const CALL_DEADLINE_MS = 120_000;
const PAGE = 1000;

export class Workload {
  readonly shard: string;
  readonly history: History = new History();
  readonly #finder: PrimaryFinder;
  readonly #client: KvClient;
  readonly #pauseMs: number;
  readonly #stop = new AbortController();
  /** Ends calls that are under way too. */
  readonly #abandon = new AbortController();
  readonly #running: Promise<void>[] = [];
  #failure: Error | undefined;

  private constructor(shard: string, finder: PrimaryFinder, client: KvClient, pauseMs: number) {
    this.shard = shard;
    this.#finder = finder;
    this.#client = client;
    this.#pauseMs = pauseMs;
  }

  /** `pauseMs`: the writer's pause between two writes. */
  static async start(
    cluster: Cluster,
    namespace: string,
    shard: string,
    pauseMs: number = WRITE_PAUSE_MS,
  ): Promise<Workload> {
    const finder = await PrimaryFinder.start(cluster, namespace, shard);
    const client = new KvClient({ resolve: (signal) => finder.url(signal) });
    const workload = new Workload(shard, finder, client, pauseMs);
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

  /**
   * Asks a pod that may no longer be the primary, directly and as if it were, and holds its answer against what is acknowledged by now.
   * Asks once. Resolves with the number it said; with undefined when it refused, hung up, or said nothing within `timeoutMs`.
   */
  async askDirectly(address: string, timeoutMs: number): Promise<number | undefined> {
    const once = new AbortController();
    let asked = 0;
    const resolve = (): Promise<URL> => {
      if (++asked > 1) once.abort(new Error('it did not answer'));
      return Promise.resolve(new URL(`http://${address}:${PORTS.application}`));
    };
    const direct = new KvClient({ resolve, firstAttemptMs: timeoutMs });
    const atLeast = this.history.readBegins();
    try {
      const found = await direct.get('latest', { timeoutMs, signal: once.signal });
      const number = found === undefined ? 0 : Number(text(found));
      this.history.readEnds(atLeast, number);
      return number;
    } catch (error) {
      if (once.signal.aborted || errorCode(error) === 'KV_TIMEOUT' || error instanceof KvRefusedError)
        return undefined;
      throw error;
    } finally {
      await direct.close();
    }
  }

  close(): void {
    this.#stop.abort(new Error('closed'));
    this.#abandon.abort(new Error('closed'));
    this.#finder.stop();
    void this.#client.close();
  }

  /** Makes a call, again whenever the primary moves meanwhile (W1), within one deadline. */
  async #atPrimary<T>(
    end: AbortSignal,
    call: (limits: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const deadline = performance.now() + CALL_DEADLINE_MS;
    for (;;) {
      const moved = new AbortController();
      const off = this.#finder.onMove(() => moved.abort(new Error('the primary moved')));
      try {
        const timeoutMs = Math.max(1, deadline - performance.now());
        return await call({ timeoutMs, signal: AbortSignal.any([end, moved.signal]) });
      } catch (error) {
        if (!moved.signal.aborted || end.aborted) throw error;
      } finally {
        off();
      }
    }
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
      const pairs = [writeKey(n), 'latest'].map((key) => ({ key, value: String(n) }));
      const requestId = `${this.shard}-${n}`;
      await this.#atPrimary(this.#abandon.signal, (limits) =>
        this.#client.put(pairs, { ...limits, requestId }),
      );
      this.history.acknowledge(n, performance.now());
      await sleep(this.#pauseMs);
    }
  }

  async #read(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const atLeast = this.history.readBegins();
      const found = await this.#atPrimary(this.#stop.signal, (limits) => this.#client.get('latest', limits));
      this.history.readEnds(atLeast, found === undefined ? 0 : Number(text(found)));
      await sleep(READ_PAUSE_MS);
    }
  }
}

function text(value: Uint8Array | string): string {
  return typeof value === 'string' ? value : new TextDecoder().decode(value);
}
