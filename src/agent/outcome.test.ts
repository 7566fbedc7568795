import { describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { HoldfastError } from '../base/index.ts';
import { exitFor, explain, released } from './outcome.ts';
import { RestoreError } from './restore.ts';

const error = (code: string, cause?: unknown): HoldfastError =>
  new HoldfastError(code, `failed with ${code}`, { cause });

describe('how a life ends', () => {
  test.each([
    ['CONFIG_INVALID', EXIT.configuration, 'ConfigurationInvalid'],
    ['FENCED', EXIT.fenced, 'Fenced'],
    ['STALE_TERM', EXIT.fenced, 'Fenced'],
    ['DATA_LOSS', EXIT.dataLoss, 'DataLoss'],
    ['HISTORY_LOST', EXIT.dataLoss, 'DataLoss'],
    ['ENOSPC', EXIT.localDisk, 'DiskFull'],
    ['STORE_DENIED', EXIT.storeRefused, 'StoreRefused'],
    ['APPEND_UNKNOWN', EXIT.storeRefused, 'StoreUnreachable'],
    ['SOMETHING_ELSE', EXIT.internal, 'InternalError'],
  ])('%s', (code, exit, reason) => {
    expect(exitFor(error(code))).toMatchObject({ code: exit, reason, released: false });
  });

  test('the cause that tells most decides: a broken recorder over a full disk is a full disk', () => {
    expect(exitFor(error('RECORDER_BROKEN', error('ENOSPC'))).reason).toBe('DiskFull');
    expect(exitFor(error('RECORDER_BROKEN', error('FENCED'))).reason).toBe('Fenced');
  });

  test('a restore that none of the hints could bring about is data loss, unless something else is behind it', () => {
    const passedOver = [{ from: 'primary', error: error('HINTS_INVALID') }] as const;
    const failed = (cause: Error): string => exitFor(new RestoreError('default/s', cause, passedOver)).reason;
    expect(['HINTS_INVALID', 'REPLAY_FAILED', 'HISTORY_LOST'].map((code) => failed(error(code)))).toEqual(
      Array.from({ length: 3 }, () => 'DataLoss'),
    );
    expect([failed(error('STORE_DENIED')), failed(error('ENOSPC'))]).toEqual(['StoreRefused', 'DiskFull']);
  });

  test('is explained down to the first cause, each with its code', () => {
    const system = Object.assign(new Error('no space left on device, write'), { code: 'ENOSPC' });
    expect(explain(exitFor(error('RECORDER_BROKEN', system)))).toBe(
      'failed with RECORDER_BROKEN (RECORDER_BROKEN) Because: no space left on device, write (ENOSPC)',
    );
    expect(explain(exitFor(new TypeError('x is not a function')))).toBe('x is not a function (INTERNAL)');
    expect(explain(released('Released', 'handed back'))).toBe('handed back');
  });

  test('what is no error of ours still ends with a code, a reason and its text', () => {
    expect(exitFor(new TypeError('x is not a function'))).toMatchObject({
      code: EXIT.internal,
      message: 'x is not a function',
    });
  });
});
