/**
 * A copy of a log's directory that is made to last (Player.finish), on a disk that fails or loses power at any call: it is complete, or it says that it is not.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../../src/base/index.ts';
import { seededRandom } from '../../../src/base/testing/index.ts';
import { calmJournal, type CalmJournal } from '../../../src/journal/testing/index.ts';
import { Player, type RecordedFs } from '../../../src/recoverylog/index.ts';
import { diskOn, localFsOn, STAGING } from '../../../src/recoverylog/testing/index.ts';
import { endsAt, failsAt } from './injectors.ts';
import { Volume, type DiskProcess, type Injector } from './volume.ts';

const DIR = '/copy';

function playerOn(log: CalmJournal, disk: DiskProcess): Player {
  const { journal, clock, random } = log;
  const ports = { fs: localFsOn(disk.files), disk: diskOn(disk.files) };
  return new Player({ journal, hints: undefined, expectHistory: false, dir: DIR, clock, random, ...ports });
}

async function put(fs: RecordedFs, path: string, text: string): Promise<void> {
  const file = await fs.open(path, { create: true, truncate: true });
  await file.write(utf8(text), 0);
  await file.close();
}

/** A log with files of every kind, and what they are in the end. */
async function history(): Promise<{ readonly log: CalmJournal; readonly wanted: Record<string, string> }> {
  const log = calmJournal();
  const volume = new Volume();
  const player = playerOn(log, volume.attach());
  const write = async (): Promise<void> => {
    player.run().catch(() => undefined); // it is handed off
    await player.tailing;
    const { fs, session } = await player.handoff({ author: 1, term: 1, session: { flushIntervalMs: 1 } });
    await put(fs, '/stays', 'a'.repeat(1500));
    await put(fs, '/deep/er/file', 'in two directories');
    await fs.link('/stays', '/deep/same');
    await put(fs, '/next', 'renamed');
    await fs.rename('/next', '/last');
    await put(fs, '/empty', '');
    await put(fs, '/id', 'me');
    await fs.rename('/id', '/IDENTITY');
    await fs.barrier();
    await session.close();
  };
  await log.clock.run(write());
  return { log, wanted: volume.tree() };
}

/** A disk on which the directory is there already, for good, as a mount point is. */
async function diskWithDirectory(): Promise<Volume> {
  const volume = new Volume();
  const { files } = volume.attach();
  await files.mkdir(DIR);
  const root = await files.open('/', 'r');
  await root.sync();
  await root.close();
  return volume;
}

/** Makes the copy; resolves with what went wrong, if anything. */
async function copy(log: CalmJournal, disk: DiskProcess): Promise<unknown> {
  const player = playerOn(log, disk);
  const work = async (): Promise<unknown> => {
    player.run().catch(() => undefined); // finish tells
    return await player.finish().then(
      () => undefined,
      (error: unknown) => error,
    );
  };
  return await log.clock.run(work());
}

/** Complete, or it says that it is not, or there is nothing that could be taken for a copy. */
function isHonest(volume: Volume, wanted: Record<string, string>): boolean {
  const directory = volume.root.get(DIR.slice(1));
  const names = directory?.kind === 'directory' ? directory.names : [];
  if (names.length === 0 || names.includes(STAGING)) return true;
  return JSON.stringify(volume.tree()) === JSON.stringify(wanted);
}

async function callsOf(log: CalmJournal): Promise<number> {
  const disk = (await diskWithDirectory()).attach();
  expect(await copy(log, disk)).toBeUndefined();
  return disk.operations;
}

describe('a copy that is made to last', () => {
  test('is there after a power cut, and on a disk that lies about syncs it is not', async () => {
    const { log, wanted } = await history();
    for (const lies of [false, true]) {
      const volume = await diskWithDirectory();
      volume.liesAboutSyncs = lies;
      expect(await copy(log, volume.attach())).toBeUndefined();
      expect(volume.tree()).toEqual(wanted);
      volume.cutPower();
      if (lies) expect(volume.tree()).not.toEqual(wanted);
      else expect(volume.tree()).toEqual(wanted);
    }
  });

  test('whose power is cut at any call is complete, or says that it is not; the next attempt completes it', async () => {
    const { log, wanted } = await history();
    const calls = await callsOf(log);
    expect(calls).toBeGreaterThan(30);
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < 2; seed++) {
        const random = seededRandom(n + 1000 * seed);
        const volume = await diskWithDirectory();
        const cut = endsAt(n, () => volume.cutPower(() => seed > 0 && random.chance(0.5)));
        await copy(log, volume.attach({ injector: cut.injector }));
        expect([n, seed, isHonest(volume, wanted)]).toEqual([n, seed, true]);
        expect(await copy(log, volume.attach())).toBeUndefined();
        volume.cutPower();
        expect([n, seed, volume.tree()]).toEqual([n, seed, wanted]);
      }
    }
  });

  test('of which one call fails, whichever it is, says so, leaves nothing open, and nothing that could be taken for a copy, then or after a power cut', async () => {
    const { log, wanted } = await history();
    const calls = await callsOf(log);
    for (let n = 1; n <= calls; n++) {
      const volume = await diskWithDirectory();
      const strike = failsAt(n);
      const injector: Injector = strike.injector;
      const disk = volume.attach({ injector });
      const failure = await copy(log, disk);
      if (strike.struck.length > 0)
        expect([n, failure]).toEqual([n, expect.objectContaining({ code: 'EIO' })]);
      expect([n, disk.open]).toEqual([n, []]);
      expect([n, isHonest(volume, wanted)]).toEqual([n, true]);
      volume.cutPower();
      expect([n, isHonest(volume, wanted)]).toEqual([n, true]);
    }
  });
});
