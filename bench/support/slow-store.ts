/**
 * Any store, so far away that every request takes a while: the shape of S3, which loopback hides.
 *
 * 1. Every operation waits `delayMs`, then acts and answers. Requests do not wait for each other: how many are under way is the caller's doing, and
 *    the most there ever were is told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Body,
  CreateOutcome,
  GetCall,
  ListCall,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCall,
  StoredObject,
} from '../../src/store/index.ts';

export class SlowStore implements ObjectStore {
  readonly url: string;
  readonly #inner: ObjectStore;
  readonly #delayMs: number;
  #requests = 0;
  #underWay = 0;
  #mostUnderWay = 0;

  constructor(inner: ObjectStore, delayMs: number) {
    this.url = inner.url;
    this.#inner = inner;
    this.#delayMs = delayMs;
  }

  /** Requests so far, and the most that were under way at a time. */
  get seen(): { readonly requests: number; readonly mostUnderWay: number } {
    return { requests: this.#requests, mostUnderWay: this.#mostUnderWay };
  }

  create(key: string, body: Body, call?: StoreCall): Promise<CreateOutcome> {
    return this.#far(() => this.#inner.create(key, body, call));
  }

  get(key: string, call?: GetCall): Promise<StoredObject | undefined> {
    return this.#far(() => this.#inner.get(key, call));
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined> {
    return this.#far(() => this.#inner.head(key, call));
  }

  list(prefix: string, call?: ListCall): Promise<ListPage> {
    return this.#far(() => this.#inner.list(prefix, call));
  }

  delete(key: string, call?: StoreCall): Promise<void> {
    return this.#far(() => this.#inner.delete(key, call));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #far<T>(act: () => Promise<T>): Promise<T> {
    this.#requests += 1;
    this.#underWay += 1;
    this.#mostUnderWay = Math.max(this.#mostUnderWay, this.#underWay);
    try {
      await sleep(this.#delayMs);
      return await act();
    } finally {
      this.#underWay -= 1;
    }
  }
}
