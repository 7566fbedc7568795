/**
 * The table of failures, row by row: what a create came to, and what everything else is told.
 */
import { describe, expect, test } from '@jest/globals';
import { classify, classifyCreate, saysAbsent, type Failure } from './classify.ts';

type Row = readonly [
  status: number | undefined,
  code: string | undefined,
  create: 'exists' | 'undecided' | 'refused',
  error: string,
];

const ANSWERS: readonly Row[] = [
  [412, 'PreconditionFailed', 'exists', 'STORE_BAD_RESPONSE'],
  [412, undefined, 'exists', 'STORE_BAD_RESPONSE'],
  [409, 'ConditionalRequestConflict', 'undecided', 'STORE_CONFLICT'],
  [409, 'OperationAborted', 'undecided', 'STORE_CONFLICT'],
  [409, undefined, 'undecided', 'STORE_CONFLICT'],
  [429, undefined, 'undecided', 'STORE_THROTTLED'],
  [503, 'SlowDown', 'undecided', 'STORE_THROTTLED'],
  [400, 'Throttling', 'undecided', 'STORE_THROTTLED'],
  [503, 'ServiceUnavailable', 'undecided', 'STORE_SERVER_ERROR'],
  [500, 'InternalError', 'undecided', 'STORE_SERVER_ERROR'],
  [502, undefined, 'undecided', 'STORE_SERVER_ERROR'],
  [599, undefined, 'undecided', 'STORE_SERVER_ERROR'],
  [504, undefined, 'undecided', 'STORE_TIMEOUT'],
  [408, undefined, 'undecided', 'STORE_TIMEOUT'],
  [499, undefined, 'undecided', 'STORE_TIMEOUT'],
  [400, 'RequestTimeout', 'undecided', 'STORE_TIMEOUT'],
  [400, 'BadDigest', 'undecided', 'STORE_BAD_RESPONSE'],
  [400, 'XAmzContentSHA256Mismatch', 'undecided', 'STORE_BAD_RESPONSE'],
  [400, 'IncompleteBody', 'undecided', 'STORE_BAD_RESPONSE'],
  [403, 'RequestTimeTooSkewed', 'undecided', 'STORE_CLOCK_SKEW'],
  [404, 'NotFound', 'undecided', 'STORE_BAD_RESPONSE'],
  [404, undefined, 'undecided', 'STORE_BAD_RESPONSE'],
  [200, 'Error', 'undecided', 'STORE_BAD_RESPONSE'],
  [302, undefined, 'undecided', 'STORE_BAD_RESPONSE'],
  [307, 'TemporaryRedirect', 'undecided', 'STORE_BAD_RESPONSE'],
  [400, 'InvalidRequest', 'refused', 'STORE_BAD_REQUEST'],
  [413, 'EntityTooLarge', 'refused', 'STORE_BAD_REQUEST'],
  [403, 'AccessDenied', 'refused', 'STORE_DENIED'],
  [403, undefined, 'refused', 'STORE_DENIED'],
  [401, undefined, 'refused', 'STORE_DENIED'],
  [403, 'InvalidAccessKeyId', 'refused', 'STORE_DENIED'],
  [403, 'SignatureDoesNotMatch', 'refused', 'STORE_DENIED'],
  [404, 'XAdminUserNotFound', 'refused', 'STORE_DENIED'],
  [400, 'ExpiredToken', 'refused', 'STORE_DENIED'],
  [404, 'NoSuchBucket', 'refused', 'STORE_NO_BUCKET'],
  [301, 'PermanentRedirect', 'refused', 'STORE_WRONG_REGION'],
  [301, undefined, 'refused', 'STORE_WRONG_REGION'],
  [400, 'AuthorizationHeaderMalformed', 'refused', 'STORE_WRONG_REGION'],
  [501, 'NotImplemented', 'refused', 'STORE_UNSUPPORTED'],
  [405, 'MethodNotAllowed', 'refused', 'STORE_UNSUPPORTED'],
  [507, undefined, 'refused', 'STORE_FULL'],
  [403, 'QuotaExceeded', 'refused', 'STORE_FULL'],
];

const SILENCES: readonly Row[] = [
  [undefined, 'ECONNREFUSED', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'ECONNRESET', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'EPIPE', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'ENOTFOUND', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'EAI_AGAIN', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'ETIMEDOUT', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'something new', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'constructor', 'undecided', 'STORE_UNREACHABLE'],
  [undefined, undefined, 'undecided', 'STORE_UNREACHABLE'],
  [undefined, 'TimeoutError', 'undecided', 'STORE_TIMEOUT'],
  [undefined, 'DEADLINE', 'undecided', 'STORE_TIMEOUT'],
  [undefined, 'HPE_INVALID_CONSTANT', 'undecided', 'STORE_BAD_RESPONSE'],
  [undefined, 'CERT_HAS_EXPIRED', 'refused', 'STORE_TLS'],
  [undefined, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'refused', 'STORE_TLS'],
  [undefined, 'ERR_TLS_CERT_ALTNAME_INVALID', 'refused', 'STORE_TLS'],
  [undefined, 'EPROTO', 'refused', 'STORE_TLS'],
  [undefined, 'CredentialsProviderError', 'refused', 'STORE_NO_CREDENTIALS'],
];

describe('what a failure means', () => {
  test.each([...ANSWERS, ...SILENCES])(
    'status %s, code %s: a create is %s, others get %s',
    (status, code, create, error) => {
      const failure: Failure = { status, code };
      expect(classifyCreate(failure)).toBe(create);
      const verdict = classify(failure);
      expect(verdict.code).toBe(error);
      expect(verdict.retryable).toBe(create === 'undecided' || create === 'exists');
      expect(verdict.say).toMatch(/[;(]/); // what happened, and what to do about it
    },
  );

  test('every 5xx but "not supported" and "full" leaves a create undecided', () => {
    for (let status = 500; status < 600; status += 1)
      expect([status, classifyCreate({ status, code: undefined })]).toEqual([
        status,
        status === 501 || status === 507 ? 'refused' : 'undecided',
      ]);
  });
});

describe('absence', () => {
  test.each([
    [404, 'NoSuchKey', true, true],
    [404, 'NotFound', false, true], // a 404 without document: all that HEAD can get, a proxy's page to a GET
    [404, 'NoSuchBucket', false, false],
    [404, 'XAdminUserNotFound', false, false],
    [403, 'AccessDenied', false, false],
    [200, 'NoSuchKey', false, false],
    [undefined, 'NoSuchKey', false, false],
  ] as const)('status %s %s: GET %s, HEAD %s', (status, code, get, head) => {
    expect(saysAbsent({ status, code }, false)).toBe(get);
    expect(saysAbsent({ status, code }, true)).toBe(head);
  });
});
