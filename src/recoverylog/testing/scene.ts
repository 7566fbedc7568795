/**
 * A directory that is recorded, what lies outside it, and its replay: what tests of recorded files stand on. Programs come through this door too, so that
 * nothing of jest is imported behind it.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '../../base/index.ts';
import type { Recorder } from '../record/recorder.ts';
import type { RecordedFile } from '../record/recorded-file.ts';
import type { RecordedFs } from '../record/recorded-fs.ts';
import { calmTime, newLog, play, takeOver, treeOf, withTempDir, type TestLog } from './test-log.ts';

export interface Scene {
  readonly log: TestLog;
  readonly dir: string;
  /** Outside the directory, for what must not be touched. */
  readonly outside: string;
  readonly fs: RecordedFs;
  readonly recorder: Recorder;
  /** Lets FOLLOW_MS pass. */
  readonly follow: () => void;
  /** Syncs, replays, and gives the one tree that disk and replay have. */
  readonly replayed: () => Promise<Record<string, string>>;
}

/** A primary that records into a directory, and what it is judged by. */
export async function scene(test: (scene: Scene) => Promise<void>): Promise<void> {
  await withTempDir(async (root) => {
    const log = newLog();
    const dir = join(root, 'dir');
    const outside = join(root, 'outside');
    await mkdir(outside);
    const { clock, follow } = calmTime(log.clock);
    const { fs, recorder } = await takeOver(log, dir, 1, undefined, { clock });
    const opened: RecordedFile[] = [];
    const open = fs.open.bind(fs);
    fs.open = (path, options) => {
      const opening = open(path, options);
      void opening.then(
        (file) => opened.push(file),
        () => undefined,
      );
      return opening;
    };
    let plays = 0;
    const replayed = async (): Promise<Record<string, string>> => {
      await fs.barrier();
      const copy = join(root, `copy-${plays++}`);
      await play(log, copy);
      const tree = await treeOf(copy);
      deepStrictEqual(await treeOf(dir), tree);
      return tree;
    };
    await test({ log, dir, outside, fs, recorder, follow, replayed });
    for (const file of opened) await file.close();
  });
}

/** Makes a file, or gives it new content. */
export async function put(fs: RecordedFs, path: string, text: string): Promise<void> {
  const file = await fs.open(path, { create: true, truncate: true });
  await file.write(utf8(text), 0);
  await file.close();
}
