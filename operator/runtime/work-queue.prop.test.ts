import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { WorkQueue, type Lane } from './work-queue.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const lane = fc.constantFrom<Lane>('recovery', 'routine');
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key: fc.constantFrom(...KEYS), lane, ms: fc.nat(30) }),
  fc.record({ do: fc.constant('later' as const), key: fc.constantFrom(...KEYS), lane, ms: fc.nat(300) }),
  fc.record({ do: fc.constant('pass' as const), key: fc.constant(''), lane, ms: fc.nat(200) }),
);

describe('work queue under several workers', () => {
  test('no key is in two workers, every wish is followed by a look, failed looks are repeated', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer(),
        fc.integer({ min: 1, max: 3 }),
        async (steps, seed, workers) => {
          const clock = new VirtualClock();
          const random = seededRandom(seed);
          const queue = new WorkQueue({ clock, random });
          const inside = new Set<string>();
          const wishedAt = new Map<string, number>();
          const lookedAt = new Map<string, number>();
          const failedLast = new Set<string>();
          let routineBeforeRecovery = 0;
          const work = async (): Promise<void> => {
            for (;;) {
              const recoveryWaits = queue.depth('recovery') > 0;
              const got = await queue.take();
              if (!got) return;
              if (recoveryWaits && got.lane === 'routine') routineBeforeRecovery++;
              expect(inside.has(got.key)).toBe(false);
              inside.add(got.key);
              lookedAt.set(got.key, clock.monotonicMs());
              await clock.sleep(random.below(50));
              inside.delete(got.key);
              failedLast.delete(got.key);
              if (random.chance(0.2)) {
                failedLast.add(got.key);
                queue.retry(got.key, got.lane);
              } else queue.forget(got.key);
              queue.done(got.key);
            }
          };
          const running = Array.from({ length: workers }, work);
          for (const s of steps) {
            if (s.do === 'add') queue.add(s.key, s.lane);
            if (s.do === 'later') queue.addAfter(s.key, s.ms, s.lane);
            if (s.do !== 'pass') wishedAt.set(s.key, Math.max(wishedAt.get(s.key) ?? 0, clock.monotonicMs()));
            await clock.run(clock.sleep(s.do === 'pass' ? s.ms : 0));
          }
          await clock.run(clock.sleep(120_000));
          for (const [key, atMs] of wishedAt) expect(lookedAt.get(key) ?? -1).toBeGreaterThanOrEqual(atMs);
          expect([...failedLast]).toEqual([]);
          expect(routineBeforeRecovery).toBe(0);
          queue.shutDown();
          await clock.run(Promise.all(running));
        },
      ),
      { numRuns: 150 },
    );
  });
});
