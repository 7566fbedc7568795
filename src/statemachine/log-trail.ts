/**
 * log-trail: how far a standby of an on-disk machine has followed the log. The machine is not opened there: its files are the player's until the
 * promotion, which finds in them what was committed and applies the rest (runtime, disk-opening.ts).
 */
import type { OpenedSnapshot, UpdateEnvelope } from './envelope.ts';
import { Position, type Place } from './position.ts';
import type { LogIndex, Term } from './types.ts';

export class LogTrail implements Place {
  readonly #position = new Position();

  get index(): LogIndex {
    return this.#position.index;
  }

  get term(): Term {
    return this.#position.term;
  }

  /** @throws HistoryBrokenError */
  rest(update: UpdateEnvelope): UpdateEnvelope | undefined {
    return this.#position.rest(update);
  }

  /** @throws HistoryBrokenError (position D1) */
  apply(update: UpdateEnvelope): void {
    this.#position.check(update);
    this.#position.pass(update);
  }

  meetSnapshot({ header }: OpenedSnapshot): Promise<void> {
    if (header.kind === 'forced' || header.index > this.index) this.#position.jump(header);
    return Promise.resolve();
  }
}
