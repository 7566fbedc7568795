/**
 * What can go wrong with small state kept elsewhere. "Nothing stored" is a value, never an error; a value that cannot be read is an error,
 * never "nothing stored" (DESIGN I12).
 */
import { HoldfastError, type ErrorFields } from '../base/index.ts';
import type { StoredState } from './types.ts';

/** Base of this room's errors. `retryable`: the same call may succeed later without anything being changed. */
export class PersistenceError extends HoldfastError {
  readonly retryable: boolean;

  constructor(
    code: string,
    message: string,
    options: { readonly retryable: boolean; readonly fields?: ErrorFields; readonly cause?: unknown },
  ) {
    super(code, message, { fields: options.fields, cause: options.cause });
    this.retryable = options.retryable;
  }
}

/** Another writer was faster; nothing was written. Read again and decide again. */
export class ConflictError extends PersistenceError {
  /** What stood in the way; undefined when nothing is stored. */
  readonly current: StoredState | undefined;

  constructor(id: string, expected: number | undefined, current: StoredState | undefined) {
    const found = current?.revision;
    const told = (revision: number | undefined): string =>
      revision === undefined ? 'nothing' : `revision ${revision}`;
    super('STATE_CONFLICT', `${id} holds ${told(found)}, and was expected to hold ${told(expected)}.`, {
      retryable: false,
      fields: { id, expected, found },
    });
    this.current = current;
  }
}

/** It cannot be reached, or is not there yet. */
export class UnavailableError extends PersistenceError {
  constructor(where: string, cause: unknown) {
    super('STATE_UNAVAILABLE', `${where} cannot be reached or does not exist yet. Try again later.`, {
      retryable: true,
      fields: { where },
      cause,
    });
  }
}

export class ForbiddenError extends PersistenceError {
  constructor(where: string, cause: unknown) {
    super(
      'STATE_FORBIDDEN',
      `No permission for ${where}. Check the rights of the account that is used for it.`,
      {
        retryable: true, // rights may be given at any time
        fields: { where },
        cause,
      },
    );
  }
}

/** It was understood and is not wanted: a schema, a policy, a rule of the place it would be kept in. Nothing was written. */
export class RefusedError extends PersistenceError {
  constructor(where: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      'STATE_REFUSED',
      `${where} may not be changed like this: ${why}. Mend that first; trying again does not help.`,
      {
        retryable: false,
        fields: { where },
        cause,
      },
    );
  }
}

export class TooLargeError extends PersistenceError {
  constructor(id: string, bytes: number, limit: number) {
    super(
      'STATE_TOO_LARGE',
      `${id} would take ${bytes} bytes with what is beside it; ${limit} fit. Nothing was written.`,
      {
        retryable: false,
        fields: { id, bytes, limit },
      },
    );
  }
}

/** A value is there and cannot be understood. */
export class CorruptError extends PersistenceError {
  constructor(id: string, problem: string, cause?: unknown) {
    super('STATE_CORRUPT', `${id} holds a damaged value: ${problem}. Repair or remove it by hand.`, {
      retryable: false,
      fields: { id, problem },
      cause,
    });
  }
}

/** The handle was used in a way that its contract excludes. */
export class UsageError extends PersistenceError {
  constructor(what: string) {
    super('STATE_USAGE', `Wrong use of a write handle: ${what}.`, { retryable: false, fields: { what } });
  }
}

/** A later term has written already; an earlier one never replaces it (DESIGN I6). */
export class HintsStaleTermError extends PersistenceError {
  constructor(term: number, stored: number) {
    super('HINTS_STALE_TERM', `Hints of term ${stored} are stored; term ${term} may not replace them.`, {
      retryable: false,
      fields: { term, stored },
    });
  }
}
