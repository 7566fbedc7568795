/**
 * Exported snapshots: whole or not there, whatever fails on the way and wherever the power is cut; and whatever happens to a byte of one is found (the
 * original's snapshotter and import tool: seeds.md §4.6).
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { errorCode, utf8 } from '../../base/index.ts';
import { withTempDir } from '../../recoverylog/testing/index.ts';
import { Volume, type Injector } from '../../../e2e/faults/disk/volume.ts';
import { FiledList, withReplicasOf, type TestReplica } from '../testing/index.ts';
import { exportSnapshot, snapshotName } from './export.ts';
import { checkExport } from './read-export.ts';

const make = (): FiledList => new FiledList();

/** Runs with a primary that has three texts. */
async function withPrimary(use: (primary: TestReplica<FiledList>) => Promise<void>): Promise<void> {
  await withReplicasOf(make, async (start) => {
    const primary = await start();
    const runtime = await primary.promote(1);
    primary.machine.fs = primary.taken!.fs;
    for (const text of ['a', 'b', 'c']) await runtime.propose(utf8(text));
    await use(primary);
  });
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'intact',
    (error: unknown) => errorCode(error) ?? 'without a code',
  );

describe('an exported snapshot', () => {
  test('has all its files and says so; the primary goes on, and exports the next one beside it', () =>
    withPrimary((primary) =>
      withTempDir(async (dir) => {
        const runtime = primary.runtime!;
        const parent = join(dir, 'exports', 'of a shard');
        const first = await exportSnapshot(runtime, primary.taken!.fs, parent);
        await runtime.propose(utf8('d'));
        const second = await exportSnapshot(runtime, primary.taken!.fs, parent);
        expect((await readdir(parent)).sort()).toEqual([snapshotName(4), snapshotName(5)]);
        for (const { path, manifest } of [first, second]) {
          expect(await checkExport(path)).toEqual(manifest);
          expect((await readdir(path)).sort()).toEqual([
            'external-file-1',
            'external-file-4',
            'manifest.json',
            'state.snapshot',
          ]);
        }
        expect(await readFile(join(first.path, 'external-file-4'), 'utf8')).toBe('of 3\na\nc\n');
        expect(first.manifest).toMatchObject({ kind: 'concurrent', index: 4, term: 1 });
        expect(await primary.taken!.fs.readdir('/state')).toEqual(['current']); // nothing of it is in the log
      }),
    ));

  test('is not replaced by another one of its index', () =>
    withPrimary((primary) =>
      withTempDir(async (dir) => {
        const { path } = await exportSnapshot(primary.runtime!, primary.taken!.fs, dir);
        const again = exportSnapshot(primary.runtime!, primary.taken!.fs, dir);
        await expect(again).rejects.toMatchObject({ code: 'SNAPSHOT_EXISTS' });
        expect(await readdir(dir)).toEqual([snapshotName(4)]);
        await checkExport(path);
      }),
    ));

  test('that was given up, or whose machine failed, is not there; what a dead export has left goes with the next', () =>
    withPrimary((primary) =>
      withTempDir(async (dir) => {
        const { fs } = primary.taken!;
        const stop = new AbortController();
        stop.abort(new Error('no patience'));
        const givenUp = exportSnapshot(primary.runtime!, fs, dir, { signal: stop.signal });
        await expect(givenUp).rejects.toThrow('no patience');
        primary.machine.failSave = new Error('no snapshot today');
        await expect(exportSnapshot(primary.runtime!, fs, dir)).rejects.toThrow('no snapshot today');
        expect(await readdir(dir)).toEqual([]);
        primary.machine.failSave = undefined;
        await mkdir(join(dir, 'snapshot.generating'));
        await writeFile(join(dir, 'snapshot.generating', 'state.snapshot'), 'half of');
        await exportSnapshot(primary.runtime!, fs, dir);
        expect(await readdir(dir)).toEqual([snapshotName(4)]);
      }),
    ));

  test('is found out by any byte that changes, any cut, a file that is missing, one too many, and one of another snapshot', () =>
    withPrimary((primary) =>
      withTempDir(async (dir) => {
        const { fs } = primary.taken!;
        const { path } = await exportSnapshot(primary.runtime!, fs, dir);
        await primary.runtime!.propose(utf8('d'));
        const other = await exportSnapshot(primary.runtime!, fs, dir);
        const missed: string[] = [];
        for (const name of await readdir(path)) {
          const file = join(path, name);
          const bytes = await readFile(file);
          const damaged: (readonly [string, Buffer | undefined])[] = [['missing', undefined]];
          for (let at = 0; at < bytes.length; at += name === 'state.snapshot' ? 23 : 5) {
            const flipped = Buffer.from(bytes);
            flipped[at]! ^= 1 << (at % 8);
            damaged.push([`byte ${at}`, flipped], [`cut at ${at}`, bytes.subarray(0, at)]);
          }
          damaged.push(['of another', await readFile(join(other.path, name))]);
          damaged.push(['longer', Buffer.concat([bytes, Buffer.from([0])])]);
          for (const [what, content] of damaged) {
            await (content ? writeFile(file, content) : rm(file));
            if ((await codeOf(checkExport(path))) === 'intact') missed.push(`${name}: ${what}`);
          }
          await writeFile(file, bytes);
          await rename(file, `${file}-`);
          expect(await codeOf(checkExport(path))).toBe('SNAPSHOT_DAMAGED');
          await rename(`${file}-`, file);
        }
        expect(missed).toEqual([]);
        await writeFile(join(path, 'notes'), 'mine');
        expect(await codeOf(checkExport(path))).toBe('SNAPSHOT_DAMAGED');
        await rm(join(path, 'notes'));
        await checkExport(path);
      }),
    ));
});

describe('wherever the disk fails or its power is cut, a snapshot of the final name is whole', () => {
  const PARENT = '/exports';

  /** Exports on a new volume, with this fate for its calls. @returns the volume, how it went, and how many calls there were */
  async function attempt(
    primary: TestReplica<FiledList>,
    injector: Injector,
  ): Promise<{ readonly volume: Volume; readonly done: boolean; readonly calls: number }> {
    const volume = new Volume();
    const disk = volume.attach({ injector });
    const done = await exportSnapshot(primary.runtime!, primary.taken!.fs, PARENT, {
      files: disk.files,
    }).then(
      () => true,
      () => false,
    );
    return { volume, done, calls: disk.operations };
  }

  /** Checks what is there as the next process finds it, and that it can export. */
  async function judge(primary: TestReplica<FiledList>, volume: Volume, done: boolean): Promise<void> {
    const { files } = volume.attach();
    const present = await files.readdir(PARENT).catch((): string[] => []);
    if (present.includes(snapshotName(4))) await checkExport(join(PARENT, snapshotName(4)), undefined, files);
    else expect(done).toBe(false);
    const next = exportSnapshot(primary.runtime!, primary.taken!.fs, PARENT, { files });
    expect(['intact', 'SNAPSHOT_EXISTS']).toContain(await codeOf(next));
    expect(await files.readdir(PARENT)).toEqual([snapshotName(4)]);
    await checkExport(join(PARENT, snapshotName(4)), undefined, files);
  }

  test('after an error of any call, with its effect or without', () =>
    withPrimary(async (primary) => {
      const { calls } = await attempt(primary, () => 'done');
      expect(calls).toBeGreaterThan(20);
      for (let failing = 1; failing <= calls; failing++)
        for (const hadEffect of [false, true]) {
          const error = Object.assign(new Error('EIO'), { code: 'EIO' });
          const { volume, done } = await attempt(primary, ({ number }) =>
            number === failing ? { error, hadEffect } : 'done',
          );
          await judge(primary, volume, done);
        }
    }));

  test('after a power cut behind any call, whatever of the unsynced survives', () =>
    withPrimary(async (primary) => {
      const { calls } = await attempt(primary, () => 'done');
      for (let last = 1; last <= calls; last++)
        for (const survives of [() => false, last % 2 === 0 ? () => true : dice(last)]) {
          const dead = Object.assign(new Error('EIO'), { code: 'EIO' });
          const { volume, done } = await attempt(primary, ({ number }) =>
            number > last ? { error: dead, hadEffect: false } : 'done',
          );
          volume.cutPower(survives);
          await judge(primary, volume, done);
        }
    }));
});

/** The same throws for the same seed. */
function dice(seed: number): () => boolean {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state > 1_073_741_824;
  };
}
