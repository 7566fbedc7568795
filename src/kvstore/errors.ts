/**
 * What the key-value service answers when it does not do what was asked. Codes are part of the HTTP contract.
 *
 * K1  A failed mutation says whether it may have happened: NOT_APPENDED (it did not), OUTCOME_UNKNOWN (it may have: repeat it with the same
 *     request id at the primary), every other code (it was never tried).
 */
import { HoldfastError, type ErrorFields } from '../base/index.ts';

/** code -> HTTP status. */
export const KV_ERROR_STATUS = {
  INVALID_KEY: 400,
  INVALID_QUERY: 400,
  INVALID_BODY: 400,
  INVALID_REQUEST_ID: 400,
  KEY_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  TOO_LARGE: 413,
  NOT_PRIMARY: 421,
  REQUEST_ID_REUSED: 422,
  OVERLOADED: 429,
  INTERNAL: 500,
  NOT_APPENDED: 503,
  OUTCOME_UNKNOWN: 503,
  READ_NOT_CONFIRMED: 503,
} as const;

export type KvErrorCode = keyof typeof KV_ERROR_STATUS;

/** A typed refusal or failure of the service (K1). */
export class KvError extends HoldfastError {
  declare readonly code: KvErrorCode;

  constructor(
    code: KvErrorCode,
    message: string,
    options: { readonly fields?: ErrorFields; readonly cause?: unknown } = {},
  ) {
    super(code, message, options);
  }

  get status(): number {
    return KV_ERROR_STATUS[this.code];
  }
}

/** Bytes of a command or snapshot that this version cannot read: damage or a newer writer. The state machine halts on it. */
export class KvFormatError extends HoldfastError {
  constructor(what: string, detail: string) {
    super(
      'KV_FORMAT',
      `Unreadable ${what}: ${detail}. The log is damaged or was written by a newer version.`,
      {
        fields: { what, detail },
      },
    );
  }
}
