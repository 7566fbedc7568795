/**
 * Room for what is fetched ahead: how many requests may be under way and how many bytes may be held, and who comes next.
 *
 * O1  Whoever's turn is nearest enters first, whatever the order of the calls.
 * O2  At most `requests` are under way, and at most `bytes` are held: counted from the moment they are asked for until they are released.
 * O3  Whoever's turn it is now enters also beyond `bytes` when nothing is under way: otherwise what is larger than the limit would wait for itself.
 */
import { assert } from '../../base/index.ts';

export interface RoomLimits {
  readonly requests: number;
  readonly bytes: number;
}

interface Waiting {
  readonly turn: number;
  readonly bytes: number;
  readonly enter: () => void;
}

export class ReadRoom {
  readonly #limits: RoomLimits;
  /** Nearest turn first. */
  readonly #waiting: Waiting[] = [];
  #underway = 0;
  #held = 0;
  #turn = 0;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  /** Bytes held now. */
  get held(): number {
    return this.#held;
  }

  /** Waits until a request for `bytes` of the one whose turn is `turn` may begin. @throws the signal's reason; then nothing is held. */
  enter(turn: number, bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        turn,
        bytes,
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const behind = this.#waiting.findIndex((other) => other.turn > turn);
      this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, waiting); // O1
      this.#admit();
    });
  }

  /** A request that entered has ended. Its bytes are still held. */
  ended(): void {
    this.#underway--;
    assert(this.#underway >= 0, 'O2: a request ends once');
    this.#admit();
  }

  /** Bytes that are no longer held. */
  release(bytes: number): void {
    this.#held -= bytes;
    assert(this.#held >= 0, 'O2: bytes are released once');
    this.#admit();
  }

  /** Whose turn it is (O3). */
  advance(turn: number): void {
    this.#turn = turn;
    this.#admit();
  }

  #admit(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (this.#underway >= this.#limits.requests) return;
      const fits = this.#held + first.bytes <= this.#limits.bytes;
      if (!fits && !(first.turn === this.#turn && this.#underway === 0)) return; // O3
      this.#waiting.shift();
      this.#underway++;
      this.#held += first.bytes;
      first.enter();
    }
  }
}
