/**
 * Barriers as futures, with dependencies (gazette.md §4.3): when they begin, when they resolve, what waits behind them, and what a failure means.
 */
import { describe, expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { utf8 } from '../../base/index.ts';
import { lastSlots } from '../../journal/testing/index.ts';
import { FaultyStore } from '../../store/testing/index.ts';
import { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from '../testing/index.ts';

async function turns(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await setImmediate();
}

const contentOf = async (log: TestLog): Promise<string> => (await lastSlots(log)).text;

describe('a barrier', () => {
  test('resolves with the end of what was recorded before it, once that is durable', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      const { recorder } = await takeOver(log, dir, 1);
      recorder.record([{ create: { path: '/a' } }]);
      recorder.recordWrite(recorder.links.get('/a')!, utf8('content'), 0);
      const end = recorder.end;
      const future = recorder.barrier();
      recorder.record([{ create: { path: '/behind' } }]);
      expect(await future).toBe(end);
      expect(recorder.session.head).toBeGreaterThanOrEqual(end);
      expect(await contentOf(log)).toContain('content');
    }));

  test('that waits for others begins after them, and what is recorded behind it goes nowhere before', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const { fs, recorder } = await takeOver(log, dir, 1);
        const [one, two] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()];
        const order: string[] = [];
        recorder.record([{ create: { path: '/before' } }]);
        const first = recorder.barrier({ after: [one.promise, two.promise] }).then(() => order.push('first'));
        const file = await fs.open('/behind', { create: true });
        await file.append(utf8('x'));
        const second = fs.barrier().then(() => order.push('second'));
        await turns();
        expect(await contentOf(log)).not.toContain('/behind');
        one.resolve('done');
        await turns();
        expect([order, await contentOf(log)]).toEqual([[], expect.not.stringContaining('/behind')]);
        two.resolve();
        await Promise.all([first, second]);
        expect(order).toEqual(['first', 'second']);
        await file.close();
        await play(log, copy);
        expect(await treeOf(copy)).toEqual({ '/before': '', '/behind': 'x' });
      }),
    ));

  test('whose dependency fails breaks the recorder; nothing from behind it is ever in the log', () =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const { recorder, session } = await takeOver(log, dir, 1);
        recorder.record([{ create: { path: '/before' } }]);
        const reason = new Error('the other system said no');
        const failing = Promise.withResolvers<void>();
        const futures = [recorder.barrier({ after: [failing.promise] })];
        recorder.record([{ create: { path: '/behind' } }]);
        futures.push(recorder.barrier());
        failing.reject(reason);
        for (const future of futures)
          await expect(future).rejects.toMatchObject({ code: 'RECORDER_BROKEN', cause: reason });
        await expect(recorder.barrier()).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
        expect(await recorder.broken).toMatchObject({ cause: reason });
        await session.close();
        await play(log, copy);
        expect(await treeOf(copy)).toEqual({ '/before': '' });
      }),
    ));

  test('that nobody awaits may fail in silence: whoever watches the recorder is told', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      const { recorder } = await takeOver(log, dir, 1);
      void recorder.barrier({ after: [Promise.reject(new Error('no'))] });
      expect(await recorder.broken).toMatchObject({ code: 'RECORDER_BROKEN' });
      await turns(); // an unhandled rejection would end this process
    }));

  test('that waits when the log is lost is told, though what it waits for never comes', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      const { recorder, session } = await takeOver(log, dir, 1);
      const never = new Promise<void>(() => undefined);
      const future = recorder.barrier({ after: [never] });
      session.abandon('it is lost');
      await expect(future).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
    }));

  test('that waits holds up a large write, and no longer than the log lives', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      const { fs, recorder, session } = await takeOver(log, dir, 1);
      const file = await fs.open('/a', { create: true });
      const never = new Promise<void>(() => undefined);
      void recorder.barrier({ after: [never] });
      let isWritten = false;
      const writing = file.append(Buffer.alloc(1_000_000)).then(() => (isWritten = true));
      writing.catch(() => undefined);
      await turns();
      expect(isWritten).toBe(false);
      session.abandon('it is lost');
      await expect(writing).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
      await file.close();
    }));

  test('under way when the disk fails acknowledges nothing', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      const store = new FaultyStore(log.store, log);
      const { recorder } = await takeOver({ ...log, journal: { ...log.journal, store } }, dir, 1);
      const held = Promise.withResolvers<void>();
      store.add({ operation: 'create', fault: { kind: 'hold', at: 'response', until: held.promise } });
      recorder.record([{ create: { path: '/a' } }]);
      const future = recorder.barrier();
      await turns();
      recorder.fail('the disk', new Error('EIO'));
      held.resolve();
      await expect(future).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
    }));
});

describe('what is recorded without a barrier', () => {
  test('is in the log as soon as a flush is due, with nobody asking', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      const { recorder } = await takeOver(log, dir, 1);
      recorder.record([{ create: { path: '/by-itself' } }]);
      while (!(await contentOf(log)).includes('/by-itself')) await log.clock.sleep(5);
      expect(recorder.session.head).toBe(recorder.end);
    }));

  test.each([1024, 2000, 65_536])('is never cut inside a call, in slots of %i bytes', (maxBatchBytes) =>
    withTempDir((dir) =>
      withTempDir(async (copy) => {
        const log = newLog();
        const { fs, session } = await takeOver(log, dir, 1, undefined, { session: { maxBatchBytes } });
        for (let i = 0; i < 80; i++) {
          const file = await fs.open('/next', { create: true });
          await file.append(utf8(`${i}`.repeat(10)));
          await file.close();
          await fs.rename('/next', '/current');
          if (i % 25 === 24) await fs.barrier();
        }
        await fs.barrier();
        await session.close();
        const { events } = await lastSlots(log);
        const slots = events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : []));
        expect(slots.length).toBeGreaterThan(3);
        // Each begins with a frame, and whoever has only the first of them has one of the files under its one name.
        for (const slot of slots) expect([...slot.subarray(0, 4)]).toEqual([0x66, 0x33, 0x93, 0x36]);
        for (const [i] of slots.entries()) {
          const kept = newLog();
          const keys = [...log.store.objects.keys()].sort();
          const last = keys.length - slots.length + i;
          for (const key of keys.slice(0, last + 1)) kept.store.objects.set(key, log.store.objects.get(key)!);
          await play(kept, copy);
          const names = Object.keys(await treeOf(copy));
          expect(['', '/current', '/next', '/current,/next']).toContain(names.join());
          if (i > 0) expect(names).toContain('/current');
        }
      }),
    ),
  );
});
