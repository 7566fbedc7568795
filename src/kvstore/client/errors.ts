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
}

/** No verdict within the deadline (F1). */
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
