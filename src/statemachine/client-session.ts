/**
 * client-session: a client's own side of its session: the numbers of its commands (seeds.md F4.19, F4.23).
 *
 * J1  Each number is given out once, for one command; that command may be sent as often as need be.
 * J2  What a call says to be answered is answered, with every number before it: only then may it be forgotten. Commands may be answered in any order.
 * J3  A command is completed once, when its answer is there or nobody will ask for it any more.
 */
import { HoldfastError } from '../base/index.ts';
import type { ProposeOptions } from './proposals.ts';

/** A number that was not given out, or is completed already. */
export class SessionUsageError extends HoldfastError {
  constructor(series: bigint) {
    super(
      'SESSION_USAGE',
      `Command ${series} of this session is not under way: complete each number that begin() gave out once.`,
      { fields: { series: series.toString() } },
    );
  }
}

export class ClientSession {
  readonly clientId: bigint;
  #last = 0n;
  #respondedTo = 0n;
  /** Completed, with one before them that is not. */
  readonly #completed = new Set<bigint>();

  /** @param clientId what registering has given */
  constructor(clientId: bigint) {
    this.clientId = clientId;
  }

  /** Commands under way. */
  get open(): number {
    return Number(this.#last - this.#respondedTo) - this.#completed.size;
  }

  /** Gives out the number of a new command (J1). */
  begin(): bigint {
    return ++this.#last;
  }

  /** What to send with a command, each time it is sent (J2). @throws SessionUsageError (J3) */
  call(series: bigint): NonNullable<ProposeOptions['session']> {
    this.#check(series);
    return { clientId: this.clientId, series, respondedTo: this.#respondedTo };
  }

  /** Nobody will ask for this command any more. @throws SessionUsageError (J3) */
  complete(series: bigint): void {
    this.#check(series);
    this.#completed.add(series);
    while (this.#completed.delete(this.#respondedTo + 1n)) this.#respondedTo++;
  }

  #check(series: bigint): void {
    if (series > this.#last || series <= this.#respondedTo || this.#completed.has(series))
      throw new SessionUsageError(series);
  }
}
