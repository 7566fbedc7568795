/**
 * A shard whose disks fail: acknowledged and recoverable, or an error and the shard halted. A part of the sweep; all of it is in shard.full.test.ts.
 */
import { describe, expect, test } from '@jest/globals';
import { liveShard } from './shard-story.ts';
import { KINDS, sweepErrors, sweepPowerCuts, WHOLE } from './shard-sweeps.ts';

describe.each(KINDS)('a shard of a %s machine', (kind) => {
  test('lives through its story when nothing fails, on disks that lie about every sync too', async () => {
    expect(await liveShard({ kind })).toMatchObject(WHOLE);
    expect(await liveShard({ kind, lies: true, endsWithPowerCut: () => false })).toMatchObject(WHOLE);
  });

  test('a call of the primary or the standby to its disk fails: said, and nothing acknowledged is lost', async () => {
    const struck = await sweepErrors(kind, { every: 6 });
    expect(struck.primary).toBeGreaterThan(2);
    expect(struck.standby).toBeGreaterThan(2);
  });

  test('the power is cut at a call of either: nothing acknowledged is lost', async () => {
    const cut = await sweepPowerCuts(kind, { every: 8 });
    expect(cut).toBeGreaterThan(2);
  });
});
