/**
 * Where the next attempt goes.
 *
 * L1  With a list of endpoints the one that answered last is asked first; after a failure the next in the list.
 * L2  A replica that is not the primary but knows who is (421 with Holdfast-Primary) sends the next attempt there, once: if that fails as well, the search goes on as before.
 */
import { assert } from '../../base/index.ts';

/** Finds the current primary (or a standby, for stale reads). Asked again before every attempt; may wait. */
export type Resolve = (signal: AbortSignal) => Promise<URL>;

export class Locator {
  readonly #resolve: Resolve;
  readonly #endpoints: readonly URL[];
  #at = 0;
  #hint: URL | undefined;

  /** Either a function that finds the primary, or the endpoints of all replicas. */
  constructor(from: {
    readonly resolve?: Resolve | undefined;
    readonly endpoints?: readonly (string | URL)[] | undefined;
  }) {
    this.#endpoints = (from.endpoints ?? []).map((endpoint) => new URL(endpoint));
    assert(
      (from.resolve === undefined) !== (this.#endpoints.length === 0),
      'a client is given either resolve or endpoints',
    );
    this.#resolve = from.resolve ?? (() => Promise.resolve(this.#endpoints[this.#at]!));
  }

  async next(signal: AbortSignal): Promise<URL> {
    return this.#hint ?? (await this.#resolve(signal));
  }

  /** `asked` gave no verdict; `hint` is whom it named as primary. */
  failed(asked: URL, hint: string | undefined): void {
    const followed = this.#hint?.origin === asked.origin;
    this.#hint = undefined;
    if (hint !== undefined && !followed && URL.canParse(hint)) {
      this.#hint = new URL(hint); // L2
      return;
    }
    if (this.#endpoints.length === 0) return;
    if (followed || this.#endpoints[this.#at]!.origin === asked.origin)
      this.#at = (this.#at + 1) % this.#endpoints.length; // L1
  }
}
