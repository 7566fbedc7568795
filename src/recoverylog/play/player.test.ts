import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { errorCode, utf8 } from '../../base/index.ts';
import { DEFAULT_SESSION_OPTIONS, openSession } from '../../journal/index.ts';
import { lastSlots } from '../../journal/testing/index.ts';
import { FaultyStore } from '../../store/testing/index.ts';
import { encodeFrame } from '../format/frame.ts';
import { encodeHintsJson, parseHints, Player, type RecordedFs } from '../index.ts';
import { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from '../testing/index.ts';

async function put(fs: RecordedFs, path: string, text: string): Promise<void> {
  const file = await fs.open(path, { create: true, truncate: true });
  await file.write(utf8(text), 0);
  await file.close();
}

/** The codes along the chain of causes of a failure. */
async function causes(work: Promise<unknown>): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  for (let at = error; Error.isError(at); at = at.cause) found.push(errorCode(at));
  return found;
}

/** A primary, a few changes of every kind, everything durable. */
async function someHistory(log: TestLog, dir: string): Promise<Awaited<ReturnType<typeof takeOver>>> {
  const primary = await takeOver(log, dir, 1);
  const { fs } = primary;
  await put(fs, '/a', 'first');
  await put(fs, '/deep/er/b', 'bytes of b');
  await put(fs, '/a', 'second, after a truncation');
  await put(fs, '/c.next', 'c');
  await fs.rename('/c.next', '/c');
  await put(fs, '/c.next', 'c, newer');
  await fs.rename('/c.next', '/c');
  await fs.link('/c', '/c.link');
  await put(fs, '/gone', 'x');
  await fs.unlink('/gone');
  const sparse = await fs.open('/sparse', { create: true });
  await sparse.write(utf8('end'), 100);
  await sparse.write(utf8('START'), 0);
  await sparse.close();
  await fs.barrier();
  return primary;
}

describe('a log that is played', () => {
  test('gives the directory back, without hints and with hints of any moment', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const primary = await someHistory(log, dir);
        const hints = await primary.recorder.buildHints();
        await put(primary.fs, '/after-hints', 'more');
        await primary.fs.unlink('/deep/er/b');
        await primary.fs.barrier();
        const wanted = await treeOf(dir);
        expect(wanted).toMatchObject({
          '/a': 'second, after a truncation',
          '/c': 'c, newer',
          '/c.link': 'c, newer',
          '/after-hints': 'more',
        });
        await play(log, copy);
        expect(await treeOf(copy)).toEqual(wanted);
        await play(log, copy, parseHints(encodeHintsJson(hints)));
        expect(await treeOf(copy)).toEqual(wanted);
      }),
    ));

  test('is listed from its beginning once: what the plan has seen is where the reader starts', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        await someHistory(log, dir);
        const list = log.store.list.bind(log.store);
        const begins: (string | undefined)[] = [];
        log.store.list = (prefix, call) => {
          begins.push(call?.startAfter);
          return list(prefix, call);
        };
        await play(log, copy);
        expect(begins.filter((startAfter) => startAfter === undefined)).toHaveLength(1);
        expect(await treeOf(copy)).toEqual(await treeOf(dir));
      }),
    ));

  test('into a directory with leftovers leaves none of them', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        await someHistory(log, dir);
        const other = await takeOver(newLog('another/log'), copy, 1);
        await put(other.fs, '/left-over', 'x');
        await play(log, copy);
        expect(await treeOf(copy)).toEqual(await treeOf(dir));
      }),
    ));

  test('with its first slot gone is data loss, not an empty start', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        await someHistory(log, dir);
        const first = [...log.store.objects.keys()].sort()[0]!;
        log.store.objects.delete(first);
        await expect(play(log, copy)).rejects.toMatchObject({ code: 'DATA_LOSS' });
      }),
    ));

  test('that is known to have history and is empty is refused', () =>
    withTempDir(async (dir) => {
      await expect(play(newLog(), dir, undefined, true)).rejects.toMatchObject({ code: 'HISTORY_LOST' });
      expect(await treeOf(dir)).toEqual({});
    }));

  test('that ends before what its hints name is refused', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const primary = await someHistory(log, dir);
        const hints = await primary.recorder.buildHints();
        const last = [...log.store.objects.keys()].sort().at(-1)!;
        log.store.objects.delete(last);
        await expect(play(log, copy, hints)).rejects.toMatchObject({ code: 'HISTORY_LOST' });
      }),
    ));

  test.each(['/../escaped', 'relative', '/a/../b', '/.fnodes/1'])(
    'never writes to the hostile path %s',
    (path) =>
      withTempDir(async (dir) => {
        const log = newLog();
        const { reader } = await lastSlots(log);
        const session = await openSession(log.journal, {
          cursor: reader.cursor,
          author: 9,
          term: 1,
          clock: log.clock,
          random: log.random,
        });
        const { frame } = encodeFrame({ seqNo: 1, checksum: 0, author: 9, create: { path } });
        await session.append(frame, { barrier: true }).committed;
        await expect(play(log, join(dir, 'inside'))).rejects.toMatchObject({ code: 'REPLAY_FAILED' });
        expect(Object.keys(await treeOf(dir)).filter((found) => !found.includes('.fnodes'))).toEqual([]);
      }),
  );
});

describe('taking over', () => {
  test('a standby that follows continues where the primary was stopped; the old recorder is broken for good', () =>
    withTempDir((dir) =>
      withTempDir((standbyDir) =>
        withTempDir(async (copy) => {
          const log = newLog();
          const old = await someHistory(log, dir);
          const standby = await takeOver(log, standbyDir, 2);
          expect(await treeOf(standbyDir)).toEqual(await treeOf(dir));
          const file = await old.fs.open('/a');
          await file.write(utf8('zombie'), 0).catch(() => undefined);
          expect(await causes(file.sync())).toEqual(['RECORDER_BROKEN', 'FENCED']);
          await file.close();
          expect(await old.recorder.broken).toMatchObject({ code: 'RECORDER_BROKEN' });
          await expect(old.fs.unlink('/a')).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
          await put(standby.fs, '/a', 'by the new one');
          await standby.fs.barrier();
          await play(log, copy);
          expect(await treeOf(copy)).toEqual(await treeOf(standbyDir));
          expect((await treeOf(copy))['/a']).toBe('by the new one');
        }),
      ),
    ));

  test('a follower sees every change through the live view, before and after the handoff', () =>
    withTempDir((dir) =>
      withTempDir(async (standbyDir) => {
        const log = newLog();
        const primary = await takeOver(log, dir, 1);
        const standby = new Player({
          journal: log.journal,
          hints: undefined,
          expectHistory: false,
          dir: standbyDir,
          clock: log.clock,
          random: log.random,
        });
        const seen: string[] = [];
        standby.live.subscribe(({ kind, path }) => seen.push(`${kind} ${path}`));
        void standby.run();
        await standby.tailing;
        await put(primary.fs, '/f', 'one');
        await primary.fs.rename('/f', '/g');
        await primary.fs.barrier();
        while (seen.length < 4) {
          standby.wake();
          await log.clock.sleep(5);
        }
        expect(seen).toEqual(['link /f', 'write /f', 'link /g', 'unlink /f']);
        expect(standby.live.resolve('/g')).toContain('.fnodes');
        const taken = await standby.handoff({ author: 77, term: 2 });
        expect(standby.live.resolve('/g')).toBe(join(standbyDir, 'g'));
        await put(taken.fs, '/h', 'two');
        expect(seen.slice(4)).toEqual(['link /h', 'write /h']);
        expect(standby.live.paths()).toEqual(['/g', '/h']);
      }),
    ));

  test('by two pods with the same term: exactly one gets the log', () =>
    withTempDir((one) =>
      withTempDir(async (two) => {
        const log = newLog();
        const outcomes = await Promise.all(
          [one, two].map((dir) =>
            takeOver(log, dir, 1).then(
              () => 'taken',
              (error: { code: string }) => error.code,
            ),
          ),
        );
        expect(outcomes.sort()).toEqual(['STALE_TERM', 'taken']);
      }),
    ));

  test('progress tells what is done and what is left', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        await someHistory(log, dir);
        const standby = new Player({
          journal: log.journal,
          hints: undefined,
          expectHistory: true,
          dir: copy,
          clock: log.clock,
          random: log.random,
        });
        expect(standby.progress).toMatchObject({ phase: 'restoring', bytesDone: 0 });
        void standby.run();
        await standby.tailing;
        const { bytesDone, bytesTotal, etaSeconds, phase } = standby.progress;
        expect([phase, bytesDone, etaSeconds]).toEqual(['tailing', bytesTotal, 0]);
        expect(bytesTotal).toBeGreaterThan(100);
        await standby.finish();
      }),
    ));
});

describe('the recorded file system', () => {
  test('allows what POSIX allows and refuses the rest before anything changed', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const { fs } = await takeOver(log, dir, 1);
        await put(fs, '/x', 'x');
        await fs.rename('/x', '/x');
        await fs.link('/x', '/y');
        await fs.rename('/x', '/y'); // two names of one file: POSIX does nothing
        const open = await fs.open('/y');
        await fs.unlink('/x');
        await fs.unlink('/y');
        await open.write(utf8('to a file without a name'), 0);
        await open.close();
        await expect(fs.unlink('/y')).rejects.toMatchObject({ code: 'ENOENT' });
        await expect(fs.open('/none')).rejects.toMatchObject({ code: 'ENOENT' });
        await put(fs, '/z', 'z');
        await expect(fs.open('/z', { create: true, exclusive: true })).rejects.toMatchObject({
          code: 'EEXIST',
        });
        await expect(fs.link('/z', '/z')).rejects.toMatchObject({ code: 'EEXIST' });
        expect(() => fs.open('../../etc/passwd', { create: true })).toThrow(/not allowed/);
        await fs.barrier();
        await play(log, copy);
        expect(await treeOf(copy)).toEqual({ '/z': 'z' });
        expect(await treeOf(dir)).toEqual({ '/z': 'z' });
      }),
    ));

  test('truncating a file under one of its names truncates it under all, on disk and in the log alike', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const { fs } = await takeOver(log, dir, 1);
        await put(fs, '/one', 'old content');
        await fs.link('/one', '/two');
        await put(fs, '/one', 'new');
        await fs.barrier();
        await play(log, copy);
        expect(await treeOf(dir)).toEqual({ '/one': 'new', '/two': 'new' });
        expect(await treeOf(copy)).toEqual(await treeOf(dir));
      }),
    ));

  test('a local disk that fails breaks the recorder, and says so to everyone', () =>
    withTempDir(async (dir) => {
      const { fs, recorder } = await takeOver(newLog(), dir, 1);
      await put(fs, '/x', 'x');
      await fs.barrier();
      await rm(join(dir, 'x'));
      expect(await causes(fs.rename('/x', '/y'))).toEqual(['RECORDER_BROKEN', 'ENOENT']);
      expect(await recorder.broken).toMatchObject({ code: 'RECORDER_BROKEN' });
      await expect(put(fs, '/z', 'z')).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
    }));

  test('a write goes no faster than the store takes it, and loses nothing by waiting', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const store = new FaultyStore(log.store, log);
        const { fs, session } = await takeOver({ ...log, journal: { ...log.journal, store } }, dir, 1);
        const { bufferLimitBytes, maxBatchBytes } = DEFAULT_SESSION_OPTIONS;
        const held = Promise.withResolvers<void>();
        store.add({ operation: 'create', fault: { kind: 'hold', at: 'request', until: held.promise } });
        const file = await fs.open('/big', { create: true });
        const writing = file.write(Buffer.alloc(bufferLimitBytes + 4 * maxBatchBytes, 'abcdefg'), 0);
        const waiting = (): number => session.appendedHead - session.head;
        while (waiting() < bufferLimitBytes) await setImmediate();
        for (let turn = 0; turn < 100; turn++) await setImmediate();
        expect(waiting()).toBeLessThan(bufferLimitBytes + 2 * maxBatchBytes); // one batch is under way
        store.clear();
        held.resolve();
        await writing;
        await file.sync();
        await file.close();
        await play(log, copy);
        expect(await treeOf(copy)).toEqual(await treeOf(dir));
      }),
    ));

  test('a write above a megabyte is several operations, none of which is ever cut', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const { fs } = await takeOver(log, dir, 1);
        const big = Buffer.alloc(3 * 1024 * 1024 + 5, 'abcdefg');
        const file = await fs.open('/big', { create: true });
        await file.write(big, 10);
        await file.sync();
        await file.close();
        await play(log, copy);
        expect(await treeOf(copy)).toEqual(await treeOf(dir));
      }),
    ));
});
