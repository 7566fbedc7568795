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
import type { Result } from './types.ts';

export interface Proposal extends Command {
  readonly answer: PromiseWithResolvers<Result>;
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
  add(cmd: Uint8Array, requestId: Uint8Array): Promise<Result> {
    if (cmd.length > MAX_COMMAND_BYTES)
      throw new ProposalInvalidError(`it has ${cmd.length} bytes, at most ${MAX_COMMAND_BYTES} are taken`);
    if (this.#waiting.length >= MAX_WAITING_COMMANDS || this.#bytes + cmd.length > MAX_WAITING_BYTES)
      throw new ProposalQueueFullError(this.#waiting.length, this.#bytes);
    const answer = Promise.withResolvers<Result>();
    this.#waiting.push({ cmd, requestId, answer });
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
