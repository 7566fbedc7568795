/**
 * The newest state of some Kubernetes objects, followed by list and watch, with a way to wait for a condition.
 *
 * F1  A watch that ends is begun again from a new list until stopped; a waiter only ever times out, it never misses a change.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../cluster/index.ts';
import { HarnessError } from '../cluster/index.ts';

export interface WatchedObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string };
}

const RELIST_PAUSE_MS = 200;

export class Watched<T extends WatchedObject> {
  readonly #api: ApiClient;
  readonly #path: string;
  readonly #stop = new AbortController();
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<() => void>();

  private constructor(api: ApiClient, path: string) {
    this.#api = api;
    this.#path = path;
  }

  /** `path`: the collection, with a query if wanted. */
  static async start<T extends WatchedObject>(api: ApiClient, path: string): Promise<Watched<T>> {
    const watched = new Watched<T>(api, path);
    const version = await watched.#list();
    void watched.#follow(version); // never rejects
    return watched;
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  get(name: string): T | undefined {
    return this.#objects.get(name);
  }

  /** Calls `listener` after every change until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the first truthy answer of `probe`, asked now and after every change. */
  async until<R>(what: string, probe: () => R | undefined, timeoutMs: number): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const look = (): void => {
      const answer = probe();
      if (answer !== undefined && answer !== false) resolve(answer);
    };
    const off = this.onChange(look);
    const timer = setTimeout(
      () =>
        reject(
          new HarnessError(
            'TIMEOUT',
            `Waited ${timeoutMs} ms for ${what}; last seen: ${JSON.stringify(this.all()).slice(0, 4000)}`,
          ),
        ),
      timeoutMs,
    );
    try {
      look();
      return await promise;
    } finally {
      clearTimeout(timer);
      off();
    }
  }

  stop(): void {
    this.#stop.abort(new Error('stopped'));
  }

  async #list(): Promise<string> {
    const list = await this.#api.list<T & { apiVersion?: string; kind?: string }>(
      this.#path,
      this.#stop.signal,
    );
    this.#objects.clear();
    for (const item of list.items) this.#objects.set(item.metadata.name, item);
    this.#changed();
    return list.resourceVersion;
  }

  async #follow(from: string): Promise<void> {
    let version: string | undefined = from;
    while (!this.#stop.signal.aborted) {
      try {
        version ??= await this.#list();
        for await (const event of this.#api.watch<T>(this.#path, version, this.#stop.signal)) {
          if (event.type === 'DELETED') this.#objects.delete(event.object.metadata.name);
          else if (event.type !== 'BOOKMARK') this.#objects.set(event.object.metadata.name, event.object);
          this.#changed();
        }
      } catch {
        if (this.#stop.signal.aborted) return;
        await sleep(RELIST_PAUSE_MS);
      }
      version = undefined; // F1
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
