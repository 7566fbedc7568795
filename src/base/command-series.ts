/**
 * command-series: the numbers that a client gives its commands, so that each takes effect once (seeds.md F4.19, F4.23).
 *
 * J1  Each number is given out once, for one command; that command may be sent as often as need be.
 * J2  What is said to be answered is answered, with every number before it: only then may its result be forgotten. Commands may be answered in any order.
 * J3  A command is completed once, when its answer is there or nobody will ask for it any more.
 */
import { HoldfastError } from './errors.ts';

/** A number that was not given out, or is completed already. */
export class SeriesUsageError extends HoldfastError {
  constructor(series: bigint) {
    super(
      'SERIES_USAGE',
      `Command ${series} of this series is not under way: complete each number that begin() gave out once.`,
      { fields: { series: series.toString() } },
    );
  }
}

export class CommandSeries {
  #last = 0n;
  #respondedTo = 0n;
  /** Completed, with one before them that is not. */
  readonly #completed = new Set<bigint>();

  /** Commands under way. */
  get open(): number {
    return Number(this.#last - this.#respondedTo) - this.#completed.size;
  }

  /** The largest number up to which every command is completed (J2); 0 before the first is. */
  get respondedTo(): bigint {
    return this.#respondedTo;
  }

  /** Gives out the number of a new command: 1, 2, 3 … (J1). */
  begin(): bigint {
    return ++this.#last;
  }

  /** Nobody will ask for this command any more. @throws SeriesUsageError (J3) */
  complete(series: bigint): void {
    if (series > this.#last || series <= this.#respondedTo || this.#completed.has(series))
      throw new SeriesUsageError(series);
    this.#completed.add(series);
    while (this.#completed.delete(this.#respondedTo + 1n)) this.#respondedTo++;
  }
}
