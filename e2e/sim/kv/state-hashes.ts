/**
 * I7 as it happens: the state of every replica at an index is the same, whether it is the primary, follows, or replays.
 *
 * The first replica that shows its hash at an index sets it; every other one is compared. Terms are part of what is compared: a replica that had applied
 * another primary's entry there would differ.
 */
export class StateHashes {
  readonly #known = new Map<number, { readonly hash: string; readonly who: string }>();
  compared = 0;

  /** `hash`: index first, then whatever is to be equal, after slashes. @throws Error when another replica showed another hash at this index */
  show(who: string, hash: string): void {
    const index = Number(hash.split('/', 1)[0]);
    const known = this.#known.get(index);
    if (!known) this.#known.set(index, { hash, who });
    else if (known.hash !== hash)
      throw new Error(`I7: at index ${index} ${who} has ${hash}, ${known.who} had ${known.hash}`);
    else if (known.who !== who) this.compared++;
  }
}
