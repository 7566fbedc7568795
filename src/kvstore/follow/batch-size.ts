/**
 * How many changes a read replica asks for at once: fewer when an answer was too much for the way, more again when answers keep coming (seeds.md F3.27, §5.6).
 *
 * B1  Never below 1 and never above the most: a single change that is too large for one answer is the source's to send all the same.
 * B2  What was halved grows back: after RECOVER_AFTER answers in a row the next request is twice as large.
 */

/** Answers in a row after which a larger request is tried: one refusal in nine requests is the most that trying again costs. */
const RECOVER_AFTER = 8;

export class BatchSize {
  readonly #most: number;
  #size: number;
  #answers = 0;

  /** @param most changes of one request, at least 1 */
  constructor(most: number) {
    this.#most = Math.max(1, Math.floor(most));
    this.#size = this.#most;
  }

  get size(): number {
    return this.#size;
  }

  /** The answer was too large, or did not arrive in time. */
  tooLarge(): void {
    this.#size = Math.max(1, Math.floor(this.#size / 2)); // B1
    this.#answers = 0;
  }

  /** An answer arrived whole. */
  answered(): void {
    if (this.#size === this.#most || ++this.#answers < RECOVER_AFTER) return;
    this.#size = Math.min(this.#most, this.#size * 2); // B2
    this.#answers = 0;
  }
}
