import { describe, expect, test } from '@jest/globals';
import { StoreError, StoreUrlError, type StoreErrorCode } from '../../../src/store/index.ts';
import { SecretError } from '../secrets.ts';
import { verdict } from './verdict.ts';

const failed = (code: StoreErrorCode) =>
  verdict({ kind: 'failed', error: new StoreError(code, 'told by the store', { retryable: false }) });

describe('the verdict on a store', () => {
  test.each([
    ['STORE_DENIED', 'CredentialsRejected', 'False'],
    ['STORE_NO_BUCKET', 'BucketMissing', 'False'],
    ['STORE_NO_CREDENTIALS', 'CredentialsMissing', 'False'],
    ['STORE_UNSUPPORTED', 'StoreUnsafe', 'False'],
    ['STORE_UNREACHABLE', 'StoreUnreachable', 'Unknown'],
    ['STORE_TIMEOUT', 'StoreUnreachable', 'Unknown'],
    ['STORE_SERVER_ERROR', 'StoreUnreachable', 'Unknown'],
  ] as const)('%s is %s (%s)', (code, reason, status) => {
    expect(failed(code)).toMatchObject({ type: 'Ready', reason, status, message: 'told by the store' });
  });

  test('a secret that is missing or lacks a key is named', () => {
    const missing = new SecretError('SECRET_MISSING', 'shop/keys', 'does not exist; create it');
    expect(verdict({ kind: 'failed', error: missing })).toMatchObject({
      reason: 'SecretMissing',
      message: expect.stringContaining('shop/keys'),
    });
  });

  test('a spec that names no place is the fault of who wrote it', () => {
    expect(verdict({ kind: 'failed', error: new StoreUrlError('names no valid bucket') })).toMatchObject({
      reason: 'SpecInvalid',
      status: 'False',
    });
  });

  test('every broken promise of a probe is told with what was seen', () => {
    const properties = [
      { name: 'create-if-absent', ok: false, detail: 'the second create won too', why: 'it matters' },
      { name: 'read-after-write', ok: true, detail: 'seen', why: 'it matters' },
      { name: 'list-order', ok: false, detail: 'b before a', why: 'it matters' },
    ];
    expect(
      verdict({ kind: 'probed', report: { ok: false, properties, clockSkewMs: 0, latency: [] } }),
    ).toMatchObject({
      status: 'False',
      reason: 'StoreUnsafe',
      message: expect.stringMatching(/create-if-absent: the second create won too; list-order: b before a/),
    });
  });
});
