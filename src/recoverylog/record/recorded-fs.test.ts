/**
 * What recorded files do: every kind of request, what it is in the log, and that the log gives the same directory back.
 */
import { readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { FrameReader } from '../format/frame.ts';
import { newLog, play, put, scene, takeOver, treeOf, withTempDir, type TestLog } from '../testing/index.ts';
import { lastSlots } from '../../journal/testing/index.ts';

/** What the log says, one word an operation. */
async function ops(log: TestLog): Promise<string[]> {
  const { events } = await lastSlots(log);
  const frames = new FrameReader(log.journal.name, 0);
  const said: string[] = [];
  for (const event of events) if (event.kind === 'data') frames.push(event.bytes);
  for (let frame = frames.next(); frame; frame = frames.next()) {
    if (frame.kind !== 'op') continue;
    const { create, link, unlink, write, property, seqNo } = frame.op;
    if (create) said.push(`create ${seqNo} ${create.path}`);
    if (link) said.push(`link ${link.fnode} ${link.path}`);
    if (unlink) said.push(`unlink ${unlink.fnode} ${unlink.path}`);
    if (write) said.push(`write ${write.fnode} ${write.offset}+${write.length}`);
    if (property) said.push(`property ${property.path}=${property.content}`);
  }
  return said;
}

const refused = (code: string): { code: string; name: string } => ({ code, name: 'RecordedFsError' });

describe('opening', () => {
  test('makes what is to be made, once; refuses what is not there, or is', () =>
    scene(async ({ fs, log, replayed }) => {
      await expect(fs.open('/a')).rejects.toMatchObject(refused('ENOENT'));
      const made = await fs.open('/a', { create: true, exclusive: true });
      await expect(fs.open('/a', { create: true, exclusive: true })).rejects.toMatchObject(refused('EEXIST'));
      const again = await fs.open('/a', { create: true });
      await made.write(utf8('by one'), 0);
      expect(fromUtf8(await again.readAll())).toBe('by one');
      expect(await replayed()).toEqual({ '/a': 'by one' });
      expect(await ops(log)).toEqual(['create 2 /a', 'write 2 0+6']); // the first operation is the handoff
    }));

  test('for reading only changes nothing and lets nothing be changed', () =>
    scene(async ({ fs, replayed }) => {
      await put(fs, '/a', 'content');
      const file = await fs.open('/a', { readOnly: true });
      expect(fromUtf8(await file.read(3, 100))).toBe('tent');
      for (const change of [file.write(utf8('x'), 0), file.append(utf8('x')), file.truncate(0)])
        await expect(change).rejects.toMatchObject(refused('EBADF'));
      await file.close();
      await expect(file.read(0, 1)).rejects.toMatchObject(refused('EBADF'));
      expect(() => fs.open('/a', { readOnly: true, truncate: true })).toThrow(/read only/);
      expect(await replayed()).toEqual({ '/a': 'content' });
    }));

  test('a file that only the disk knows is not there: the log is the directory', () =>
    scene(async ({ dir, fs, replayed }) => {
      await writeFile(join(dir, 'foreign'), 'not recorded');
      await expect(fs.open('/foreign', { readOnly: true })).rejects.toMatchObject(refused('ENOENT'));
      await expect(fs.rename('/foreign', '/b')).rejects.toMatchObject(refused('ENOENT'));
      expect(await fs.readdir('/')).toEqual([]);
      await put(fs, '/foreign', 'recorded'); // and gives way to one that is
      expect(await replayed()).toEqual({ '/foreign': 'recorded' });
    }));

  test('to append writes behind the last byte, whoever wrote that', () =>
    scene(async ({ fs, log, replayed }) => {
      const one = await fs.open('/log', { create: true, append: true });
      const two = await fs.open('/log', { append: true });
      await one.write(utf8('first'), 0);
      await two.write(utf8(''), 0);
      await two.write(utf8(' second'), 0);
      expect(await one.append(utf8(' third'))).toBe(12);
      expect([one.size(), two.size()]).toEqual([18, 18]);
      expect(await replayed()).toEqual({ '/log': 'first second third' });
      expect((await ops(log)).slice(1)).toEqual([
        'write 2 0+5',
        'write 2 5+0',
        'write 2 5+7',
        'write 2 12+6',
      ]);
    }));
});

describe('truncating', () => {
  test('is a new file with the kept content in the log, and the same file on the disk', () =>
    scene(async ({ fs, log, replayed }) => {
      const file = await fs.open('/a', { create: true });
      const other = await fs.open('/a');
      await file.write(utf8('0123456789'), 0);
      await file.truncate(4);
      await other.append(utf8('abc'));
      expect(fromUtf8(await file.readAll())).toBe('0123abc');
      expect(await replayed()).toEqual({ '/a': '0123abc' });
      expect((await ops(log)).slice(2)).toEqual([
        'create 4 /.truncating',
        'write 4 0+4',
        'unlink 2 /a',
        'link 4 /a',
        'unlink 4 /.truncating',
        'write 4 4+3',
      ]);
      expect(await fs.readdir('/')).toEqual(['a']);
    }));

  test.each([0, 3])('to %i bytes a file of several names truncates it under all of them', (size) =>
    scene(async ({ fs, replayed }) => {
      await put(fs, '/one', 'old content');
      await fs.link('/one', '/d/two');
      await fs.barrier();
      await fs.link('/one', '/three');
      const file = await fs.open('/d/two');
      await file.truncate(size);
      await file.append(utf8('!'));
      const wanted = `${'old content'.slice(0, size)}!`;
      expect(await replayed()).toEqual({ '/one': wanted, '/d/two': wanted, '/three': wanted });
    }),
  );

  test('to more bytes fills up with zeros', () =>
    scene(async ({ fs, replayed }) => {
      const file = await fs.open('/a', { create: true });
      await file.append(utf8('ab'));
      await file.truncate(5);
      await file.truncate(5);
      expect(file.size()).toBe(5);
      expect(await replayed()).toEqual({ '/a': 'ab\0\0\0' });
    }));

  test('keeps several megabytes, in operations that are never cut', () =>
    scene(async ({ fs, replayed }) => {
      const content = Buffer.alloc(3_500_000, 'abcdefghijk');
      const file = await fs.open('/big', { create: true });
      await file.write(content, 0);
      await file.truncate(2_500_001);
      expect((await replayed())['/big']).toBe(content.toString('latin1', 0, 2_500_001));
    }));

  test('a file without a name is truncated on the disk only', () =>
    scene(async ({ fs, replayed }) => {
      const file = await fs.open('/a', { create: true });
      await file.append(utf8('content'));
      await fs.unlink('/a');
      await file.truncate(3);
      expect(fromUtf8(await file.readAll())).toBe('con');
      await file.close();
      expect(await replayed()).toEqual({});
    }));
});

describe('names', () => {
  test('a rename onto another file replaces it; onto itself, or a second name of it, does nothing', () =>
    scene(async ({ fs, log, replayed }) => {
      await put(fs, '/a', 'a');
      await put(fs, '/b', 'b');
      await fs.link('/a', '/a2');
      await fs.rename('/a', '/a');
      await fs.rename('/a', '//a2');
      await fs.rename('/a2', '/b');
      expect(await replayed()).toEqual({ '/a': 'a', '/b': 'a' });
      expect((await ops(log)).slice(4)).toEqual(['link 2 /a2', 'unlink 4 /b', 'link 2 /b', 'unlink 2 /a2']);
    }));

  test.each([false, true])('all move alike, whether the files are on the disk or not (%s)', (onDisk) =>
    scene(async ({ fs, replayed }) => {
      await put(fs, '/a', 'a');
      await put(fs, '/d/b', 'b');
      if (onDisk) await fs.barrier();
      await put(fs, '/c', 'c');
      await fs.rename('/a', '/d/x');
      await fs.rename('/c', '/d/b'); // over one that may be on the disk
      await put(fs, '/a', 'another');
      await fs.rename('/d/x', '/a');
      await fs.link('/a', '/e/f');
      await fs.unlink('/a');
      await put(fs, '/a', 'third');
      await fs.rename('/a', '/d/y');
      expect(await replayed()).toEqual({ '/d/b': 'c', '/d/y': 'third', '/e/f': 'a' });
    }),
  );

  test('a file that is open outlives its last name, for whoever has it open', () =>
    scene(async ({ fs, log, replayed }) => {
      const replaced = await fs.open('/a', { create: true });
      await replaced.append(utf8('old'));
      await put(fs, '/b', 'new');
      await fs.rename('/b', '/a');
      await replaced.append(utf8(' and unrecorded'));
      expect(fromUtf8(await replaced.readAll())).toBe('old and unrecorded');
      await replaced.close();
      expect(await replayed()).toEqual({ '/a': 'new' });
      expect((await ops(log)).filter((op) => op.startsWith('write 2'))).toEqual(['write 2 0+3']);
    }));

  test('directories come with their files; they are not renamed, removed or turned into files, nor files into them', () =>
    scene(async ({ fs, replayed }) => {
      await put(fs, '/d/e/f', 'f');
      await fs.mkdir('/empty/below');
      await put(fs, '/file', 'x');
      const isDirectory = [
        () => fs.rename('/d', '/g'),
        () => fs.rename('/file', '/d'),
        () => fs.unlink('/d/e'),
        () => fs.link('/file', '/empty'),
        () => fs.open('/d/e', { create: true }),
        () => fs.open('/d'),
      ];
      for (const attempt of isDirectory) await expect(attempt()).rejects.toMatchObject(refused('EISDIR'));
      const isFile = [
        () => fs.open('/file/below', { create: true }),
        () => fs.rename('/d/e/f', '/file/deep/er'),
        () => fs.readdir('/file'),
        () => fs.mkdir('/file/sub'),
      ];
      for (const attempt of isFile) await expect(attempt()).rejects.toMatchObject(refused('ENOTDIR'));
      await expect(fs.mkdir('/file')).rejects.toMatchObject(refused('EEXIST'));
      expect(await fs.readdir('/')).toEqual(['d', 'empty', 'file']);
      expect(await fs.readdir('/d')).toEqual(['e']);
      await expect(fs.readdir('/none')).rejects.toMatchObject(refused('ENOENT'));
      expect(await replayed()).toEqual({ '/d/e/f': 'f', '/file': 'x' });
    }));
});

describe('a path', () => {
  test.each(['', '/', '..', 'a/../../b', '../x', 'nul\0l', '/.fnodes/3', '/.truncating', '/\ud800x'])(
    '%j is refused before anything is done',
    (path) =>
      scene(async ({ fs, replayed }) => {
        expect(() => fs.open(path, { create: true })).toThrow(expect.objectContaining(refused('EINVAL')));
        await put(fs, '/a', 'a');
        expect(() => fs.rename('/a', path)).toThrow(expect.objectContaining(refused('EINVAL')));
        expect(await replayed()).toEqual({ '/a': 'a' });
      }),
  );

  test('that no file system takes is refused; the longest that all take is not', () =>
    scene(async ({ fs, replayed }) => {
      const long = `/${'n'.repeat(255)}`;
      const wide = `/${'ü'.repeat(127)}x`;
      const deep = `${`/${'d'.repeat(250)}`.repeat(12)}/${'e'.repeat(59)}`;
      for (const path of [`${long}n`, `${wide}x`, `${deep}e`])
        expect(() => fs.open(path, { create: true })).toThrow(
          expect.objectContaining(refused('ENAMETOOLONG')),
        );
      for (const path of [long, wide, deep]) await put(fs, path, path.slice(0, 9));
      const tree = await replayed();
      expect(Object.keys(tree).map((path) => Buffer.from(path).length)).toEqual(
        [deep, long, wide].map((path) => Buffer.from(path).length),
      );
    }));

  test('may be relative, unclean or of any script: it is recorded in its one canonical form', () =>
    scene(async ({ fs, replayed }) => {
      await put(fs, 'relative', '1');
      await put(fs, '//a/./b/../c/', '2');
      await put(fs, '/Ünïcode/日本語/🦊', '3');
      await put(fs, '/ leading and\nnewline', '4');
      expect(fs.exists('/relative') && fs.exists('/a/c')).toBe(true);
      expect(await replayed()).toEqual({
        '/relative': '1',
        '/a/c': '2',
        '/Ünïcode/日本語/🦊': '3',
        '/ leading and\nnewline': '4',
      });
    }));
});

describe('a symbolic link inside the directory', () => {
  test('is not followed out of it where a directory is to be: refused, and nothing is made there', () =>
    scene(async ({ dir, outside, fs, replayed }) => {
      await symlink(outside, join(dir, 'way-out'));
      const attempts = [
        () => fs.open('/way-out/x', { create: true }),
        () => fs.mkdir('/way-out/sub/deep'),
        () => fs.mkdir('/way-out'),
      ];
      for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(refused('ELOOP'));
      await put(fs, '/a', 'a');
      await expect(fs.rename('/a', '/way-out/a')).rejects.toMatchObject(refused('ELOOP'));
      expect(await treeOf(outside)).toEqual({});
      expect(await replayed()).toEqual({ '/a': 'a' });
    }));

  test('gives way to a file of its name, whichever way that gets it', () =>
    scene(async ({ dir, outside, fs, replayed }) => {
      await writeFile(join(outside, 'precious'), 'as it was');
      for (const name of ['a', 'b', 'c']) await symlink(join(outside, 'precious'), join(dir, name));
      await put(fs, '/x', 'recorded');
      await fs.barrier();
      await fs.link('/x', '/a');
      await fs.rename('/x', '/b');
      await put(fs, '/c', 'too');
      expect(await replayed()).toEqual({ '/a': 'recorded', '/b': 'recorded', '/c': 'too' });
      expect(await readFile(join(outside, 'precious'), 'utf8')).toBe('as it was');
    }));

  test('that took the place of a directory breaks the recorder before it is followed', () =>
    scene(async ({ dir, outside, fs, recorder }) => {
      await put(fs, '/d/a', 'a');
      await fs.barrier();
      await rename(join(dir, 'd'), join(dir, 'aside'));
      await symlink(outside, join(dir, 'd'));
      await put(fs, '/d/b', 'b');
      await expect(fs.barrier()).rejects.toMatchObject({ code: 'RECORDER_BROKEN', cause: { code: 'ELOOP' } });
      expect(await recorder.broken).toMatchObject({ code: 'RECORDER_BROKEN' });
      expect(await treeOf(outside)).toEqual({});
    }));
});

describe('a property', () => {
  test('is what a file that is renamed to it held; the file is gone, its content is in log and hints', () =>
    scene(async ({ fs, log, recorder, replayed }) => {
      const temporary = await fs.open('/IDENTITY.dbtmp', { create: true });
      await temporary.append(utf8('id-1\n'));
      await fs.rename('/IDENTITY.dbtmp', '/IDENTITY');
      await temporary.append(utf8('to nobody'));
      await temporary.close();
      expect(await replayed()).toEqual({ '/IDENTITY': 'id-1\n' });
      expect((await ops(log)).slice(2)).toEqual(['property /IDENTITY=id-1\n', 'unlink 2 /IDENTITY.dbtmp']);
      const hints = await recorder.buildHints();
      expect(hints.properties).toEqual([{ path: '/IDENTITY', content: 'id-1\n' }]);
      const file = await fs.open('/IDENTITY', { readOnly: true });
      expect(fromUtf8(await file.readAll())).toBe('id-1\n');
      await file.close();
      expect([fs.exists('/IDENTITY'), await fs.readdir('/')]).toEqual([true, ['IDENTITY']]);
    }));

  test('can be replaced in the same way, and in no other', () =>
    scene(async ({ fs, replayed }) => {
      for (const attempt of [() => fs.open('/IDENTITY', { create: true }), () => put(fs, '/IDENTITY', 'x')])
        await expect(attempt()).rejects.toMatchObject(refused('EPERM'));
      await put(fs, '/a', 'one');
      await fs.rename('/a', '/IDENTITY');
      await put(fs, '/b', 'two');
      await fs.link('/b', '/c');
      await fs.rename('/b', '/IDENTITY');
      const attempts = [
        () => fs.open('/IDENTITY'),
        () => fs.link('/c', '/IDENTITY'),
        () => fs.link('/IDENTITY', '/d'),
        () => fs.unlink('/IDENTITY'),
        () => fs.rename('/IDENTITY', '/d'),
      ];
      for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(refused('EPERM'));
      expect(await replayed()).toEqual({ '/IDENTITY': 'two', '/c': 'two' });
    }));

  test('is text of an identity’s length: what the log could not carry is refused, and stays a file', () =>
    scene(async ({ fs, replayed }) => {
      const file = await fs.open('/a', { create: true });
      await file.write(Uint8Array.of(0xff, 0xfe), 0);
      await expect(fs.rename('/a', '/IDENTITY')).rejects.toMatchObject(refused('EINVAL'));
      await put(fs, '/b', 'x'.repeat(65_537));
      await expect(fs.rename('/b', '/IDENTITY')).rejects.toMatchObject(refused('EINVAL'));
      expect(Object.keys(await replayed())).toEqual(['/a', '/b']);
    }));

  test('is at the next primary, who can replace it', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const first = await takeOver(log, join(root, '1'), 1);
      await put(first.fs, '/a', 'one');
      await first.fs.rename('/a', '/IDENTITY');
      await first.fs.barrier();
      const second = await takeOver(log, join(root, '2'), 2, await first.recorder.buildHints());
      const identity = await second.fs.open('/IDENTITY', { readOnly: true });
      expect(fromUtf8(await identity.readAll())).toBe('one');
      await identity.close();
      await put(second.fs, '/a', 'two');
      await second.fs.rename('/a', '/IDENTITY');
      await second.fs.barrier();
      await play(log, join(root, 'copy'));
      expect(await treeOf(join(root, 'copy'))).toEqual({ '/IDENTITY': 'two' });
    }));
});
