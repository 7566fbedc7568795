/**
 * A bounded first-in first-out queue between one or more producers and consumers.
 *
 * Q1  Never holds more than `limit` items: a producer waits (push) or is told (tryPush).
 * Q2  After close, pushes fail, items already inside are still delivered, then pop answers `undefined`.
 */
import { raceAbort } from './abort.ts';
import { assert, HoldfastError } from './errors.ts';

export class QueueClosedError extends HoldfastError {
  constructor() {
    super('QUEUE_CLOSED', 'The queue is closed and takes no more items.');
  }
}

export class BoundedQueue<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #closed = false;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(limit: number) {
    assert(limit > 0, 'a queue has room for at least one item', { limit });
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item if there is room; false when full (Q1). @throws QueueClosedError */
  tryPush(item: T): boolean {
    if (this.#closed) throw new QueueClosedError();
    if (this.#items.length >= this.#limit) return false;
    this.#items.push(item);
    this.#wake();
    return true;
  }

  /** Adds an item, waiting for room. @throws QueueClosedError, or the signal's reason. */
  async push(item: T, signal?: AbortSignal): Promise<void> {
    while (!this.tryPush(item)) await raceAbort(this.#changed.promise, signal);
  }

  /** Takes the oldest item, waiting for one; undefined once the queue is closed and empty (Q2). */
  async pop(signal?: AbortSignal): Promise<T | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#wake();
        return item;
      }
      if (this.#closed) return undefined;
      await raceAbort(this.#changed.promise, signal);
    }
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#changed;
    this.#changed = Promise.withResolvers();
    waiting.resolve();
  }
}
