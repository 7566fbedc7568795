import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { VirtualClock } from './testing/index.ts';
import { HeapWatch, LARGE_HEAP_BYTES } from './heap.ts';

test('in a large heap buffers count like all other memory; a small one is as V8 has it (H2)', async () => {
  const clock = new VirtualClock();
  const flags: string[] = [];
  let heapBytes = 0;
  const watch = new HeapWatch(
    clock,
    () => heapBytes,
    (flag) => flags.push(flag),
  );
  watch.start();
  const after = async (bytes: number): Promise<readonly string[]> => {
    heapBytes = bytes;
    await clock.run(clock.sleep(1000));
    return flags.splice(0);
  };
  expect(await after(LARGE_HEAP_BYTES - 1)).toEqual([]);
  expect(await after(LARGE_HEAP_BYTES)).toEqual([
    '--external-memory-accounted-in-global-limit',
    '--heap-growing-percent=100',
  ]);
  expect(await after(LARGE_HEAP_BYTES / 2)).toEqual([]);
  expect(await after(LARGE_HEAP_BYTES / 2 - 1)).toEqual([
    '--no-external-memory-accounted-in-global-limit',
    '--heap-growing-percent=0',
  ]);
  watch.stop();
  expect(await after(LARGE_HEAP_BYTES)).toEqual([]);
});

/** Holds 160 MiB of strings, and tells how often the whole heap was marked while so many MiB of buffers came and went: without a watch, and with one. */
const PROGRAM = `
  import { PerformanceObserver, constants } from 'node:perf_hooks';
  import { setTimeout as sleep } from 'node:timers/promises';
  const { HeapWatch, systemClock } = await import(process.argv[1]);
  const text = Buffer.alloc(150, 'x');
  const held = Array.from({ length: 1_000_000 }, () => text.toString('latin1'));
  let marked = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) marked++;
  }).observe({ entryTypes: ['gc'] });
  const round = async () => {
    globalThis.gc();
    await sleep(10);
    marked = 0;
    for (let n = 0; n < 640; n++) {
      Buffer.alloc(1024 * 1024);
      await sleep(0);
    }
    await sleep(10);
    return marked;
  };
  const alone = await round();
  const watch = new HeapWatch(systemClock);
  watch.start();
  const watched = await round();
  watch.stop();
  console.log(JSON.stringify({ alone, watched, held: held.length }));
`;

test('V8 takes it: a large heap is marked far less often while buffers come and go (H1)', async () => {
  const args = ['--expose-gc', '--input-type=module', '-e', PROGRAM, join(import.meta.dirname, 'index.ts')];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { alone, watched } = JSON.parse(stdout) as { alone: number; watched: number };
  expect(alone).toBeGreaterThanOrEqual(6);
  expect(watched).toBeLessThanOrEqual(alone / 2);
});
