/**
 * The flaw truncate-hardlink, recorded here: a file with two names is truncated through one of them. Its log as the original recorded it can only play to
 * something else than the disk had; what ours records plays to what its disk has.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '../../../src/base/index.ts';
import { newLog, play, takeOver, treeOf, withTempDir } from '../../../src/recoverylog/testing/index.ts';
import { same } from '../tally.ts';

/** @throws when the replay of the log is not the disk */
export async function recordedHere(): Promise<void> {
  const log = newLog('recovery/logs/truncated');
  await withTempDir(async (dir) => {
    const { fs, session } = await takeOver(log, dir, 1);
    const first = await fs.open('/one', { create: true });
    await first.write(utf8('old content'), 0);
    await first.close();
    await fs.link('/one', '/two');
    const again = await fs.open('/one', { truncate: true });
    await again.write(utf8('new'), 0);
    await again.sync();
    await again.close();
    const disk = await treeOf(dir);
    session.abandon('the recording is over');
    same('content of /one', await readFile(join(dir, 'one'), 'utf8'), 'new');
    await withTempDir(async (copy) => {
      await play(log, copy);
      same('replay', await treeOf(copy), disk);
    });
  });
}
