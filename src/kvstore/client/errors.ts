/**
 * How a call of the client fails.
 *
 * F1  A refusal is a verdict of the service and final. No verdict says whether a mutation may have happened.
 */
import { HoldfastError } from '../../base/index.ts';

/** The service's final refusal of a call. `code` is the service's. */
export class KvRefusedError extends HoldfastError {
  readonly status: number;
  /** The rest of the service's answer: numbers that some codes carry. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(code, message, { fields: { status } });
    this.status = status;
    this.details = details;
  }

  /** The refusal in the JSON of an answer; whatever else answered, such as a proxy, is told by its status. */
  static of(status: number, json: Readonly<Record<string, unknown>>): KvRefusedError {
    const { code, message, ...details } = json;
    return new KvRefusedError(
      status,
      typeof code === 'string' ? code : `HTTP_${status}`,
      typeof message === 'string' ? message : `The server answered ${status}.`,
      details,
    );
  }
}

/** No verdict within the deadline, or none at all on a call that must not be made twice (F1). */
export class KvTimeoutError extends HoldfastError {
  /** True when a mutation may have been applied by one of the attempts. */
  readonly mayHaveHappened: boolean;

  constructor(timeoutMs: number, attempts: number, mayHaveHappened: boolean, cause: unknown) {
    super(
      'KV_TIMEOUT',
      `No answer from a primary within ${timeoutMs} ms and ${attempts} attempts.${mayHaveHappened ? ' The mutation may have happened: read before it is made again, or give a request id and repeat it with that.' : ''}`,
      { fields: { timeoutMs, attempts, mayHaveHappened }, cause },
    );
    this.mayHaveHappened = mayHaveHappened;
  }
}

/** The service has forgotten this client's session after an attempt that may have been applied: nobody can tell any more whether it was. */
export class KvSessionLostError extends HoldfastError {
  readonly mayHaveHappened = true;

  constructor(cause: unknown) {
    super(
      'KV_SESSION_LOST',
      'The service has forgotten this session since the first attempt, which may have been applied. Read before the mutation is made again.',
      { cause },
    );
  }
}

/** An answer that makes no sense: whoever gave it is no key-value service, or one of another version. */
export class KvAnswerError extends HoldfastError {
  constructor(problem: string) {
    super('KV_ANSWER', `The answer is not that of a key-value service: ${problem}.`, { fields: { problem } });
  }
}

/** The caller has left before anything was sent. */
export class NotSentError extends HoldfastError {
  constructor(reason: unknown) {
    super('NOT_SENT', 'Nothing was sent: the requests before it were not answered in time.', {
      cause: reason,
    });
  }
}
