import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { VirtualClock } from './virtual-clock.ts';

/** One timer: when it is set, how long it waits, and when it is cancelled, if it is. */
const timer = fc.record({
  setMs: fc.nat(50),
  delayMs: fc.nat(100),
  cancelMs: fc.option(fc.nat(120), { nil: undefined }),
});

test('however many timers are cancelled, the others fire at their time, in the order of time and of setting', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(timer, { maxLength: 400 }), async (timers) => {
      const clock = new VirtualClock();
      const fired: { readonly id: number; readonly atMs: number }[] = [];
      const inOrder = timers
        .map((each, id) => ({ ...each, id }))
        .sort((a, b) => a.setMs - b.setMs || a.id - b.id);
      const work = (async (): Promise<void> => {
        for (const { id, setMs, delayMs, cancelMs } of inOrder) {
          await clock.sleep(setMs - clock.monotonicMs());
          const set = clock.timer(delayMs, () => fired.push({ id, atMs: clock.monotonicMs() }));
          // Never at the very moment at which it fires: then either may come first.
          if (cancelMs !== undefined && cancelMs !== delayMs) clock.timer(cancelMs, () => set.cancel());
        }
        await clock.sleep(1000);
      })();
      await clock.run(work);
      const expected = inOrder
        .filter(({ delayMs, cancelMs }) => cancelMs === undefined || cancelMs >= delayMs)
        .map(({ id, setMs, delayMs }) => ({ id, atMs: setMs + delayMs }))
        .sort((a, b) => a.atMs - b.atMs); // stable: set earlier, fired earlier
      expect(fired).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test('a job that begets jobs is finished before time moves', async () => {
  const clock = new VirtualClock();
  const seenMs: number[] = [];
  const work = (async (): Promise<void> => {
    await clock.sleep(5);
    for (let i = 0; i < 100; i++) await Promise.resolve();
    seenMs.push(clock.monotonicMs());
    await clock.sleep(5);
    seenMs.push(clock.monotonicMs());
  })();
  clock.timer(6, () => seenMs.push(-1));
  await clock.run(work);
  expect(seenMs).toEqual([5, -1, 10]);
});

test('what a timer throws ends the run', async () => {
  const clock = new VirtualClock();
  clock.timer(1, () => {
    throw new Error('thrown by a timer');
  });
  await expect(clock.run(clock.sleep(10))).rejects.toThrow('thrown by a timer');
});
