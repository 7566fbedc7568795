/**
 * Fragments in their order, fetched ahead of their delivery within the bounds of a room (read-room.ts).
 *
 * A1  The first fragment not yet released is next; those behind it are begun one after another, each when all of the one before was asked for. So the
 *     line stays busy from one fragment to the next, and nothing is fetched beyond what there is room for.
 * A2  After a failure, and after `stop`, nothing is under way and nothing is held; the next call begins anew at the same fragment.
 * A3  The caller's signal ends everything that is under way, also between two calls.
 */
import { raceAbort } from '../../base/index.ts';
import type { Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { fetchFragment, limitsOf, type Content, type ReadLimits } from './read-fragment.ts';
import { ReadRoom } from './read-room.ts';

/** One stretch of fetching, from a beginning to a failure or a stop. */
interface Run {
  readonly room: ReadRoom;
  readonly stop: AbortController;
  /** By place in the list; those before the first not yet released are gone. */
  readonly fetches: Map<number, Promise<Content | undefined>>;
}

export class ReadAhead {
  readonly #journal: Journal;
  readonly #fragments: readonly Fragment[];
  readonly #limits: ReadLimits;
  #run: Run | undefined;
  #first = 0;
  #signal: AbortSignal | undefined;

  /** `fragments`: in the order of delivery. */
  constructor(
    journal: Journal,
    fragments: readonly Fragment[],
    limits: ReadLimits = limitsOf(journal.store),
  ) {
    this.#journal = journal;
    this.#fragments = fragments;
    this.#limits = limits;
  }

  /** Content of the first fragment not yet released; undefined when the store says that it does not exist. @throws as fetchFragment. */
  async content(signal: AbortSignal | undefined): Promise<Content | undefined> {
    signal?.throwIfAborted();
    this.#follow(signal);
    const run = (this.#run ??= this.#begin());
    try {
      return await raceAbort(run.fetches.get(this.#first)!, signal);
    } catch (error) {
      if (this.#run === run) this.stop();
      throw error;
    }
  }

  /** The receiver has let go of so many bytes of the first fragment. */
  release(bytes: number): void {
    this.#run?.room.release(bytes);
  }

  /** All of the first fragment is released: the next one is first. */
  advance(): void {
    this.#run?.fetches.delete(this.#first);
    this.#first++;
    this.#run?.room.advance(this.#first);
    if (this.#first === this.#fragments.length) this.#follow(undefined);
  }

  /** A2 */
  stop(): void {
    this.#follow(undefined);
    this.#run?.stop.abort();
    this.#run = undefined;
  }

  #begin(): Run {
    const run: Run = { room: new ReadRoom(this.#limits), stop: new AbortController(), fetches: new Map() };
    run.room.advance(this.#first);
    this.#fetch(run, this.#first);
    return run;
  }

  /** A1 */
  #fetch(run: Run, turn: number): void {
    const fragment = this.#fragments[turn];
    if (!fragment || run.fetches.has(turn)) return;
    const fetch = fetchFragment(this.#journal, fragment, run.room, {
      turn,
      rangeBytes: this.#limits.rangeBytes,
      signal: run.stop.signal,
      onAsked: () => this.#fetch(run, turn + 1),
    });
    fetch.catch(() => undefined); // seen when its turn comes
    run.fetches.set(turn, fetch);
  }

  /** A3. One listener at a time, none when there is nothing left to end. */
  #follow(signal: AbortSignal | undefined): void {
    if (signal === this.#signal) return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => this.stop();
}
