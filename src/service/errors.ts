/**
 * What a replicated service answers when it does not do what was asked, whatever the service is. Codes and statuses are part of the HTTP contract.
 *
 * E1  A failed proposal says whether it may have happened: NOT_APPENDED (it did not), OUTCOME_UNKNOWN (it may have: repeat it with the same identity at
 *     the primary), every other code (it was never tried).
 * E2  NOT_APPENDED and NOT_PRIMARY only when the command is certainly not in the log. What is not known for certain is OUTCOME_UNKNOWN, which costs the
 *     caller a repetition and nothing else.
 */
import { ensureError, HoldfastError, type ErrorFields } from '../base/index.ts';
import { FencedError, SessionEndedError } from '../journal/index.ts';
import {
  MachineNotOpenError,
  ProposalFailedError,
  ProposalInvalidError,
  ProposalQueueFullError,
  SessionRefusedError,
} from '../statemachine/index.ts';

/** code -> HTTP status. */
export const SERVICE_ERROR_STATUS = {
  INVALID_COMMAND: 400,
  SESSION_UNKNOWN: 409,
  SERIES_ANSWERED: 409,
  NOT_PRIMARY: 421,
  OVERLOADED: 429,
  NOT_APPENDED: 503,
  OUTCOME_UNKNOWN: 503,
  READ_NOT_CONFIRMED: 503,
} as const;

export type ServiceErrorCode = keyof typeof SERVICE_ERROR_STATUS;

/** A typed refusal or failure of any replicated service (E1). */
export class ServiceError extends HoldfastError {
  declare readonly code: ServiceErrorCode;

  constructor(
    code: ServiceErrorCode,
    message: string,
    options: { readonly fields?: ErrorFields; readonly cause?: unknown } = {},
  ) {
    super(code, message, options);
  }

  get status(): number {
    return SERVICE_ERROR_STATUS[this.code];
  }
}

export function notPrimary(detail: string): ServiceError {
  return new ServiceError('NOT_PRIMARY', `This replica is not the primary: ${detail}. Ask the primary.`);
}

/** What a caller is told about a proposal that failed after it was handed to the runtime. */
export function proposalFailure(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const cause = ensureError(thrown);
  if (thrown instanceof ProposalQueueFullError)
    return new ServiceError('OVERLOADED', 'Too many writes wait for the log. Try again later.', { cause });
  if (thrown instanceof SessionRefusedError && thrown.refusal === 'session-unknown')
    return new ServiceError('SESSION_UNKNOWN', thrown.message, { cause });
  if (thrown instanceof SessionRefusedError && thrown.refusal === 'series-answered')
    return new ServiceError('SERIES_ANSWERED', thrown.message, { cause });
  if (thrown instanceof ProposalInvalidError)
    return new ServiceError('INVALID_COMMAND', thrown.message, { cause });
  if (thrown instanceof ProposalFailedError && thrown.outcome === 'rejected')
    return new ServiceError('NOT_APPENDED', 'The write was not made. Send it again to the current primary.', {
      cause,
    });
  return new ServiceError(
    'OUTCOME_UNKNOWN',
    'It is not known whether the write was made. Send it again with the same request id to the current primary.',
    { cause },
  );
}

/** What a caller is told about a linearizable read whose confirmation failed. A read may always be repeated. */
export function readFailure(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  if (thrown instanceof FencedError || thrown instanceof SessionEndedError)
    return notPrimary('its right to the log has ended');
  return new ServiceError(
    'READ_NOT_CONFIRMED',
    'The store did not confirm in time that this replica still is the primary.',
    { cause: ensureError(thrown) },
  );
}

/** What a caller is told about a lookup that it did not wait for any longer. A read may always be repeated. */
export function answerTooLate(reason: unknown): ServiceError {
  return new ServiceError(
    'READ_NOT_CONFIRMED',
    'The answer was not there in time. Ask again, for less or with more time.',
    { cause: ensureError(reason) },
  );
}

/** What a caller is told about a lookup that failed: a machine whose files are the replication's has nothing to say at a standby. The rest is the machine's own. */
export function lookupFailure(thrown: unknown): unknown {
  return thrown instanceof MachineNotOpenError
    ? notPrimary('it is a standby, which does not open its files')
    : thrown;
}
