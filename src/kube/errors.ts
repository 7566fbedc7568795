/**
 * errors: what a call to the API server can end in, told apart once, here.
 */
import { HoldfastError, type ErrorFields } from '../base/index.ts';

export type KubeErrorCode =
  | 'KUBE_NOT_FOUND'
  | 'KUBE_ALREADY_EXISTS'
  /** Another writer was faster, or a precondition failed. */
  | 'KUBE_CONFLICT'
  /** The version asked for is no longer kept. */
  | 'KUBE_EXPIRED'
  /** The server refuses the object: schema, rules, a failed test of a patch. */
  | 'KUBE_INVALID'
  | 'KUBE_UNAUTHORIZED'
  | 'KUBE_FORBIDDEN'
  | 'KUBE_TOO_LARGE'
  | 'KUBE_TOO_MANY_REQUESTS'
  | 'KUBE_SERVER_ERROR'
  /** No answer: refused, reset, or silent beyond the deadline. A write may have happened. */
  | 'KUBE_UNREACHABLE'
  /** An answer that is not what the API promises. */
  | 'KUBE_BAD_RESPONSE';

/** A call failed. `retryable`: the same call may succeed later without anything being changed. */
export class KubeError extends HoldfastError {
  declare readonly code: KubeErrorCode;
  readonly status: number | undefined;
  readonly retryable: boolean;
  /** What the server asked to wait, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: KubeErrorCode,
    message: string,
    options: {
      readonly status?: number | undefined;
      readonly retryable: boolean;
      readonly retryAfterMs?: number | undefined;
      readonly fields?: ErrorFields;
      readonly cause?: unknown;
    },
  ) {
    super(code, message, { fields: { status: options.status, ...options.fields }, cause: options.cause });
    this.status = options.status;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for a KubeError of one of these codes. */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}
