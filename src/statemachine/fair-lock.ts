/**
 * fair-lock: one machine, used by one writer or by several readers at a time, across awaits (seeds.md C5.4, F4.7).
 *
 * K1  A writer is alone. Whoever has to wait gets in in the order of asking.
 * K2  A brief reader passes the writers that wait while a long reader keeps them out anyway: saving blocks updates, not lookups. Nobody passes them
 *     otherwise, so a writer waits for one long reader at most.
 * K3  Work begins in the turn in which it may, so that nobody finds a writer inside who has not begun. When it may begin at once and is synchronous as well, so
 *     is its answer.
 */
import { types } from 'node:util';

/** How somebody is inside: alone; beside others and for long; beside others and not for long (K2). */
type Stay = 'writer' | 'long' | 'brief';

interface Waiting {
  readonly stay: Stay;
  /** Runs its work, of which it tells whoever asked; never throws. */
  readonly begin: () => void;
}

/** Whether work has answered by a promise, of whatever realm. */
export function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return types.isPromise(answer);
}

export class FairLock {
  #writing = false;
  #long = 0;
  #brief = 0;
  #waiting: Waiting[] = [];
  #admitting = false;

  /** Whether a writer is inside. */
  get isWriting(): boolean {
    return this.#writing;
  }

  /** Runs `work` while nobody else is inside. */
  exclusive<T>(work: () => T | Promise<T>): T | Promise<T> {
    return this.#run('writer', work);
  }

  /** Runs `work`, which may take long, while no writer is inside. */
  long<T>(work: () => T | Promise<T>): T | Promise<T> {
    return this.#run('long', work);
  }

  /** Runs `work`, which does not take long, while no writer is inside (K2). */
  brief<T>(work: () => T | Promise<T>): T | Promise<T> {
    return this.#run('brief', work);
  }

  #run<T>(stay: Stay, work: () => T | Promise<T>): T | Promise<T> {
    const passes = stay === 'brief' && this.#long > 0;
    if ((this.#waiting.length > 0 && !passes) || !this.#hasRoomFor(stay))
      return new Promise((resolve) => {
        this.#waiting.push({ stay, begin: () => resolve(Promise.try(() => this.#inside(stay, work))) });
      });
    return this.#inside(stay, work);
  }

  #inside<T>(stay: Stay, work: () => T | Promise<T>): T | Promise<T> {
    let answer: T | Promise<T>;
    this.#enter(stay);
    try {
      answer = work();
    } catch (error) {
      this.#leave(stay);
      throw error;
    }
    if (isPromise(answer)) return answer.finally(() => this.#leave(stay));
    this.#leave(stay);
    return answer;
  }

  #hasRoomFor(stay: Stay): boolean {
    return !this.#writing && (stay !== 'writer' || this.#long + this.#brief === 0);
  }

  #enter(stay: Stay): void {
    if (stay === 'writer') this.#writing = true;
    else if (stay === 'long') this.#long++;
    else this.#brief++;
  }

  #leave(stay: Stay): void {
    if (stay === 'writer') this.#writing = false;
    else if (stay === 'long') this.#long--;
    else this.#brief--;
    if (this.#waiting.length > 0 && !this.#admitting) this.#admit();
  }

  /** Lets in who is next, and who passes (K1, K2), and begins their work (K3). */
  #admit(): void {
    this.#admitting = true; // whoever leaves in the same turn lets nobody in by himself
    for (let next = this.#waiting[0]; next && this.#hasRoomFor(next.stay); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.begin();
    }
    if (this.#long > 0) {
      const passing = this.#waiting.filter(({ stay }) => stay === 'brief');
      this.#waiting = this.#waiting.filter(({ stay }) => stay !== 'brief');
      for (const { begin } of passing) begin();
    }
    this.#admitting = false;
  }
}
