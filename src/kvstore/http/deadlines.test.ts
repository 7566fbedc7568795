import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../../base/testing/index.ts';
import { Deadlines } from './deadlines.ts';

const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => value,
    (error: unknown) => (error instanceof Error ? error.message : error),
  );

describe('one deadline for many waits', () => {
  test('each ends with its work, or as late, and no later than a sixteenth after its time (L1)', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock, 1_600, () => new Error('late'));
    const ended: [number, number, unknown][] = [];
    await clock.run(
      (async () => {
        const waits: Promise<void>[] = [];
        for (let n = 0; n < 40; n++) {
          const began = clock.monotonicMs();
          const work = n % 3 === 0 ? new Promise(() => undefined) : clock.sleep(n * 50).then(() => n);
          waits.push(
            outcome(deadlines.within(work)).then(
              (said) => void ended.push([n, clock.monotonicMs() - began, said]),
            ),
          );
          await clock.sleep(37);
        }
        await Promise.all(waits);
      })(),
    );
    expect(ended).toHaveLength(40);
    for (const [n, took, said] of ended) {
      const inTime = n % 3 !== 0 && n * 50 < 1_600;
      if (inTime) expect([said, took]).toEqual([n, n * 50]);
      else if (said === 'late') {
        expect(took).toBeGreaterThanOrEqual(1_600);
        expect(took).toBeLessThanOrEqual(1_700);
      } else expect([said, took]).toEqual([n, n * 50]); // its work ended between its deadline and the sweep
    }
    expect(ended.filter(([, , said]) => said === 'late').length).toBeGreaterThanOrEqual(14);
  });

  test('a failure of the work is passed on, and what the work says too late is nobody’s', async () => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock, 160, () => new Error('late'));
    const said = await clock.run(
      (async () => {
        const { promise, reject } = Promise.withResolvers<never>();
        const failing = outcome(deadlines.within(Promise.reject(new Error('broken'))));
        const late = outcome(deadlines.within(promise));
        await clock.sleep(500);
        reject(new Error('after all'));
        return [await failing, await late];
      })(),
    );
    expect(said).toEqual(['broken', 'late']);
  });
});
