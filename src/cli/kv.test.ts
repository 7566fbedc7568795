/**
 * holdfast kv as a user runs it, against a real server on loopback.
 */
import { describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { Master } from '../kvstore/testing/index.ts';
import { holdfast, type Run } from './testing/index.ts';

describe('holdfast kv', () => {
  test('puts, reads, compares and lists', () =>
    Master.during(async ({ url }) => {
      const kv = (...args: readonly string[]): Promise<Run> =>
        holdfast(['kv', ...args, '--endpoint', url.origin]);
      expect(await kv('put', 'a/1', 'one')).toMatchObject({ code: EXIT.ok, stdout: '' });
      expect(await kv('get', 'a/1')).toMatchObject({ code: EXIT.ok, stdout: 'one' });
      expect(await kv('get', 'none')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('KEY_NOT_FOUND'),
      });
      expect(await kv('cas', 'a/2', 'new', '--json')).toMatchObject({
        code: EXIT.ok,
        stdout: '{"swapped":true}\n',
      });
      const listed = await kv('list', 'a/', '--json');
      expect(
        listed.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([
        { key: 'a/1', value: 'one' },
        { key: 'a/2', value: 'new' },
      ]);
      const stats = await kv('stats', '--json');
      expect(JSON.parse(stats.stdout)).toMatchObject({
        role: 'primary',
        engine: 'memory',
        keys: 2,
        changeNumber: 2,
      });
    }));

  test('says what is wrong, and with --json for programs', () =>
    Master.during(async ({ url }) => {
      const refused = await holdfast(['kv', 'put', '', 'v', '--endpoint', url.origin, '--json']);
      expect(refused.code).toBe(EXIT.configuration);
      expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false, error: { code: 'INVALID_KEY' } });
      const nowhere = await holdfast([
        'kv',
        'get',
        'k',
        '--endpoint',
        'http://127.0.0.1:1',
        '--timeout-ms',
        '100',
      ]);
      expect(nowhere).toMatchObject({ code: EXIT.internal, stderr: expect.stringContaining('KV_TIMEOUT') });
    }));
});
