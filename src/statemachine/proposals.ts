/**
 * proposals: what clients have asked for and the log does not have yet.
 *
 * P1  Bounded by number and bytes; what does not fit is refused at once and nothing of it is kept.
 * P2  Commands that were proposed together are told one by one, by one function: a promise for each would cost more than to apply it.
 */
import { utf8 } from '../base/index.ts';
import { ProposalInvalidError, ProposalQueueFullError } from './errors.ts';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_COMMANDS,
  MAX_COMMAND_BYTES,
  MAX_REQUEST_ID_BYTES,
  MAX_WAITING_BYTES,
  MAX_WAITING_COMMANDS,
} from './limits.ts';
import type { Command } from './envelope.ts';
import { MAX_CLIENT_ID, MAX_SERIES, type SessionCall } from './sessions.ts';
import type { Result } from './types.ts';

const NO_ID = new Uint8Array(0);

/** Told of one command what came of it, once. */
export interface Reply {
  resolve(result: Result): void;
  reject(error: Error): void;
}

export interface Proposal extends Command {
  readonly answer: Reply;
}

/** One of several commands that are proposed together. */
export interface ProposedCommand {
  readonly cmd: Uint8Array;
  readonly identity: ProposeOptions;
}

/** Told of the `n`th of several commands what came of it, in whatever order they are answered. */
export type Told = (n: number, outcome: Result | Error) => void;

/** The answers to commands that are proposed together (P2). */
export class Answers {
  readonly #told: Told;
  #missing: number;
  /** The first fault of whoever is told. */
  #fault: unknown;
  readonly #all: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(commands: number, told: Told) {
    this.#told = told;
    this.#missing = commands;
    if (commands === 0) this.#all.resolve();
  }

  /** Resolves when all are told; rejects with what `told` has thrown then. */
  get all(): Promise<void> {
    return this.#all.promise;
  }

  /** Never throws: a fault of whoever is told is not the machine's. */
  tell(n: number, outcome: Result | Error): void {
    try {
      this.#told(n, outcome);
    } catch (error) {
      this.#fault ??= error;
    }
    this.#missing--;
    if (this.#missing > 0) return;
    if (this.#fault === undefined) this.#all.resolve();
    else this.#all.reject(this.#fault);
  }

  to(n: number): Reply {
    return new ReplyOf(this, n);
  }
}

class ReplyOf implements Reply {
  readonly #answers: Answers;
  readonly #n: number;

  constructor(answers: Answers, n: number) {
    this.#answers = answers;
    this.#n = n;
  }

  resolve(result: Result): void {
    this.#answers.tell(this.#n, result);
  }

  reject(error: Error): void {
    this.#answers.tell(this.#n, error);
  }
}

/** How a command is applied at most once (C3): under an id of its own, as a numbered command of a session, or, without either, not at all. */
export interface ProposeOptions {
  readonly requestId?: string | undefined;
  readonly session?: Omit<SessionCall & { readonly kind: 'update' }, 'kind'> | undefined;
}

/** @throws ProposalInvalidError */
export function exactlyOnce({ requestId, session }: ProposeOptions): Omit<Command, 'cmd'> {
  if (session === undefined) return { requestId: requestIdOf(requestId) };
  if (requestId !== undefined)
    throw new ProposalInvalidError('it has a request id and a session; one of them is enough');
  const { clientId, series, respondedTo } = session;
  if (clientId < 1n || clientId > MAX_CLIENT_ID)
    throw new ProposalInvalidError(`${clientId} is no number of a client`);
  if (series < 1n || series > MAX_SERIES)
    throw new ProposalInvalidError(`${series} is no number of a command: they begin at 1`);
  if (respondedTo < 0n || respondedTo > MAX_SERIES)
    throw new ProposalInvalidError(`${respondedTo} is no number of an answered command`);
  return { requestId: NO_ID, session: { kind: 'update', clientId, series, respondedTo } };
}

/** A request id as bytes. @throws ProposalInvalidError */
export function requestIdOf(text: string | undefined): Uint8Array {
  if (text === undefined) return NO_ID;
  const requestId = utf8(text);
  if (requestId.length > MAX_REQUEST_ID_BYTES)
    throw new ProposalInvalidError(
      `its request id has ${requestId.length} bytes, at most ${MAX_REQUEST_ID_BYTES} are taken`,
    );
  return requestId;
}

export class ProposalQueue {
  #waiting: Proposal[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** @throws ProposalInvalidError, ProposalQueueFullError (P1) */
  add({ cmd, requestId, session }: Command, answer: Reply): void {
    if (cmd.length > MAX_COMMAND_BYTES)
      throw new ProposalInvalidError(`it has ${cmd.length} bytes, at most ${MAX_COMMAND_BYTES} are taken`);
    if (this.#waiting.length >= MAX_WAITING_COMMANDS || this.#bytes + cmd.length > MAX_WAITING_BYTES)
      throw new ProposalQueueFullError(this.#waiting.length, this.#bytes);
    this.#waiting.push(session ? { cmd, requestId, session, answer } : { cmd, requestId, answer });
    this.#bytes += cmd.length;
  }

  /** The oldest proposals that make one entry. */
  takeBatch(): readonly Proposal[] {
    let count = 0;
    let bytes = 0;
    for (const { cmd } of this.#waiting) {
      if (count === MAX_BATCH_COMMANDS || (count > 0 && bytes + cmd.length > MAX_BATCH_BYTES)) break;
      count++;
      bytes += cmd.length;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#bytes -= bytes;
    return batch;
  }

  /** Everything that waits. */
  takeAll(): readonly Proposal[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return all;
  }
}
