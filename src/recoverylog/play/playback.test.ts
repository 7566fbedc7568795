/**
 * What Gazette's own tests of its player look at (gazette.md §10.1), where other files here do not: the edges of a log and of a local disk.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { Player, type FsmHints, type PlayerOptions } from '../index.ts';
import { STAGING } from '../paths.ts';
import {
  faultyFs,
  logHolding,
  naivePlay,
  newLog,
  opsLog,
  play,
  takeOver,
  treeOf,
  withTempDir,
  workloadLog,
  type TestLog,
} from '../testing/index.ts';
import { StagedFiles } from './staged-files.ts';

const textOf = (files: ReadonlyMap<string, Uint8Array>): Record<string, string> =>
  Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('latin1')]));

const write = (fnode: number, offset: number, text: string): Parameters<typeof opsLog>[0][number] => ({
  body: { write: { fnode, offset, length: text.length } },
  data: utf8(text),
});

function playerOf(
  { journal, clock, random }: TestLog,
  dir: string,
  more: Partial<PlayerOptions> = {},
): Player {
  return new Player({ journal, hints: undefined, expectHistory: false, dir, clock, random, ...more });
}

/** Writes out of order and over each other, a hole, a second name, a file that dies. */
const ops = opsLog([
  { body: { create: { path: '/a' } } },
  write(1, 10, 'second'),
  write(1, 0, 'first'),
  write(1, 3, 'over'),
  { body: { create: { path: '/dies' } } },
  write(5, 0, 'gone'),
  { body: { link: { fnode: 1, path: '/d/b' } } },
  { body: { unlink: { fnode: 5, path: '/dies' } } },
  write(5, 0, 'to a file that is gone'),
  { body: { unlink: { fnode: 1, path: '/a' } } },
  write(1, 20, ''),
]);

describe('a log', () => {
  test('whose end is cut at any byte plays to the whole operations before the cut', () =>
    withTempDir(async (dir) => {
      for (let end = 0; end <= ops.length; end += 3) {
        const cut = ops.subarray(0, end);
        await play(await logHolding(cut, 50), dir);
        expect(await treeOf(dir)).toEqual(textOf(naivePlay('test/journal', [cut])));
      }
      expect(textOf(naivePlay('test/journal', [ops]))).toEqual({ '/d/b': 'firover\0\0\0second' });
    }));

  test('with bytes that are no operation at any place, and operations that came twice, plays to the same', () =>
    withTempDir(async (dir) => {
      const wanted = textOf(naivePlay('test/journal', [ops]));
      const create = opsLog([{ body: { create: { path: '/a' } } }]);
      const noise = utf8('this is no operation ');
      const noisy = Buffer.concat([
        noise,
        create,
        create,
        noise,
        ops.subarray(create.length),
        noise,
        ops,
        noise,
      ]);
      await play(await logHolding(noisy, 60), dir);
      expect(await treeOf(dir)).toEqual(wanted);
    }));

  test.each(['large', 'small', 'churn'] as const)(
    'of the workload %s plays to what its operations say',
    (workload) =>
      withTempDir(async (dir) => {
        let byte = 0;
        const batches = workloadLog(workload, (length) => new Uint8Array(length).fill(++byte % 256), 0.01);
        await play(await logHolding(Buffer.concat(batches), 500_000), dir);
        expect(await treeOf(dir)).toEqual(textOf(naivePlay('test/journal', batches)));
      }),
  );
});

describe('hints', () => {
  const hintsAt = (firstSeqNo: number, firstOffset: number, lastOffset: number): FsmHints => ({
    log: 'test/journal',
    liveNodes: [
      {
        fnode: firstSeqNo,
        segments: [
          {
            author: 1234,
            firstSeqNo,
            firstOffset,
            firstChecksum: 0,
            lastSeqNo: firstSeqNo + 2,
            lastOffset,
            log: '',
          },
        ],
      },
    ],
    properties: [],
  });

  test.each([
    ['behind the head', hintsAt(1, 0, 10_000), 'ends-early'],
    ['that begin behind the head', hintsAt(1, 10_000, 0), 'ends-early'],
    ['with an author, a number or a checksum that is not there', hintsAt(7, 0, 100), 'operations-missing'],
  ])('%s are refused, and no file is served', (_, hints, reason) =>
    withTempDir(async (dir) => {
      await expect(play(await logHolding(ops), dir, hints, true)).rejects.toMatchObject({
        code: 'HISTORY_LOST',
        reason,
      });
      expect(await treeOf(dir)).toEqual({});
    }),
  );
});

describe('a standby', () => {
  test('shows no file before it was at the head once, then all of them, and each change when it is made', () =>
    withTempDir((dir) =>
      withTempDir(async (standbyDir) => {
        const log = newLog();
        const { fs } = await takeOver(log, dir, 1);
        const file = await fs.open('/f', { create: true });
        await file.write(utf8('before'), 0);
        await fs.barrier();
        const seen: string[] = [];
        const standby = playerOf(log, standbyDir, {
          onProgress: () => seen.push(`read, ${standby.live.paths().join()}`),
        });
        standby.live.subscribe(({ kind, path }) => seen.push(`${kind} ${path}`));
        expect([standby.live.paths(), standby.live.resolve('/f')]).toEqual([[], undefined]);
        void standby.run();
        await standby.tailing;
        const before = seen.splice(0);
        expect(before.slice(-2)).toEqual(['link /f', 'read, /f']);
        expect(new Set(before.slice(0, -2))).toEqual(new Set(['read, ']));
        expect(standby.progress).toMatchObject({ phase: 'tailing', files: 1 });
        await file.write(utf8('after'), 6);
        await fs.barrier();
        while (seen.length < 2) {
          standby.wake();
          await setImmediate();
        }
        expect(seen).toEqual(['write /f', 'read, /f']);
        await file.close();
        await standby.finish();
        expect(standby.progress.phase).toBe('live');
      }),
    ));

  test('whose disk fails while it follows ends with that error at whatever call, and leaves nothing open', () =>
    withTempDir((dir) =>
      withTempDir(async (standbyDir) => {
        let failures = 0;
        for (let failAt = 1; failAt <= 6; failAt++) {
          const log = newLog();
          const { fs, session } = await takeOver(log, `${dir}/${failAt}`, 1);
          let armed = false;
          let calls = 0;
          const disk = faultyFs(Infinity, 'once', () => {
            if (armed && ++calls === failAt) throw Object.assign(new Error('a call failed'), { code: 'EIO' });
          });
          const standby = playerOf(log, standbyDir, { fs: disk.fs });
          const stop = new AbortController();
          const running = standby.run(stop.signal);
          running.catch(() => undefined); // told below
          await standby.tailing;
          armed = true;
          const file = await fs.open('/f', { create: true });
          await file.write(utf8('text'), 0);
          await file.write(utf8('more'), 4);
          await fs.unlink('/f');
          await file.close();
          await fs.barrier();
          await session.close();
          standby.wake();
          const failed = await Promise.race([
            running.catch((error: unknown) => error),
            log.clock.sleep(1000),
          ]);
          stop.abort();
          if (failed === undefined) break;
          failures++;
          expect(failed).toMatchObject({ code: 'EIO' });
          expect(disk.open()).toBe(0);
        }
        expect(failures).toBe(5); // open, two writes, close, unlink
      }),
    ));
});

test("a staged file that is there already is somebody else's: it is not written to", () =>
  withTempDir(async (dir) => {
    await mkdir(`${dir}/${STAGING}`);
    await writeFile(`${dir}/${STAGING}/7`, 'not ours');
    const staged = new StagedFiles(dir);
    await expect(staged.create(7)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(staged.put(7, true, [])).rejects.toMatchObject({ code: 'EEXIST' });
  }));
