import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FairLock } from './fair-lock.ts';

/** Lets everything that can go on do so. */
const settle = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

/** Somebody inside the lock until it is let go, and the order in which people came in. */
class Visits {
  readonly lock = new FairLock();
  readonly log: string[] = [];

  visit(how: 'exclusive' | 'long' | 'brief', name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    void Promise.resolve(
      this.lock[how](() => {
        this.log.push(name);
        return promise;
      }),
    );
    return resolve;
  }
}

describe('one machine', () => {
  test('answers in the same turn when nobody is in the way (K3)', () => {
    const lock = new FairLock();
    expect(lock.exclusive(() => 1)).toBe(1);
    expect(lock.brief(() => 2)).toBe(2);
    expect(lock.long(() => 3)).toBe(3);
    expect(() =>
      lock.exclusive(() => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(lock.exclusive(() => 4)).toBe(4); // a failure leaves it free
  });

  test('is free again after work that was rejected', async () => {
    const lock = new FairLock();
    await expect(lock.exclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(lock.exclusive(() => 1)).toBe(1);
  });

  test('lets lookups pass the update that a save keeps waiting, and the update before everything that comes after the save (K2)', async () => {
    const visits = new Visits();
    const saved = visits.visit('long', 'save');
    const updated = visits.visit('exclusive', 'update');
    const looked = visits.visit('brief', 'lookup');
    expect(visits.log).toEqual(['save', 'lookup']);
    saved();
    await settle();
    visits.visit('brief', 'late lookup');
    expect(visits.log).toEqual(['save', 'lookup']); // the lookup is inside still
    looked();
    await settle();
    expect(visits.log).toEqual(['save', 'lookup', 'update']);
    updated();
    await settle();
    expect(visits.log).toEqual(['save', 'lookup', 'update', 'late lookup']);
  });

  test('lets lookups that waited behind an update in once a save is inside (K2)', async () => {
    const visits = new Visits();
    const first = visits.visit('exclusive', 'update 1');
    visits.visit('long', 'save');
    visits.visit('exclusive', 'update 2');
    visits.visit('brief', 'lookup');
    first();
    await settle();
    expect(visits.log).toEqual(['update 1', 'save', 'lookup']);
  });

  test("is nobody else's while somebody writes, and nobody waits for ever, whatever comes and goes", async () => {
    const visitor = fc.record({
      how: fc.constantFrom('exclusive' as const, 'long' as const, 'brief' as const),
      turns: fc.integer({ min: 0, max: 5 }),
      pause: fc.integer({ min: 0, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(visitor, { maxLength: 20 }), async (visitors) => {
        const lock = new FairLock();
        const inside = { exclusive: 0, long: 0, brief: 0 };
        const writers: number[] = [];
        const visits: unknown[] = [];
        for (const [n, { how, turns, pause }] of visitors.entries()) {
          visits.push(
            lock[how](async () => {
              inside[how]++;
              if (how === 'exclusive') writers.push(n);
              for (let turn = 0; turn < turns; turn++) {
                const others = inside.exclusive + inside.long + inside.brief - 1;
                expect(how === 'exclusive' ? others : inside.exclusive).toBe(0);
                await Promise.resolve();
              }
              inside[how]--;
            }),
          );
          for (let turn = 0; turn < pause; turn++) await Promise.resolve();
        }
        await Promise.all(visits);
        expect(writers).toEqual(writers.toSorted((a, b) => a - b)); // K1
      }),
    );
  });
});
