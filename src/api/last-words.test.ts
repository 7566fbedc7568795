import { describe, expect, test } from '@jest/globals';
import { Writable } from 'node:stream';
import { createLogger } from '../base/index.ts';
import { EXIT, lastWords, readLastWords } from './index.ts';

/** What the kubelet keeps of a log. */
const KUBELET_BYTES = 2048;

function logged(detail: string): string {
  let text = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  const log = createLogger({ level: 'info', format: 'json', stream });
  log.error('the agent stops', { error: new Error('x'.repeat(5_000)) });
  log
    .child({ pod: `orders-${'x'.repeat(50)}`, namespace: 'n'.repeat(63), shard: 's'.repeat(57) })
    .error('the agent ends', lastWords({ code: EXIT.localDisk, reason: 'DiskFull', detail }));
  return text;
}

describe('the last words of an agent', () => {
  test('are found at the end of what the kubelet keeps, however long the log before them', () => {
    const kept = Buffer.from(logged('ENOSPC: no space left on device, write')).subarray(-KUBELET_BYTES);
    expect(readLastWords(kept.toString())).toEqual({
      code: 40,
      reason: 'DiskFull',
      detail: 'ENOSPC: no space left on device, write',
    });
  });

  test.each(['\n', '"', '\\', 'ä', 'x'])(
    'fit, whatever characters a long detail is made of: %j',
    (character) => {
      const kept = Buffer.from(logged(character.repeat(50_000))).subarray(-KUBELET_BYTES);
      const said = readLastWords(kept.toString());
      expect(said).toMatchObject({ code: 40, reason: 'DiskFull' });
      expect(said!.detail).toBe(`${character.repeat(300)} … ${character.repeat(300)}`);
    },
  );

  test.each(['', 'Killed', '{"level":"info"}', '{"exit":null}', '{"exit":{"code":"1"}}', '{"exit'])(
    'are not made up: %j',
    (text) => {
      expect(readLastWords(text)).toBeUndefined();
    },
  );
});
