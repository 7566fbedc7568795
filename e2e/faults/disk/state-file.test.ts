/**
 * Every call of a state file's writer failing in turn, its power cut at every call, and short writes: nothing that a sync answered for is lost.
 */
import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../../src/base/testing/index.ts';
import { endsAt, failsAt, failsByChance, shortByChance } from './injectors.ts';
import { entriesOf, liveStateFile, nothingTold, wrongWith, type Told } from './state-file-story.ts';
import { Volume, type DiskProcess, type Injector } from './volume.ts';

const LONG = 'x'.repeat(700); // more than a sector
const NAMES = ['one', `two ${LONG}`, 'three', 'four', `five ${LONG}`, 'six'];
const MORE = ['seven', 'eight'];

/** A life on this disk. Whoever comes later finds the volume. */
async function life(
  volume: Volume,
  told: Told,
  injector?: Injector,
  names: readonly string[] = NAMES,
): Promise<DiskProcess> {
  const disk = volume.attach(injector ? { injector } : {});
  await liveStateFile(disk, told, names);
  return disk;
}

/** What is there now, and again after another life has gone on behind it; what is wrong with either. */
async function judge(volume: Volume, told: Told, disk: DiskProcess): Promise<string[]> {
  const found = await entriesOf(volume.attach().files);
  const wrong = wrongWith(told, found.entries, disk);
  const next: Told = { ...nothingTold(), acknowledged: 0 };
  const again = await life(volume, next, undefined, MORE);
  if (next.failure !== undefined) wrong.push(`S3: nobody goes on there: ${String(next.failure)}`);
  volume.cutPower();
  const last = await entriesOf(volume.attach().files);
  wrong.push(...wrongWith(next, last.entries, again));
  if (found.entries.some((entry, n) => entry !== last.entries[n]))
    wrong.push('S3: what was found is not there any more');
  return wrong;
}

async function callsOfStory(): Promise<number> {
  const told = nothingTold();
  const disk = await life(new Volume(), told);
  expect(told).toMatchObject({ failure: undefined, acknowledged: NAMES.length + 1 });
  return disk.operations;
}

describe('a state file on a disk', () => {
  test.each([
    ['has no effect', false],
    ['has its effect all the same', true],
  ])(
    'of which one call fails, whichever it is, and %s: nothing acknowledged is lost, then or by a power cut',
    async (_story, hadEffect) => {
      const calls = await callsOfStory();
      for (let n = 1; n <= calls; n++) {
        for (const cut of [false, true]) {
          const volume = new Volume();
          const told = nothingTold();
          const strike = failsAt(n, { hadEffect });
          const disk = await life(volume, told, strike.injector);
          expect([n, strike.struck.length, told.failure !== undefined]).toEqual([n, 1, true]);
          const open = disk.open;
          expect([n, open]).toEqual([n, []]);
          if (cut) volume.cutPower();
          expect([n, await judge(volume, told, disk)]).toEqual([n, []]);
        }
      }
      expect(calls).toBeGreaterThan(25);
    },
  );

  test('whose power is cut at any call: what is not synced is gone, or survives in parts, and nothing acknowledged is lost', async () => {
    const calls = await callsOfStory();
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < 2; seed++) {
        const random = seededRandom(seed * 1000 + n);
        const volume = new Volume();
        const told = nothingTold();
        const cut = (): void => volume.cutPower(() => seed > 0 && random.chance(0.5));
        const disk = await life(volume, told, endsAt(n, cut).injector);
        expect([n, seed, await judge(volume, told, disk)]).toEqual([n, seed, []]);
      }
    }
  });

  test('that fails by chance, and reads and writes in short pieces', async () => {
    let failed = 0;
    for (let seed = 1; seed <= 24; seed++) {
      const random = seededRandom(seed);
      const short = shortByChance(0.5, random);
      const fails = failsByChance(0.01, random);
      const volume = new Volume();
      const told = nothingTold();
      const injector: Injector = (operation) => {
        const fate = fails.injector(operation);
        return fate === 'done' ? short(operation) : fate;
      };
      const disk = await life(volume, told, injector);
      if (told.failure !== undefined) failed++;
      expect([seed, await judge(volume, told, disk)]).toEqual([seed, []]);
    }
    expect(failed).toBeGreaterThan(4);
    expect(failed).toBeLessThan(22);
  });

  test('that lies about syncs loses what it acknowledged when its power is cut: no writer can help that, and this test can see it', async () => {
    const volume = new Volume();
    volume.liesAboutSyncs = true;
    const told = nothingTold();
    const disk = await life(volume, told);
    expect(told.acknowledged).toBeGreaterThan(0);
    volume.cutPower();
    const { entries } = await entriesOf(volume.attach().files);
    expect(wrongWith(told, entries, disk)).toEqual([expect.stringMatching(/^S1: /)]);
  });
});
