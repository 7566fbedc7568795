/**
 * When the disk of a primary gets what its log has, and that it gets the same.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { newLog, play, put, scene, takeOver, treeOf, withTempDir } from '../testing/index.ts';

describe('the local files', () => {
  test('come to the disk with a sync, a read, or when there is much of them; what dies before never does', () =>
    scene(async ({ dir, fs, replayed }) => {
      const here = (path: string): boolean => existsSync(join(dir, path));
      await put(fs, '/synced', 's');
      await put(fs, '/dies', 'd');
      await fs.unlink('/dies');
      const read = await fs.open('/read', { create: true });
      await read.append(utf8('r'));
      expect([here('synced'), here('dies'), here('read')]).toEqual([false, false, false]);
      expect(fromUtf8(await read.readAll())).toBe('r');
      expect(here('read')).toBe(true);
      for (let i = 0; i < 1100; i++) await put(fs, `/many/${i}`, `${i}`);
      expect([here('synced'), here('many/0')]).toEqual([true, true]);
      const big = await fs.open('/big', { create: true });
      await big.append(Buffer.alloc(2_000_000, 'x'));
      expect(here('big')).toBe(true);
      expect(Object.keys(await replayed()).length).toBe(1103);
    }));

  test('are there soon, whether anybody syncs or not: a disk that is full is met while nobody waits for it', () =>
    scene(async ({ dir, fs, recorder, follow }) => {
      await put(fs, '/a', 'one');
      follow();
      await fs.readdir('/'); // comes after what follows
      expect(await treeOf(dir)).toEqual({ '/a': 'one' });
      const file = await fs.open('/d/b', { create: true });
      await file.append(utf8('two'));
      await rename(join(dir, 'd'), join(dir, 'gone'));
      follow();
      expect(await recorder.broken).toMatchObject({ cause: { code: 'ENOENT' } });
      await expect(fs.readdir('/')).rejects.toMatchObject({ name: 'RecorderBrokenError' });
    }));

  test('that are unlinked while data waits or is on its way leave nothing behind', () =>
    scene(async ({ fs, replayed }) => {
      for (let i = 0; i < 20; i++) {
        const file = await fs.open('/a', { create: true });
        const writing = file.write(Buffer.alloc(1_500_000, `${i}`), 0);
        const unlinking = fs.unlink('/a');
        await Promise.all([writing, unlinking, file.close()]);
      }
      expect(await replayed()).toEqual({});
    }));

  test('hold what came in the wrong order, over itself, and with gaps', () =>
    scene(async ({ fs, replayed }) => {
      const file = await fs.open('/a', { create: true });
      await Promise.all([
        file.write(utf8('world'), 6),
        file.write(utf8('hello'), 0),
        file.write(utf8('W'), 6),
        file.write(utf8('end'), 15),
        file.write(new Uint8Array(0), 100),
      ]);
      expect(file.size()).toBe(18);
      expect(await replayed()).toEqual({ '/a': 'hello\0World\0\0\0\0end' });
    }));

  test('a write beyond what positions reach is refused, and breaks nothing', () =>
    scene(async ({ fs, replayed }) => {
      const file = await fs.open('/a', { create: true });
      for (const offset of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER])
        await expect(file.write(utf8('xy'), offset)).rejects.toMatchObject({ code: 'POSITION_OUT_OF_RANGE' });
      await file.append(utf8('fine'));
      expect(await replayed()).toEqual({ '/a': 'fine' });
    }));

  test('a truncation that a crash cut short left the old content; the next primary clears its traces away', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const first = await takeOver(log, join(root, '1'), 1);
      await put(first.fs, '/a', 'acknowledged');
      await first.fs.barrier();
      // What a truncation records before it gives the names over (contents.ts E2).
      first.recorder.record([{ create: { path: '/.truncating' } }]);
      await first.recorder.barrier();
      const second = await takeOver(log, join(root, '2'), 2);
      await second.fs.barrier();
      expect(await second.fs.readdir('/')).toEqual(['a']);
      await play(log, join(root, 'copy'));
      expect(await treeOf(join(root, 'copy'))).toEqual({ '/a': 'acknowledged' });
      expect(await treeOf(join(root, '2'))).toEqual({ '/a': 'acknowledged' });
      await rm(join(root, 'copy'), { recursive: true });
    }));
});
