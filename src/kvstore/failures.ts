/**
 * From what the log and the runtime say to what a client is told (K1).
 *
 * The one rule that must never bend: NOT_APPENDED and NOT_PRIMARY only when the command is certainly not in the log. Whatever is not known for
 * certain is OUTCOME_UNKNOWN, which costs the client a repetition with the same request id and nothing else.
 */
import { ensureError } from '../base/index.ts';
import { FencedError, SessionEndedError } from '../journal/index.ts';
import { ProposalFailedError, ProposalQueueFullError } from '../statemachine/index.ts';
import { KvError, notPrimary } from './errors.ts';

/** What a client is told about a write that failed after it was handed to the runtime. */
export function writeFailure(thrown: unknown): KvError {
  if (thrown instanceof KvError) return thrown;
  const cause = ensureError(thrown);
  if (thrown instanceof ProposalQueueFullError)
    return new KvError('OVERLOADED', 'Too many writes wait for the log. Try again later.', { cause });
  if (thrown instanceof ProposalFailedError && thrown.outcome === 'rejected')
    return new KvError('NOT_APPENDED', 'The write was not made. Send it again to the current primary.', {
      cause,
    });
  return new KvError(
    'OUTCOME_UNKNOWN',
    'It is not known whether the write was made. Send it again with the same request id to the current primary.',
    { cause },
  );
}

/** What a client is told about a linearizable read whose confirmation failed. A read may always be repeated. */
export function readFailure(thrown: unknown): KvError {
  if (thrown instanceof KvError) return thrown;
  if (thrown instanceof FencedError || thrown instanceof SessionEndedError)
    return notPrimary('its right to the log has ended');
  return new KvError(
    'READ_NOT_CONFIRMED',
    'The store did not confirm in time that this replica still is the primary.',
    {
      cause: ensureError(thrown),
    },
  );
}
