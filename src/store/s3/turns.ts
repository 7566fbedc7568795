/**
 * At most so many at a time; who comes later waits, first come, first served.
 *
 * T1  Whoever waits for a turn is not yet a request: no deadline for the store's answer runs.
 * T2  A turn given back goes to the next in the queue that still wants it.
 */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Waits for a turn; the answer gives it back, once. @throws the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#give();
    };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(next);
        reject(signal?.reason as Error);
      };
      const next = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.add(next);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #give(): void {
    const [next] = this.#waiting; // T2: a set keeps the order of arrival
    if (next === undefined) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
