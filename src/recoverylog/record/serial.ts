/**
 * One thing after another, in the order asked for. What can be done at once is: as long as nothing is under way, work that needs no waiting costs no
 * turn of anything, which is most of the work of a recorder.
 */
const DONE: Promise<unknown> = Promise.resolve();

export class Serial {
  /** Settles with the last work; undefined while nothing is under way. Never rejects. */
  #last: Promise<void> | undefined;

  /** Does `act` once everything asked for before has ended, however it ended; its own caller is told how it went. */
  run<T>(act: () => T | Promise<T>): Promise<T> {
    if (this.#last) return this.#follow(this.#last.then(act));
    try {
      const result = act();
      if (result instanceof Promise) return this.#follow(result);
      return result === undefined ? (DONE as Promise<T>) : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #follow<T>(work: Promise<T>): Promise<T> {
    const ended = (): void => {
      if (this.#last === last) this.#last = undefined;
    };
    const last = work.then(ended, ended);
    this.#last = last;
    return work;
  }
}
