/**
 * A shard whose disks fail at every single call, by chance, and with every power cut.
 */
import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../../src/base/testing/index.ts';
import { failsByChance, shortByChance } from './injectors.ts';
import { liveShard } from './shard-story.ts';
import { KINDS, sweepErrors, sweepPowerCuts } from './shard-sweeps.ts';
import type { Injector } from './volume.ts';

const LONG_MS = 300_000;
const SEEDS = 150;

describe.each(KINDS)('a shard of a %s machine', (kind) => {
  test(
    'every call of the primary and of the standby to its disk fails in turn, with its effect and without',
    async () => {
      for (const hadEffect of [false, true]) {
        const struck = await sweepErrors(kind, { every: 1, hadEffect });
        expect(struck.primary).toBeGreaterThan(20);
        expect(struck.standby).toBeGreaterThan(20);
      }
    },
    LONG_MS,
  );

  test(
    'the power is cut at every call of either',
    async () => {
      expect(await sweepPowerCuts(kind, { every: 1 })).toBeGreaterThan(80);
    },
    LONG_MS,
  );

  test(
    'each call fails by chance, and each read and write does less than asked for',
    async () => {
      let told = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const random = seededRandom(seed);
        const injector = (): Injector => {
          const short = shortByChance(0.3, random);
          const fails = failsByChance(0.004, random);
          return (operation) => {
            const fate = fails.injector(operation);
            return fate === 'done' ? short(operation) : fate;
          };
        };
        const verdict = await liveShard({ kind, primary: injector(), standby: injector() });
        expect([`seed ${seed}`, verdict.wrong]).toEqual([`seed ${seed}`, []]);
        if (verdict.told.primary.length + verdict.told.standby.length > 0) told++;
      }
      expect(told).toBeGreaterThan(SEEDS / 10);
      expect(told).toBeLessThan(SEEDS);
    },
    LONG_MS,
  );
});
