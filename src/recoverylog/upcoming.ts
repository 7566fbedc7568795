/**
 * A list that is gone through once. Array.shift moves all that is left when the array is long: hints of 100,000 files are.
 */
export class Upcoming<T> {
  /** The next one; undefined at the end. */
  first: T | undefined;
  readonly #all: readonly T[];
  #at = 0;
  #rest: readonly T[];

  constructor(all: readonly T[]) {
    this.#all = [...all];
    this.#rest = this.#all;
    this.first = all[0];
  }

  /** What is left; made anew only after something was taken. */
  get rest(): readonly T[] {
    if (this.#rest.length !== this.#all.length - this.#at) this.#rest = this.#all.slice(this.#at);
    return this.#rest;
  }

  shift(): void {
    this.#at++;
    this.first = this.#all[this.#at];
  }
}
