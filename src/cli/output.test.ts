/**
 * What commands print with: waiting for slow readers, ending with gone ones, progress for people and for logs.
 */
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../base/testing/index.ts';
import { formatBytes, formatCount, formatDuration, formatUsd } from './format.ts';
import { Output } from './output.ts';
import { Progress, type ProgressStream } from './progress.ts';

describe('output', () => {
  test('a write waits until the stream has taken it', async () => {
    const taken: (() => void)[] = [];
    const stream = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
    let written = false;
    const writing = new Output(stream).line('x').then(() => (written = true));
    await new Promise(setImmediate);
    expect(written).toBe(false);
    taken[0]!();
    await writing;
    expect(written).toBe(true);
  });

  test.each([
    ['EPIPE', 'OUTPUT_CLOSED'],
    ['ENOSPC', 'OUTPUT_FAILED'],
    ['EIO', 'OUTPUT_FAILED'],
  ])('%s is %s', async (system, code) => {
    const failure = Object.assign(new Error(system), { code: system });
    const output = new Output(new Writable({ write: (_chunk, _encoding, done) => done(failure) }));
    await expect(output.line('x')).rejects.toMatchObject({ code, cause: failure });
  });

  test('a reader that has gone stays gone', async () => {
    const gone = Object.assign(new Error('gone'), { code: 'EPIPE' });
    const output = new Output(new Writable({ write: (_chunk, _encoding, done) => done(gone) }));
    for (let i = 0; i < 3; i++)
      await expect(output.line('x')).rejects.toMatchObject({ code: 'OUTPUT_CLOSED' });
  });
});

describe('progress', () => {
  const drawn = (isTTY: boolean, columns?: number): ProgressStream & { readonly texts: string[] } => {
    const texts: string[] = [];
    return { isTTY, columns, texts, write: (text: string) => texts.push(text) };
  };
  const MiB = 2 ** 20;

  test('is a bar on a terminal, redrawn in place, cut to its width, taken away at the end', async () => {
    const clock = new VirtualClock();
    const stream = drawn(true, 60);
    const progress = new Progress(stream, clock, 'verified');
    await clock.run(
      (async () => {
        for (let i = 1; i <= 100; i++) {
          await clock.sleep(20);
          progress.update(i * MiB, 200 * MiB);
        }
      })(),
    );
    expect(stream.texts).toHaveLength(20);
    expect(stream.texts.at(-1)).toBe('\r\u001B[K[##########----------] 100 MiB of 200 MiB (50 %), 50.0 MiB/');
    expect(stream.texts.every((drawing) => drawing.length <= 4 + 59)).toBe(true);
    progress.clear();
    progress.clear();
    expect(stream.texts.slice(20)).toEqual(['\r\u001B[K']);
  });

  test('is a line every few seconds in a log', async () => {
    const clock = new VirtualClock();
    const stream = drawn(false);
    const progress = new Progress(stream, clock, 'verified');
    await clock.run(
      (async () => {
        for (let i = 1; i <= 120; i++) {
          await clock.sleep(100);
          progress.update(i * MiB, 1200 * MiB);
        }
      })(),
    );
    progress.clear();
    expect(stream.texts).toEqual([
      'verified 50.0 MiB of 1.2 GiB (4 %), 10.0 MiB/s, 1 min left\n',
      'verified 100 MiB of 1.2 GiB (8 %), 10.0 MiB/s, 1 min left\n',
    ]);
  });

  test('has no trouble with nothing to do', () => {
    const stream = drawn(false);
    const clock = new VirtualClock();
    new Progress(stream, clock, 'verified').update(0, 0);
    expect(stream.texts).toEqual([]);
  });
});

test.each([
  [formatBytes(0), '0 B'],
  [formatBytes(1023), '1023 B'],
  [formatBytes(1536), '1.5 KiB'],
  [formatBytes(2 ** 40 * 12), '12.0 TiB'],
  [formatDuration(-5), '0 s'],
  [formatDuration(59_400), '59 s'],
  [formatDuration(3_600_000), '1 h'],
  [formatDuration(86_400_000 * 9), '9 d'],
  [formatUsd(0), '0'],
  [formatUsd(52.596), '52.60'],
  [formatUsd(0.00123), '0.0012'],
  [formatCount(10_519_200), '10,519,200'],
])('%s is how people read %s', (said, wanted) => {
  expect(said).toBe(wanted);
});
