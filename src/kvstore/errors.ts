/**
 * What the key-value service answers when it does not do what was asked. Codes are part of the HTTP contract.
 *
 * K1  A failed mutation says whether it may have happened: NOT_APPENDED (it did not), OUTCOME_UNKNOWN (it may have: repeat it with the same
 *     identity at the primary), every other code (it was never tried).
 */
import { HoldfastError, type ErrorFields } from '../base/index.ts';

/** code -> HTTP status. */
export const KV_ERROR_STATUS = {
  INVALID_KEY: 400,
  INVALID_QUERY: 400,
  INVALID_BODY: 400,
  INVALID_REQUEST_ID: 400,
  INVALID_SESSION: 400,
  KEY_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  CHANGES_AHEAD: 409,
  CHANGES_DIVERGED: 409,
  SESSION_UNKNOWN: 409,
  SERIES_ANSWERED: 409,
  BACKUP_FAILED: 409,
  CHANGES_GAP: 410,
  TOO_LARGE: 413,
  NOT_PRIMARY: 421,
  REQUEST_ID_REUSED: 422,
  OVERLOADED: 429,
  INTERNAL: 500,
  BUSY: 503,
  NOT_APPENDED: 503,
  OUTCOME_UNKNOWN: 503,
  READ_NOT_CONFIRMED: 503,
} as const;

export type KvErrorCode = keyof typeof KV_ERROR_STATUS;

/** What an answer carries beside code and message, for programs: the primary's URL (as a header), numbers. */
export type KvErrorDetails = Readonly<Record<string, string | number>>;

/** A typed refusal or failure of the service (K1). */
export class KvError extends HoldfastError {
  declare readonly code: KvErrorCode;
  readonly details: KvErrorDetails;

  constructor(
    code: KvErrorCode,
    message: string,
    options: {
      readonly fields?: ErrorFields;
      readonly cause?: unknown;
      readonly details?: KvErrorDetails;
    } = {},
  ) {
    super(code, message, options);
    this.details = options.details ?? {};
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
