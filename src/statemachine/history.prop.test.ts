/**
 * Whole histories: primaries that come, write, take snapshots and die at any point, and whoever reads the log afterwards, whole or cut.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { systemClock, utf8 } from '../base/index.ts';
import { newLog, withTempDir, type TestLog } from '../recoverylog/testing/index.ts';
import { TestReplica } from './testing/index.ts';

/** What one primary does before it dies. */
interface Reign {
  /** How many commands it is given at once, one number a round. */
  readonly rounds: readonly number[];
  /** Round before which a snapshot begins; it is not waited for. */
  readonly snapshotAt: number;
  /** Whether its last round is answered before it dies. */
  readonly patient: boolean;
}

const reign = fc.record({
  rounds: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  snapshotAt: fc.integer({ min: 0, max: 4 }),
  patient: fc.boolean(),
});

/** Lets a primary rule and die. Adds what was acknowledged, in order. */
async function rule(
  primary: TestReplica,
  term: number,
  { rounds, snapshotAt, patient }: Reign,
  acknowledged: string[],
): Promise<void> {
  const runtime = await primary.promote(term);
  for (const [round, count] of rounds.entries()) {
    if (round === snapshotAt) runtime.checkpoint().catch(() => undefined); // it may die on the way
    const names = Array.from({ length: count }, (_, n) => `t${term}r${round}n${n}`);
    const answers = names.map(async (name) => {
      await runtime.propose(utf8(name), name);
      acknowledged.push(name);
    });
    const all = Promise.allSettled(answers);
    if (patient || round < rounds.length - 1) await all;
  }
  await primary.crash();
}

async function readBack(log: TestLog, dir: string): Promise<TestReplica> {
  const reader = await TestReplica.start(log, dir);
  await reader.replayed();
  return reader;
}

/** The same log without its slots from the `keep`-th on. */
function cutLog(log: TestLog, keep: number): TestLog {
  const cut = newLog();
  for (const [key, body] of [...log.store.objects].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, keep))
    cut.store.objects.set(key, body);
  return cut;
}

test('what was acknowledged is there once and in order, in every later primary and every replay; a cut log gives a beginning of it (I1-I3, I7)', () =>
  fc.assert(
    fc.asyncProperty(fc.array(reign, { minLength: 1, maxLength: 3 }), fc.nat(), async (reigns, cutAt) => {
      await withTempDir(async (dir) => {
        const log = newLog();
        const acknowledged: string[] = [];
        let next = await TestReplica.start(log, dir);
        for (const [n, each] of reigns.entries()) {
          const standby = await TestReplica.start(log, dir);
          await rule(next, n + 1, each, acknowledged);
          next = standby;
          await systemClock.sleep(2);
        }
        const last = await next.promote(reigns.length + 1);
        const list = last.lookup();
        expect(list.filter((name) => acknowledged.includes(name))).toEqual(acknowledged);
        expect(new Set(list).size).toBe(list.length);
        const replay = await readBack(log, dir);
        expect(replay.follower.stateHash()).toBe(last.stateHash());
        const cut = await readBack(cutLog(log, 1 + (cutAt % log.store.objects.size)), dir);
        expect(cut.follower.lookup()).toEqual(list.slice(0, cut.follower.lookup().length));
        for (const replica of [next, replay, cut]) await replica.close();
      });
    }),
    { numRuns: 25, endOnFailure: true },
  ));
