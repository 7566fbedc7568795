/**
 * Errors: the one base class, the invariant check and the boundary converter.
 *
 * E1  Every error that leaves a room is a HoldfastError with a stable UPPER_SNAKE code; people and tests search for the code.
 * E2  `fields` carries the evidence as data; the message is a sentence that says what happened and what to do.
 * E3  The thing that went wrong underneath is always kept as `cause`.
 */

export type ErrorField = string | number | bigint | boolean | null | undefined;
export type ErrorFields = Readonly<Record<string, ErrorField>>;

export interface HoldfastErrorOptions {
  readonly fields?: ErrorFields | undefined;
  readonly cause?: unknown;
}

/** Base of every error this project throws on purpose (E1-E3). */
export class HoldfastError extends Error {
  readonly code: string;
  readonly fields: ErrorFields;

  constructor(code: string, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = options.fields ?? {};
  }
}

/** A broken invariant: a bug in this program. The actor that meets one stops; it never carries on. */
export class InvariantError extends HoldfastError {
  constructor(invariant: string, fields?: ErrorFields) {
    super(
      'INVARIANT_BROKEN',
      `Invariant broken: ${invariant}. This is a bug; please report it with this text.`,
      {
        fields: { invariant, ...fields },
      },
    );
  }
}

/**
 * Checks an invariant; stays on in production.
 * @throws InvariantError when `condition` is false.
 */
export function assert(condition: boolean, invariant: string, fields?: ErrorFields): asserts condition {
  if (!condition) throw new InvariantError(invariant, fields);
}

/** Turns whatever was thrown into an Error, so that a boundary can attach it as a cause. Errors of other realms are errors too. */
export function ensureError(thrown: unknown): Error {
  return Error.isError(thrown) ? thrown : new Error(`non-error thrown: ${String(thrown)}`);
}

/** The code of a HoldfastError or of a Node.js system error (ENOSPC, ECONNRESET), else undefined. */
export function errorCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** For exhaustive switches: a compile error where a case is missing, an InvariantError should one slip through. */
export function unreachable(value: never): never {
  throw new InvariantError('unreachable case', { value: JSON.stringify(value) });
}
