/**
 * proposals: what clients have asked for and the log does not have yet.
 *
 * P1  Bounded by number and bytes; what does not fit is refused at once and nothing of it is kept.
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

export interface Proposal extends Command {
  readonly answer: PromiseWithResolvers<Result>;
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
  const requestId = utf8(text ?? '');
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
  add(command: Command): Promise<Result> {
    const { cmd } = command;
    if (cmd.length > MAX_COMMAND_BYTES)
      throw new ProposalInvalidError(`it has ${cmd.length} bytes, at most ${MAX_COMMAND_BYTES} are taken`);
    if (this.#waiting.length >= MAX_WAITING_COMMANDS || this.#bytes + cmd.length > MAX_WAITING_BYTES)
      throw new ProposalQueueFullError(this.#waiting.length, this.#bytes);
    const answer = Promise.withResolvers<Result>();
    this.#waiting.push({ ...command, answer });
    this.#bytes += cmd.length;
    return answer.promise;
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
