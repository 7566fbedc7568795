import { expect, test } from '@jest/globals';
import { createMetrics, fromUtf8, silentLogger } from '../base/index.ts';
import { VirtualClock } from '../base/testing/index.ts';
import { HINTS_SLOTS, memoryHintsSlots } from '../persistence/index.ts';
import type { FsmHints } from '../recoverylog/index.ts';
import { HintsKeeper } from './hints-keeper.ts';

test('hints of a primary that lives long rotate, so that the oldest ones end at most two intervals back; those of an idle one stay', async () => {
  const clock = new VirtualClock();
  const slots = memoryHintsSlots();
  const ends: number[] = [];
  let end = 0;
  let idle = false;
  const buildHints = (): Promise<FsmHints> => {
    if (!idle) end++;
    const properties = [{ path: '/end', content: String(end) }];
    return Promise.resolve({ log: 'default/s', liveNodes: [], properties });
  };
  const keeper = new HintsKeeper({
    slots,
    source: { buildHints },
    term: 1,
    intervalMs: 30_000,
    rotationMs: 3_600_000,
    clock,
    log: silentLogger,
    metrics: createMetrics(),
  });
  const stored = async (): Promise<number[]> => {
    const read = await slots.readAll();
    return HINTS_SLOTS.map((slot) => {
      const one = read[slot];
      return one.kind === 'value' ? Number(/"content":"(\d+)"/.exec(fromUtf8(one.value))![1]) : 0;
    });
  };
  const stop = new AbortController();
  const story = async (): Promise<void> => {
    void keeper.run(stop.signal);
    await clock.sleep(3_500_000);
    ends.push(...(await stored()));
    await clock.sleep(2 * 3_600_000);
    const [primary, newer, oldest] = await stored();
    expect(primary! - newer!).toBeLessThanOrEqual(121);
    expect(newer! - oldest!).toBeGreaterThanOrEqual(119);
    expect(primary! - oldest!).toBeLessThanOrEqual(241);
    idle = true;
    await clock.sleep(3_600_000);
    const before = await stored();
    await clock.sleep(10 * 3_600_000);
    expect(await stored()).toEqual(before);
    stop.abort(new Error('over'));
  };
  await clock.run(story(), { maxVirtualMs: 100 * 3_600_000 });
  expect(ends).toEqual([117, 0, 0]); // nothing older yet
});
