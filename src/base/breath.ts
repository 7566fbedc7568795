/**
 * Long work on bytes in the event loop's own thread, with a turn for everybody else after each MiB.
 */

/** A digest or a copy of as much takes a millisecond or less. What is shorter never waits, so simulations, which move little, have no turns but their own. */
const BREATH_BYTES: number = 1024 * 1024;

export class Breath {
  #bytes = 0;

  /** To be awaited after so many bytes of work. */
  async after(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < BREATH_BYTES) return;
    this.#bytes = 0;
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}
