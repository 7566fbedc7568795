/**
 * What a primary does when its disk, its machine or its caller lets it down, and what it says after its end.
 */
import { mkdir, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../base/index.ts';
import { CURRENT, NEXT } from './paths.ts';
import { until, withReplicas, type TestReplica } from './testing/index.ts';

const propose = (replica: TestReplica, text: string): Promise<{ value: number }> =>
  replica.runtime!.propose(utf8(text));

/** Files below `dir` that this process has open. */
async function openFiles(dir: string): Promise<string[]> {
  const targets = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(join('/proc/self/fd', fd)).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(dir));
}

describe('after its end a primary', () => {
  test('answers nothing: another one may have written since', () =>
    withReplicas(async (start) => {
      const [old, next] = [await start(), await start()];
      await old.promote(1);
      await propose(old, 'a');
      const closing = old.runtime!.close();
      await old.runtime!.close();
      expect(old.machine.closed).toBe(true); // also for who asks second
      await closing;
      await next.promote(2);
      await propose(next, 'b');
      expect(() => old.runtime!.lookup()).toThrow(expect.objectContaining({ code: 'REPLICA_STOPPED' }));
    }));

  test('that halted answers nothing when it was closed as well', () =>
    withReplicas(async (start) => {
      const [old, next] = [await start(), await start()];
      await old.promote(1);
      await next.promote(2);
      await expect(propose(old, 'zombie')).rejects.toMatchObject({ outcome: 'unknown' });
      await old.runtime!.close();
      expect(() => old.runtime!.lookup()).toThrow(expect.objectContaining({ code: 'REPLICA_STOPPED' }));
      await expect(propose(old, 'late')).rejects.toMatchObject({ outcome: 'rejected' });
    }));
});

describe('a checkpoint', () => {
  test('that the disk fails halts the primary at once, with the reason (N2)', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      await rm(join(primary.dir, CURRENT)); // in its place something that a snapshot cannot replace
      await mkdir(join(primary.dir, CURRENT));
      await expect(runtime.checkpoint()).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
      expect(await runtime.halted).toMatchObject({ code: 'SHARD_HALTED' });
      expect(() => runtime.lookup()).toThrow(expect.objectContaining({ code: 'SHARD_HALTED' }));
      await primary.crash();
      const other = await start();
      await other.promote(2);
      expect(other.runtime!.lookup()).toEqual(['a']);
    }));

  test('that the machine cannot save is told, and stops nothing; the next one is tried', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      primary.machine.failSave = new Error('no snapshot today');
      await expect(runtime.checkpoint()).rejects.toMatchObject({
        cause: expect.objectContaining({ message: 'no snapshot today' }),
      });
      await propose(primary, 'b');
      primary.machine.failSave = undefined;
      await runtime.checkpoint();
      await primary.crash();
      const other = await start();
      await other.promote(2);
      expect(other.runtime!.lookup()).toEqual(['a', 'b']);
    }));

  test('during which the primary dies leaves nothing that lasts: the next one clears it away', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const release = primary.machine.holdSave();
      const dying = runtime.checkpoint().catch((error: unknown) => error);
      await until(() => primary.taken!.fs.exists(NEXT));
      await propose(primary, 'b'); // its barrier takes the new name into the log
      release();
      await primary.crash();
      expect(await dying).toBeInstanceOf(Error);
      const other = await start();
      expect(other.player.live.paths()).toContain(NEXT);
      await other.promote(2);
      expect(other.runtime!.lookup()).toEqual(['a', 'b']);
      expect(other.taken!.fs.exists(NEXT)).toBe(false);
    }));

  test('whose caller stops waiting goes on for the one who began it', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const release = primary.machine.holdSave();
      const first = runtime.checkpoint();
      const stop = new AbortController();
      const joined = runtime.checkpoint(stop.signal);
      stop.abort(new Error('no patience'));
      await expect(joined).rejects.toThrow('no patience');
      release();
      await first;
    }));

  test('that was given up by who began it is made for whoever joined', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const release = primary.machine.holdSave();
      const stop = new AbortController();
      const first = runtime.checkpoint(stop.signal);
      const joined = runtime.checkpoint();
      stop.abort(new Error('changed my mind'));
      release();
      await expect(first).rejects.toThrow('changed my mind');
      await joined;
      const copy = await start(await primary.taken!.recorder.buildHints());
      await until(() => copy.follower.appliedIndex === runtime.appliedIndex);
      expect(copy.machine.batches).toEqual([]); // it all came with the snapshot
    }));
});

describe('opening a primary', () => {
  test('ends when it is told to, also while the store does not answer, and leaves no file open', () =>
    withReplicas(async (start, log) => {
      const primary = await start();
      const stop = new AbortController();
      const opening = primary.promote(1, {
        signal: stop.signal,
        beforeOpen: () => void (log.store.faults = Array.from({ length: 10_000 }, () => 'busy')),
      });
      await until(() => log.store.faults.length > 0 && log.store.faults.length < 10_000);
      stop.abort(new Error('the pod is going away'));
      await expect(opening).rejects.toThrow('the pod is going away');
      expect(await openFiles(primary.dir)).toEqual([]);
      log.store.faults = [];
    }));

  test('that was fenced in between fails and leaves no file open', () =>
    withReplicas(async (start) => {
      const [old, next] = [await start(), await start()];
      const opening = old.promote(1, { beforeOpen: async () => void (await next.promote(2)) });
      await expect(opening).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
      expect(await openFiles(old.dir)).toEqual([]);
    }));
});
