/**
 * Directories that become logs, and the same directories back from them.
 */
import { createServer } from 'node:net';
import { appendFile, link, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../base/testing/index.ts';
import type { FsmHints } from '../format/hints.ts';
import { Fsm } from '../fsm.ts';
import { replay } from '../inspect/replay.ts';
import { newLog, play, treeOf, withTempDir, type TestLog } from '../testing/index.ts';
import type { Walked } from './directory-walk.ts';
import { forkLog } from './fork-log.ts';
import { importDirectory } from './import-directory.ts';
import { openNewLog } from './new-log.ts';
import { Recorder } from './recorder.ts';

type Unrecordable = Extract<Walked, { kind: 'unrecordable' }>;

async function imported(
  log: TestLog,
  dir: string,
  onProgress?: () => void,
): Promise<{ readonly hints: FsmHints; readonly left: readonly Unrecordable[] }> {
  const session = await openNewLog(log.journal, log);
  const fsm = new Fsm({ log: log.journal.name, liveNodes: [], properties: [] });
  const left: Unrecordable[] = [];
  try {
    const { hints } = await importDirectory(dir, new Recorder({ session, fsm }), {
      onUnrecordable: (entry) => left.push(entry),
      ...(onProgress ? { onProgress } : {}),
    });
    return { hints, left };
  } finally {
    await session.close();
  }
}

async function plant(dir: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}

const name = fc
  .stringMatching(/^[a-zA-Zäß日🗄 '"\\.-]{1,12}$/u)
  .filter((text) => text !== '.' && text !== '..');
const tree = fc.dictionary(
  fc.tuple(fc.constantFrom('d1', 'd2/ü', 'd3/x/y'), name).map(([dir, file]) => `${dir}/${file}`),
  fc.uint8Array({ maxLength: 200 }),
  { minKeys: 1, maxKeys: 12, noNullPrototype: true },
);

describe('an imported directory', () => {
  test('comes back from its log as it was, from the hints and without them', () =>
    withTempDir(async (root) => {
      let n = 0;
      await fc.assert(
        fc.asyncProperty(tree, async (files) => {
          const at = join(root, String(n++));
          await plant(`${at}/source`, files);
          const log = newLog();
          const { hints, left } = await imported(log, `${at}/source`);
          expect(left).toEqual([]);
          await play(log, `${at}/with`, hints, true);
          await play(log, `${at}/without`);
          const wanted = await treeOf(`${at}/source`);
          expect(await treeOf(`${at}/with`)).toEqual(wanted);
          expect(await treeOf(`${at}/without`)).toEqual(wanted);
        }),
        { numRuns: 25 },
      );
    }));

  test('keeps the names of a file together, and files that are large or empty', () =>
    withTempDir(async (root) => {
      const large = seededRandom(1).bytes(2_500_000);
      await plant(`${root}/source`, { 'a/one': 'shared', large, empty: '' });
      await link(`${root}/source/a/one`, `${root}/source/two`);
      const log = newLog();
      const { hints } = await imported(log, `${root}/source`);
      expect(hints.liveNodes).toHaveLength(3);
      await play(log, `${root}/out`, hints, true);
      const [one, two] = await Promise.all([stat(`${root}/out/a/one`), stat(`${root}/out/two`)]);
      expect(one.ino).toBe(two.ino);
      expect(Buffer.compare(await readFile(`${root}/out/large`), large)).toBe(0);
      expect((await stat(`${root}/out/empty`)).size).toBe(0);
    }));

  test('is told what of it a log cannot hold, each with its reason', () =>
    withTempDir(async (root) => {
      await plant(`${root}/source`, { file: 'x', '.fnodes/1': 'y' });
      await mkdir(`${root}/source/empty`);
      await symlink('file', `${root}/source/symbolic`);
      await writeFile(Buffer.concat([Buffer.from(`${root}/source/`), Buffer.from([0xff, 0xfe])]), 'z');
      const server = createServer().listen(`${root}/source/socket`);
      const log = newLog();
      try {
        const { left } = await imported(log, `${root}/source`);
        expect(left.map(({ path, what }) => [path, what])).toEqual([
          ['/.fnodes', 'a name that a restore needs for itself'],
          ['/empty', 'an empty directory'],
          ['/socket', 'a socket'],
          ['/symbolic', 'a symbolic link'],
          ['/\u00ff\u00fe', 'a name that is not UTF-8'],
        ]);
      } finally {
        server.close();
      }
      await play(log, `${root}/out`);
      expect(await treeOf(`${root}/out`)).toEqual({ '/file': 'x' });
    }));

  test('must not change meanwhile', () =>
    withTempDir(async (root) => {
      await plant(`${root}/source`, { large: new Uint8Array(2_500_000) });
      let changed = Promise.resolve();
      const importing = imported(newLog(), `${root}/source`, () => {
        changed = appendFile(`${root}/source/large`, 'more');
      });
      await expect(importing).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
      await changed;
    }));

  test('needs a log without history', () =>
    withTempDir(async (root) => {
      await plant(`${root}/source`, { file: 'x' });
      const log = newLog();
      await imported(log, `${root}/source`);
      await expect(openNewLog(log.journal, log)).rejects.toMatchObject({ code: 'LOG_NOT_NEW' });
      const opened = newLog();
      await (await openNewLog(opened.journal, opened)).close();
      const again = await openNewLog(opened.journal, opened); // opened before, never written to
      expect(again.term).toBe(2);
      await again.close();
    }));
});

describe('a fork', () => {
  test('has the files of the log it came from, which goes on without it, and forks again', () =>
    withTempDir(async (root) => {
      await plant(`${root}/source`, { 'a/one': 'of the old log', two: 'also' });
      const old = newLog('test/old');
      const { hints } = await imported(old, `${root}/source`);
      const before = new Map(old.store.objects);
      const journals = new Map([['test/old', old.journal]]);
      const openLog = (log: string): typeof old.journal => journals.get(log)!;
      let from = { journal: old.journal, hints };
      for (const name of ['test/fork', 'test/fork-of-fork']) {
        const { fsm } = await replay({ ...old, ...from, openLog });
        const journal = { ...old.journal, name };
        journals.set(name, journal);
        const session = await openNewLog(journal, old);
        const forked = await forkLog(fsm, session);
        await session.close();
        from = { journal, hints: forked };
        const played = await replay({ ...old, ...from, openLog });
        expect([...played.fsm.links]).toEqual([...fsm.links]);
        expect(played.fsm.nextChecksum).toBe(fsm.nextChecksum);
        expect(forked.log).toBe(name);
      }
      for (const [key, body] of before) expect(old.store.objects.get(key)).toBe(body);
      await rm(root, { recursive: true });
    }));

  test('of nothing is refused before anything is written', async () => {
    const log = newLog();
    const session = await openNewLog(log.journal, log);
    const empty = new Fsm({ log: 'test/old', liveNodes: [], properties: [] });
    await expect(forkLog(empty, session)).rejects.toMatchObject({ code: 'NOTHING_TO_FORK' });
    expect(session.appendedHead).toBe(0);
    await session.close();
  });
});
