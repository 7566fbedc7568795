/**
 * position: how far a history has been followed. The same rules hold for whoever applies its entries and for whoever only reads along.
 *
 * D1  Entries come strictly in order: the next one begins where the last one ended, and terms never go back (seeds.md F4.2, C5.2).
 * D4  An entry that lies before the position is passed over, and one that overlaps with it is cut to what is new (F4.3, F4.13); the entry of the
 *     position's own index must be of its term, or it is of another history.
 */
import { indexesOf, type UpdateEnvelope } from './envelope.ts';
import { HistoryBrokenError } from './errors.ts';
import { logIndex, logTerm, type LogIndex, type Term } from './types.ts';

export interface Place {
  /** Index of the last entry; 0 before the first. */
  readonly index: LogIndex;
  /** Term of that entry. */
  readonly term: Term;
}

export class Position implements Place {
  #index: LogIndex;
  #term: Term;

  constructor(at: Place = { index: logIndex(0), term: logTerm(0) }) {
    this.#index = at.index;
    this.#term = at.term;
  }

  get index(): LogIndex {
    return this.#index;
  }

  get term(): Term {
    return this.#term;
  }

  /** What of an entry is new here (D4); undefined when nothing is. @throws HistoryBrokenError when it contradicts this position */
  rest(update: UpdateEnvelope): UpdateEnvelope | undefined {
    const known = this.#index - update.first + 1; // so many of its indexes
    if (known <= 0) return update;
    const count = indexesOf(update);
    if (known <= count && update.term !== this.#term)
      throw new HistoryBrokenError('an entry is of another history than the state', {
        index: this.#index,
        term: update.term,
        expected: this.#term,
      });
    if (known >= count || update.kind === 'noop') return undefined;
    return { ...update, first: logIndex(this.#index + 1), commands: update.commands.slice(known) };
  }

  /** @throws HistoryBrokenError unless `update` is what comes next (D1) */
  check(update: UpdateEnvelope): void {
    const { first, term } = update;
    if (first !== this.#index + 1)
      throw new HistoryBrokenError('an entry does not follow the one before it', {
        applied: this.#index,
        first,
      });
    if (term < this.#term) throw new HistoryBrokenError('the term goes back', { term, before: this.#term });
  }

  /** Goes behind an entry that was checked. */
  pass(update: UpdateEnvelope): void {
    this.#index = logIndex(update.first + indexesOf(update) - 1);
    this.#term = update.term;
  }

  /** Goes to where a snapshot stands. */
  jump(to: Place): void {
    this.#index = to.index;
    this.#term = to.term;
  }
}
