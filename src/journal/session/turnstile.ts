/**
 * Back-pressure: callers that wait for room, let through one at a time, first come first served.
 *
 * W1  Nobody overtakes: who comes while others wait, or while one who was let through has not used the room yet, waits behind them.
 * W2  Room is looked at anew for every caller, after the one before has appended, so that a crowd never fills the same room many times over.
 * W3  One who was let through and appends nothing holds up the next for one turn of the clock, no longer.
 */
import { raceAbort, type Clock, type Timer } from '../../base/index.ts';
import { Fifo } from './fifo.ts';

interface Place {
  readonly admit: () => void;
  gone: boolean;
}

export class Turnstile {
  readonly #clock: Clock;
  readonly #hasRoom: () => boolean;
  readonly #places = new Fifo<Place>();
  /** Runs while one who was let through has not appended yet (W3). */
  #admitted: Timer | undefined;
  #isOpen = false;

  constructor(clock: Clock, hasRoom: () => boolean) {
    this.#clock = clock;
    this.#hasRoom = hasRoom;
  }

  /** Resolves when it is the caller's turn and there is room. @throws the signal's reason, if that comes first. */
  async pass(signal?: AbortSignal): Promise<void> {
    if (this.#isOpen) return;
    if (this.#places.length === 0 && !this.#admitted && this.#hasRoom()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const place: Place = { admit: resolve, gone: false };
    this.#places.push(place);
    try {
      await raceAbort(promise, signal);
    } catch (error) {
      place.gone = true;
      throw error;
    }
  }

  /** Something was appended, or there is more room: the next one's turn. */
  next(): void {
    this.#admitted?.cancel();
    this.#admitted = undefined;
    while (this.#places.first?.gone) this.#places.shift();
    if (this.#places.length === 0 || !this.#hasRoom()) return;
    this.#places.shift()!.admit();
    this.#admitted = this.#clock.timer(0, () => this.next());
  }

  /** Lets everybody through, for good: the session is over and says so at the next append. */
  open(): void {
    this.#isOpen = true;
    this.#admitted?.cancel();
    for (const place of this.#places.drain()) place.admit();
  }
}
