/**
 * What every failure of an S3 request means: pure data, looked up in one order.
 *
 * C1  A verdict is final only when the store itself said a final thing. Whatever leaves room for "it may have happened" or "it may pass"
 *     is retryable, and a create that meets it is undecided (A7 of s3log.md §6.3).
 * C2  409 decides nothing: not "exists", not "failed" (s3log.md §1.2; several stores answer it to a losing racer).
 * C3  "Absent" needs the store's own word NoSuchKey: a 404 of a proxy or of a missing bucket is an error (S3 of types.ts).
 */
import type { StoreErrorCode } from '../errors.ts';

/** What is known of a failed request. */
export interface Failure {
  /** HTTP status, when there was a response. */
  readonly status: number | undefined;
  /** The store's error code (`NoSuchKey`), a system code (`ECONNRESET`) or the SDK's error name, in this order. */
  readonly code: string | undefined;
}

export interface Verdict {
  readonly code: StoreErrorCode;
  readonly retryable: boolean;
  /** A sentence without full stop: what happened and what to do. */
  readonly say: string;
}

const verdict = (code: StoreErrorCode, retryable: boolean, say: string): Verdict => ({
  code,
  retryable,
  say,
});

const CONFLICT = verdict(
  'STORE_CONFLICT',
  true,
  'The store left a race on this key undecided; the same request may be sent again',
);
const THROTTLED = verdict(
  'STORE_THROTTLED',
  true,
  'The store asks to slow down; it passes, or raise its limits',
);
const TIMED_OUT = verdict(
  'STORE_TIMEOUT',
  true,
  'The store did not answer in time; look at its health and at the network',
);
const DAMAGED = verdict(
  'STORE_BAD_RESPONSE',
  true,
  'The store received other bytes than were sent; look for a broken proxy',
);
const DENIED = verdict(
  'STORE_DENIED',
  false,
  'The store does not allow this; check the credentials and their policy',
);
const WRONG_KEY = verdict(
  'STORE_DENIED',
  false,
  'The store does not know these credentials; check access key and secret',
);
const EXPIRED = verdict('STORE_DENIED', false, 'The credentials have expired; renew them');
const NO_BUCKET = verdict(
  'STORE_NO_BUCKET',
  false,
  'The bucket does not exist; create it or correct its name',
);
const WRONG_REGION = verdict(
  'STORE_WRONG_REGION',
  false,
  'The bucket is in another region; set region in the store URL',
);
const SKEWED = verdict(
  'STORE_CLOCK_SKEW',
  true,
  'The clock of this machine is far from that of the store; set it right',
);
const FULL = verdict('STORE_FULL', false, 'The store has no space or quota left; free space or enlarge it');
const UNSUPPORTED = verdict(
  'STORE_UNSUPPORTED',
  false,
  'The store does not support this request; use one with conditional PUT',
);
const BAD_REQUEST = verdict(
  'STORE_BAD_REQUEST',
  false,
  'The store calls the request wrong; check the store URL and key',
);
const SERVER_ERROR = verdict(
  'STORE_SERVER_ERROR',
  true,
  'The store failed inside; look at its logs if it does not pass',
);
const NONSENSE = verdict(
  'STORE_BAD_RESPONSE',
  true,
  'The answer is not that of an S3 store; check the endpoint and proxies before it',
);
const UNREACHABLE = verdict(
  'STORE_UNREACHABLE',
  true,
  'The store cannot be reached; check the endpoint and the network',
);
const NO_TLS = verdict(
  'STORE_TLS',
  false,
  'No trusted TLS connection; check the endpoint and its certificate (NODE_EXTRA_CA_CERTS)',
);
const NO_CREDENTIALS = verdict(
  'STORE_NO_CREDENTIALS',
  false,
  'No credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role',
);

/** By the code in the store's error document: it says more than the status. */
const BY_STORE_CODE: Readonly<Record<string, Verdict>> = {
  NoSuchBucket: NO_BUCKET,
  ConditionalRequestConflict: CONFLICT,
  OperationAborted: CONFLICT,
  SlowDown: THROTTLED,
  Throttling: THROTTLED,
  ThrottlingException: THROTTLED,
  ThrottledException: THROTTLED,
  TooManyRequests: THROTTLED,
  TooManyRequestsException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  BandwidthLimitExceeded: THROTTLED,
  RequestThrottled: THROTTLED,
  RequestTimeout: TIMED_OUT,
  BadDigest: DAMAGED,
  InvalidDigest: DAMAGED,
  IncompleteBody: DAMAGED,
  XAmzContentSHA256Mismatch: DAMAGED,
  XAmzContentChecksumMismatch: DAMAGED,
  AccessDenied: DENIED,
  AllAccessDisabled: DENIED,
  AccountProblem: DENIED,
  InvalidAccessKeyId: WRONG_KEY,
  SignatureDoesNotMatch: WRONG_KEY,
  InvalidSecurity: WRONG_KEY,
  XAdminUserNotFound: WRONG_KEY, // versitygw, with status 404
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  InvalidToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  AuthorizationHeaderMalformed: WRONG_REGION,
  PermanentRedirect: WRONG_REGION,
  IllegalLocationConstraintException: WRONG_REGION,
  RequestTimeTooSkewed: SKEWED,
  QuotaExceeded: FULL,
  InsufficientStorage: FULL,
  XMinioStorageFull: FULL,
  XMinioAdminBucketQuotaExceeded: FULL,
  NotImplemented: UNSUPPORTED,
};

const BY_STATUS: Readonly<Record<number, Verdict>> = {
  301: WRONG_REGION,
  400: BAD_REQUEST,
  401: DENIED,
  403: DENIED,
  404: NONSENSE, // C3: neither NoSuchKey nor NoSuchBucket
  405: UNSUPPORTED,
  408: TIMED_OUT,
  409: CONFLICT,
  412: NONSENSE, // of a request that carried no condition; a create takes 412 as "exists" before it comes here
  425: THROTTLED,
  429: THROTTLED,
  499: TIMED_OUT,
  501: UNSUPPORTED,
  504: TIMED_OUT,
  507: FULL,
};

/** By system code or SDK error name, where no response came. */
const BY_SYSTEM_CODE: Readonly<Record<string, Verdict>> = {
  TimeoutError: TIMED_OUT,
  DEADLINE: TIMED_OUT,
  CredentialsProviderError: NO_CREDENTIALS,
  EPROTO: NO_TLS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_TLS,
  UNABLE_TO_GET_ISSUER_CERT: NO_TLS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_TLS,
  SELF_SIGNED_CERT_IN_CHAIN: NO_TLS,
  DEPTH_ZERO_SELF_SIGNED_CERT: NO_TLS,
};

/** Looks a failure up. */
export function classify(failure: Failure): Verdict {
  const { status, code = '' } = failure;
  if (status === undefined) return classifySilence(code);
  const byCode = Object.hasOwn(BY_STORE_CODE, code) ? BY_STORE_CODE[code] : undefined;
  return byCode ?? BY_STATUS[status] ?? classifyStatus(status);
}

function classifyStatus(status: number): Verdict {
  if (status >= 500) return SERVER_ERROR;
  return status >= 400 ? BAD_REQUEST : NONSENSE; // below 400: an answer that could not be read, or a redirect
}

function classifySilence(code: string): Verdict {
  if (Object.hasOwn(BY_SYSTEM_CODE, code)) return BY_SYSTEM_CODE[code]!;
  if (/^CERT_|^ERR_TLS_|^ERR_SSL_/.test(code)) return NO_TLS;
  if (code.startsWith('HPE_')) return NONSENSE; // Node's HTTP parser
  return UNREACHABLE;
}

/** True when the store says that the object (not the bucket) does not exist (C3). `head`: HEAD answers have no document. */
export function saysAbsent(failure: Failure, head: boolean): boolean {
  return failure.status === 404 && (failure.code === 'NoSuchKey' || (head && failure.code === 'NotFound'));
}

/** What a failed create came to. */
export function classifyCreate(failure: Failure): 'exists' | 'undecided' | 'refused' {
  if (failure.status === 412) return 'exists';
  return classify(failure).retryable ? 'undecided' : 'refused'; // C1
}
