/**
 * The client's side of a session: what makes every mutation of a KvClient take effect once (seeds.md F4.19, F4.20, F4.23).
 *
 * S1  A mutation has one series number for all its attempts, and no two mutations of a session have the same.
 * S2  respondedTo is the largest number up to which every mutation is over, so the service never forgets a result that is still waited for.
 * S3  A session that the service does not know any more is replaced, once for all the calls that used it.
 */
import { CommandSeries, raceAbort } from '../../base/index.ts';
import { type IdempotencyKey } from '../http/identity.ts';

/** A mutation's place in its session. */
export interface Ticket {
  readonly identity: Extract<IdempotencyKey, { kind: 'session' }>;
  /** The caller has its answer, or has given up (S2). Idempotent. */
  done(): void;
}

class OpenSession {
  readonly clientId: bigint;
  readonly #series = new CommandSeries(); // S1, S2

  constructor(clientId: bigint) {
    this.clientId = clientId;
  }

  ticket(): Ticket {
    const { clientId } = this;
    const { respondedTo } = this.#series;
    const series = this.#series.begin();
    let isOver = false;
    return {
      identity: { kind: 'session', clientId, series, respondedTo },
      done: () => {
        if (!isOver) this.#series.complete(series);
        isOver = true;
      },
    };
  }
}

export class ClientSession {
  readonly #register: () => Promise<bigint>;
  #open: OpenSession | undefined;
  #opening: Promise<OpenSession> | undefined;

  /** @param register asks the service for a new session, and gives up by itself */
  constructor(register: () => Promise<bigint>) {
    this.#register = register;
  }

  /** The session in use, if one is. */
  get clientId(): bigint | undefined {
    return this.#open?.clientId;
  }

  /** A place for one mutation in the session that is open; undefined when there is none. */
  ticketAtOnce(): Ticket | undefined {
    return this.#open?.ticket();
  }

  /** A place for one mutation; opens the session if there is none. @throws what registering throws, or the signal's reason */
  async ticket(signal: AbortSignal | undefined): Promise<Ticket> {
    const open = this.ticketAtOnce();
    if (open) return open;
    this.#opening ??= this.#begin();
    return (await raceAbort(this.#opening, signal)).ticket();
  }

  /** The service does not know `clientId` any more (S3). */
  lost(clientId: bigint): void {
    if (this.#open?.clientId === clientId) this.#open = undefined;
  }

  async #begin(): Promise<OpenSession> {
    try {
      this.#open = new OpenSession(await this.#register());
      return this.#open;
    } finally {
      this.#opening = undefined;
    }
  }
}
