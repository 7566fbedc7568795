/**
 * What can go wrong at a store, as one class with one code a cause.
 *
 * 1. The code says who has to act: the network, the store's owner, whoever configured us, or nobody (it passes).
 * 2. `retryable` says whether the same request may succeed later without anybody acting.
 * 3. No message and no field ever holds a credential or a body.
 */
import { HoldfastError, type ErrorFields } from '../base/index.ts';

export type StoreErrorCode =
  /** No connection, or it broke: the store may or may not have acted. */
  | 'STORE_UNREACHABLE'
  /** Connected, but no answer in time. */
  | 'STORE_TIMEOUT'
  /** The caller's signal ended the wait. */
  | 'STORE_ABORTED'
  /** TLS could not be agreed: nothing was sent. */
  | 'STORE_TLS'
  /** No credentials were found. */
  | 'STORE_NO_CREDENTIALS'
  /** The store does not accept these credentials for this. */
  | 'STORE_DENIED'
  /** The bucket or the directory does not exist. */
  | 'STORE_NO_BUCKET'
  /** The bucket lives in another region. */
  | 'STORE_WRONG_REGION'
  /** Our clock and the store's are too far apart for a signature. */
  | 'STORE_CLOCK_SKEW'
  /** Slow down (429, 503). */
  | 'STORE_THROTTLED'
  /** 5xx. */
  | 'STORE_SERVER_ERROR'
  /** 409: a race on the key that the store left undecided. */
  | 'STORE_CONFLICT'
  /** An answer that makes no sense: wrong length, not XML, not from a store. */
  | 'STORE_BAD_RESPONSE'
  /** No space or quota left. */
  | 'STORE_FULL'
  /** The store does not know this operation or condition (501). */
  | 'STORE_UNSUPPORTED'
  /** The request itself is wrong: bad key, bad range, 400. */
  | 'STORE_BAD_REQUEST'
  /** close() was called. */
  | 'STORE_CLOSED';

export interface StoreErrorOptions {
  readonly retryable: boolean;
  readonly fields?: ErrorFields | undefined;
  readonly cause?: unknown;
}

/** A store could not do what was asked. */
export class StoreError extends HoldfastError {
  declare readonly code: StoreErrorCode;
  /** The same request may succeed later without anybody acting. */
  readonly retryable: boolean;

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions) {
    super(code, message, { fields: options.fields, cause: options.cause });
    this.retryable = options.retryable;
  }
}

/** The wait for a create ended because the caller's signal aborted; whether it happened is open. */
export function abortedError(operation: string, key: string, signal: AbortSignal): StoreError {
  return new StoreError(
    'STORE_ABORTED',
    `The wait for ${operation} of ${key} was ended by its caller; the request may still take effect.`,
    { retryable: true, fields: { operation, key }, cause: signal.reason },
  );
}

/** A request after close(). */
export function closedError(url: string): StoreError {
  return new StoreError('STORE_CLOSED', `The store ${url} was closed by this process; open it again.`, {
    retryable: false,
    fields: { url },
  });
}
