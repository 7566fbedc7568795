/**
 * The disk itself: what is read, and what is left when its power is cut.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8, type FileSystemCalls } from '../../../src/base/index.ts';
import { seededRandom } from '../../../src/base/testing/index.ts';
import { failsAt } from './injectors.ts';
import { Volume } from './volume.ts';

async function put(files: FileSystemCalls, path: string, text: string, sync = false): Promise<void> {
  const file = await files.open(path, 'w+');
  await file.write(utf8(text), 0, text.length, 0);
  if (sync) await file.sync();
  await file.close();
}

async function sync(files: FileSystemCalls, path: string): Promise<void> {
  const file = await files.open(path, 'r');
  await file.sync();
  await file.close();
}

describe('a power cut', () => {
  test('takes a file whose name was not synced, however often its bytes were', async () => {
    const volume = new Volume();
    const { files } = volume.attach();
    await put(files, '/a', 'text', true);
    volume.cutPower();
    expect(volume.tree()).toEqual({});
  });

  test('takes the bytes that were not synced, and leaves the name that was', async () => {
    const volume = new Volume();
    const { files } = volume.attach();
    await put(files, '/a', 'text', true);
    await sync(files, '/');
    await put(files, '/b', 'text');
    await sync(files, '/');
    await put(files, '/a', 'other'); // emptied and written anew, not synced
    volume.cutPower();
    expect(volume.tree()).toEqual({ '/a': 'text', '/b': '' });
  });

  test('gives back names that were removed or renamed and whose directory was not synced since', async () => {
    const volume = new Volume();
    const { files } = volume.attach();
    await put(files, '/a', 'one', true);
    await put(files, '/b', 'two', true);
    await sync(files, '/');
    await files.rename('/a', '/b');
    expect(volume.tree()).toEqual({ '/b': 'one' });
    volume.cutPower();
    expect(volume.tree()).toEqual({ '/a': 'one', '/b': 'two' });
  });

  test('takes a directory whose name was not synced, with all that was synced in it', async () => {
    const volume = new Volume();
    const { files } = volume.attach();
    await files.mkdir('/d/e', { recursive: true });
    await put(files, '/d/e/a', 'text', true);
    await sync(files, '/d/e');
    await sync(files, '/d');
    volume.cutPower();
    expect(volume.tree()).toEqual({});
  });

  test('leaves of what was not synced what the dice say: whole sectors, and renames that happened or did not', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const volume = new Volume();
      const random = seededRandom(seed);
      const { files } = volume.attach();
      await put(files, '/a', 'old', true);
      await sync(files, '/');
      await put(files, '/next', 'n'.repeat(1024), true);
      await files.rename('/next', '/a');
      volume.cutPower(() => random.chance(0.5));
      const tree = volume.tree();
      outcomes.add(
        Object.entries(tree)
          .map(([path, text]) => `${path}:${text.slice(0, 3)}${text.length}`)
          .join(' '),
      );
    }
    expect([...outcomes].sort()).toEqual(['/a:nnn1024', '/a:old3', '/a:old3 /next:nnn1024']);
  });

  test('ends every process: what it asks for then fails, without effect', async () => {
    const volume = new Volume();
    const disk = volume.attach();
    const file = await disk.files.open('/a', 'w+');
    volume.cutPower();
    await expect(file.write(utf8('x'), 0, 1, 0)).rejects.toMatchObject({ code: 'EIO' });
    await expect(disk.files.mkdir('/d')).rejects.toMatchObject({ code: 'EIO' });
    expect(volume.tree()).toEqual({});
    expect(disk.open).toEqual([]);
  });
});

describe('a process', () => {
  test('is told what it has left open', async () => {
    const disk = new Volume().attach();
    const file = await disk.files.open('/a', 'w+');
    await disk.files.open('/b', 'w+');
    await file.close();
    expect(disk.open).toEqual(['/b']);
    await expect(file.stat()).rejects.toMatchObject({ code: 'EBADF' });
  });

  test('gets the errors of the system', async () => {
    const { files } = new Volume().attach();
    await files.mkdir('/d');
    await put(files, '/d/a', 'x');
    const code = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'none',
        (error: { code: string }) => error.code,
      );
    expect(await code(files.open('/x', 'r+'))).toBe('ENOENT');
    expect(await code(files.open('/x/y', 'w+'))).toBe('ENOENT');
    expect(await code(files.open('/d/a', 'wx'))).toBe('EEXIST');
    expect(await code(files.open('/d/a/b', 'wx'))).toBe('ENOTDIR');
    expect(await code(files.mkdir('/d'))).toBe('EEXIST');
    expect(await code(files.unlink('/d'))).toBe('EISDIR');
    expect(await code(files.rename('/d/a', '/d'))).toBe('EISDIR');
    expect(await code(files.link('/d/a', '/d/a'))).toBe('EEXIST');
    expect(await code(files.realpath('/d/b'))).toBe('ENOENT');
    await files.rm('/d', { recursive: true, force: true });
    expect(await code(files.readdir('/d'))).toBe('ENOENT');
  });

  test('of whose calls the n-th fails finds that it had its effect or not, as it was told', async () => {
    for (const hadEffect of [false, true]) {
      const volume = new Volume();
      const strike = failsAt(1, { access: ['write'], hadEffect });
      const { files } = volume.attach({ injector: strike.injector });
      await expect(put(files, '/a', 'x')).rejects.toMatchObject({ code: 'EIO' });
      expect(volume.tree()).toEqual({ '/a': hadEffect ? 'x' : '' });
      expect(strike.struck).toMatchObject([{ call: 'write', path: '/a' }]);
    }
  });
});
