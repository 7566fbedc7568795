/**
 * holdfast kv follow as a process, against a real server on loopback.
 */
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { EXIT } from '../api/index.ts';
import { withTempDir } from '../recoverylog/testing/index.ts';
import { Master, until } from '../kvstore/testing/index.ts';
import { holdfast, startHoldfast } from './testing/index.ts';

describe('holdfast kv follow', () => {
  test('is a read replica that goes on where it was, and ends cleanly', () =>
    withTempDir((dir) =>
      Master.during(async (master) => {
        master.put(['k', '1'], ['l', '2']);
        for (const [round, value] of ['1', 'after a restart'].entries()) {
          if (round > 0) master.put(['k', value]);
          const args = [
            '--from',
            master.url.origin,
            '--engine',
            'sqlite',
            '--dir',
            dir,
            '--listen',
            '127.0.0.1:0',
          ];
          const child = startHoldfast([
            'kv',
            'follow',
            ...args,
            '--poll-interval-ms',
            '20',
            '--log-format',
            'json',
          ]);
          let said = '';
          child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
          try {
            await until(() => /"port":\d+/.test(said) || child.exitCode !== null);
            const url = `http://127.0.0.1:${/"port":(\d+)/.exec(said)?.[1] ?? said}`;
            await until(
              async () =>
                (await request(`${url}/v1/kv/k?consistency=stale`).then(({ body }) => body.text())) === value,
            );
            const ready = await request(`${url}/readyz`);
            expect([ready.statusCode, await ready.body.text()]).toEqual([200, 'ok\n']);
          } finally {
            const ended = once(child, 'exit');
            child.kill('SIGTERM');
            expect(await ended).toEqual([EXIT.ok, null]);
          }
        }
        expect(master.asked.filter((target) => target === '/v1/snapshot')).toEqual([]);
      }),
    ));

  test('refuses flags that make no sense, and an address that is taken', () =>
    Master.during(async ({ url }) => {
      const args = ['kv', 'follow', '--from', url.origin];
      const noDir = await holdfast([...args, '--listen', '127.0.0.1:0', '--engine', 'sqlite']);
      expect(noDir).toMatchObject({ code: EXIT.configuration, stderr: expect.stringContaining('--dir') });
      const taken = await holdfast([...args, '--listen', `127.0.0.1:${url.port}`]);
      expect(taken).toMatchObject({
        code: EXIT.configuration,
        stdout: expect.stringContaining('EADDRINUSE'),
      });
    }));
});
