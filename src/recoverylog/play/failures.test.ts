/**
 * Playback that fails, is called off, or dies with its process, at every step: nothing half made, and the next one gets it right.
 */
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { errorCode, utf8 } from '../../base/index.ts';
import { compactJournal, openSession } from '../../journal/index.ts';
import { lastSlots } from '../../journal/testing/index.ts';
import { Player, type PlayerOptions, type RecordedFs } from '../index.ts';
import { STAGING } from '../paths.ts';
import {
  faultyFs,
  logHolding,
  newLog,
  opsLog,
  play,
  takeOver,
  treeOf,
  withTempDir,
  type DiskFault,
  type TestLog,
} from '../testing/index.ts';

/** So small that files are written at every opportunity. */
const TINY = { bytes: 40, pieces: 4, copyBelow: 8 };

async function put(fs: RecordedFs, path: string, text: string, at = 0): Promise<void> {
  const file = await fs.open(path, { create: true });
  await file.write(utf8(text), at);
  await file.close();
}

/** Files that stay, die, are overwritten, have two names, are empty, and lie deep; half of it compacted. */
async function history(dir: string): Promise<TestLog> {
  const log = newLog();
  let primary = await takeOver(log, dir, 1);
  await put(primary.fs, '/stays', 'x'.repeat(30));
  await put(primary.fs, '/dies', 'y'.repeat(50));
  await primary.fs.barrier();
  await put(primary.fs, '/deep/er/file', 'in two directories');
  await primary.fs.unlink('/dies');
  await primary.session.close();
  await compactJournal(log.journal, { term: 2, clock: log.clock, random: log.random });
  primary = await takeOver(log, dir, 3);
  await put(primary.fs, '/stays', 'over it', 7);
  await primary.fs.link('/stays', '/deep/same');
  await primary.fs.barrier();
  await put(primary.fs, '/empty', '');
  await put(primary.fs, '/next', 'z'.repeat(45));
  await primary.fs.rename('/next', '/last');
  await primary.fs.barrier();
  await primary.session.close();
  return log;
}

function playerOf(log: TestLog, dir: string, more: Partial<PlayerOptions> = {}): Player {
  const { journal, clock, random } = log;
  return new Player({
    journal,
    hints: undefined,
    expectHistory: true,
    dir,
    clock,
    random,
    window: TINY,
    ...more,
  });
}

type Way = 'finish' | 'handoff';

async function playTo(way: Way, player: Player, term: number, signal?: AbortSignal): Promise<void> {
  const running = player.run(signal);
  running.catch(() => undefined); // told below
  await Promise.race([player.tailing, running]);
  if (way === 'finish') await player.finish();
  else await (await player.handoff({ author: 700 + term, term }, signal)).session.close();
}

/** A directory that is not done says so, and unless its process is dead there is no live name in it. */
async function checkUnfinished(dir: string, fault: DiskFault = 'once'): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  if (names.length > 0) expect(names).toContain(STAGING);
  if (fault === 'for good') return;
  const files = Object.keys(await treeOf(dir).catch(() => ({})));
  expect(files.filter((path) => !path.startsWith(`/${STAGING}/`))).toEqual([]);
}

describe.each(['finish', 'handoff'] as const)('a playback on to %s', (way) => {
  test.each(['once', 'for good'] as const)('with a local disk that fails %s, at every call', (fault) =>
    withTempDir(async (root) => {
      const log = await history(`${root}/primary`);
      const wanted = await treeOf(`${root}/primary`);
      let failures = 0;
      for (let failAt = 1; ; failAt++) {
        const dir = `${root}/${failAt}`;
        const disk = faultyFs(failAt, fault);
        const playing = playTo(way, playerOf(log, dir, { fs: disk.fs }), 10 + failAt);
        const failure: unknown = await playing.catch((error: unknown) => error);
        expect(disk.open()).toBe(0);
        if (failure === undefined) {
          expect(disk.calls()).toBeLessThan(failAt);
          break;
        }
        failures++;
        expect(errorCode(failure)).toBe('EIO');
        const isComplete =
          fault === 'for good' && !(await readdir(dir).catch(() => [STAGING])).includes(STAGING);
        if (isComplete) expect(await treeOf(dir)).toEqual(wanted); // it died with the last call, which makes nothing
        else await checkUnfinished(dir, fault);
        await play(log, dir); // where the one before has left its traces
        expect(await treeOf(dir)).toEqual(wanted);
      }
      expect(failures).toBeGreaterThan(25);
    }),
  );

  test('called off at every call of the local disk', () =>
    withTempDir(async (root) => {
      const log = await history(`${root}/primary`);
      const wanted = await treeOf(`${root}/primary`);
      let calledOff = 0;
      for (let at = 1, wasReached = true; wasReached; at++) {
        const dir = `${root}/${at}`;
        const stop = new AbortController();
        const reason = new Error('called off');
        const disk = faultyFs(Infinity, 'once', (call) => void (call === at && stop.abort(reason)));
        const playing = playTo(way, playerOf(log, dir, { fs: disk.fs }), 100 + at, stop.signal);
        const failure: unknown = await playing.catch((error: unknown) => error);
        expect(disk.open()).toBe(0);
        wasReached = stop.signal.aborted;
        if (failure === undefined) expect(await treeOf(dir)).toEqual(wanted); // it was through
        else {
          calledOff++;
          expect(failure).toBe(reason);
          await checkUnfinished(dir);
        }
      }
      expect(calledOff).toBeGreaterThan(25);
    }));
});

test('a takeover whose no-op does not become durable leaves no name, although the files were ready', () =>
  withTempDir((root) =>
    withTempDir(async (dir) => {
      const log = await history(`${root}/primary`);
      const standby = playerOf(log, dir);
      const running = standby.run();
      await Promise.race([standby.tailing, running]);
      const create = log.store.create.bind(log.store);
      let creates = 0;
      log.store.create = async (...given) => {
        if (++creates === 1) return await create(...given); // its fence
        log.store.create = create;
        const { cursor } = (await lastSlots(log)).reader;
        await openSession(log.journal, { cursor, author: 9, term: 50, clock: log.clock, random: log.random });
        return await create(...given);
      };
      await expect(standby.handoff({ author: 8, term: 40 })).rejects.toMatchObject({ code: 'FENCED' });
      await checkUnfinished(dir);
    }),
  ));

test('a log in which a file is the directory of another ends with an error, and no name', () =>
  withTempDir(async (dir) => {
    const log = await logHolding(
      opsLog([{ body: { create: { path: '/a' } } }, { body: { create: { path: '/a/b' } } }]),
    );
    await expect(play(log, dir)).rejects.toThrow();
    await checkUnfinished(dir);
  }));

test('a property that leads out of the directory is not played', () =>
  withTempDir(async (dir) => {
    const property = { path: '/../b', content: 'x' };
    const log = await logHolding(opsLog([{ body: { create: { path: '/a' } } }, { body: { property } }]));
    await expect(play(log, `${dir}/in`)).rejects.toMatchObject({ code: 'REPLAY_FAILED' });
    await checkUnfinished(`${dir}/in`);
  }));
