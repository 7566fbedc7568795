/**
 * Memory that a restore holds on to because bytes in it are still to be written: how much, and when it goes back.
 *
 * B1  Memory counts whole from the first reference to it to the last, however little of it is referred to. When the last one goes it is released, once.
 * B2  Each reference waits or is under way: `waitingBytes` is the memory of which anything waits to be written, what writing everything that waits frees.
 */
export class HeldMemory {
  heldBytes = 0;
  waitingBytes = 0;
  /** References that wait. */
  waiting = 0;
}

export class Memory {
  readonly buffer: Uint8Array;
  /** Of memory that is filled bit by bit: how far it is in use. */
  filled: number | undefined;
  readonly #account: HeldMemory;
  readonly #release: (() => void) | undefined;
  #references = 0;
  #waiting = 0;

  /** @param release gives the memory back to whom it belongs; without it the collector does */
  constructor(account: HeldMemory, buffer: Uint8Array, release?: () => void) {
    this.#account = account;
    this.buffer = buffer;
    this.#release = release;
  }

  /** Refers to it. */
  hold(): void {
    if (this.#references++ === 0) this.#account.heldBytes += this.buffer.length;
  }

  /** Refers to it no longer. */
  drop(): void {
    if (--this.#references > 0) return;
    this.#account.heldBytes -= this.buffer.length;
    this.#release?.();
  }

  /** One more reference, that waits. */
  wait(): void {
    this.hold();
    this.#account.waiting++;
    if (this.#waiting++ === 0) this.#account.waitingBytes += this.buffer.length;
  }

  /** A reference that waited is under way. */
  leave(): void {
    this.#account.waiting--;
    if (--this.#waiting === 0) this.#account.waitingBytes -= this.buffer.length;
  }
}
