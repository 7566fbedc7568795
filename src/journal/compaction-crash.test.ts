/**
 * A process that dies at any request of a compaction, a pruning or a deletion, before or after the store has acted, leaves a journal that reads
 * the same and can be opened, compacted and pruned by the next one.
 */
import { expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../base/index.ts';
import { StoreError, type ObjectStore } from '../store/index.ts';
import { Compactor } from './compactor.ts';
import { journalMetrics, openSession, type PruneEvidence, type Session } from './index.ts';
import { calmJournal, lastSlots, mortal, type CalmJournal, type DeathWhen } from './testing/index.ts';

const GRACE_MS = 2_000;
const FRAGMENT_BYTES = 50;
interface Life {
  readonly session: Session;
  readonly compactor: Compactor;
}

async function live(calm: CalmJournal, store: ObjectStore, term: number, keepFrom: number): Promise<Life> {
  const { clock, random } = calm;
  const { reader } = await lastSlots(calm);
  const session = await openSession(
    { ...calm.journal, store },
    { cursor: reader.cursor, author: term, term, options: { flushIntervalMs: 0 }, clock, random },
  );
  const needed = (): Promise<PruneEvidence> =>
    Promise.resolve({ ranges: [{ begin: keepFrom, end: keepFrom + 1 }], proof: 'a test' });
  const compactor = new Compactor(
    { session, needed, clock, random, log: silentLogger, metrics: journalMetrics() },
    { compression: 'raw', triggerSlots: 5, graceMs: GRACE_MS, pruneAgeMs: 0, fragmentBytes: FRAGMENT_BYTES },
  );
  return { session, compactor };
}

const record = (term: number, i: number): string => `${term}:${String(i).padStart(4, '0')};`;

/** Writes while it lives; what it was told is durable. */
async function write({ session }: Life, term: number, count: number, acknowledged: string[]): Promise<void> {
  for (let i = 0; i < count; i++) {
    const text = record(term, i);
    await session.append(utf8(text), { barrier: true }).committed;
    acknowledged.push(text);
  }
}

async function story(atRequest: number, when: DeathWhen): Promise<number> {
  const calm = calmJournal();
  const acknowledged: string[] = [];
  const keepFrom = 100;
  const tell = async (): Promise<number> => {
    const doomed = mortal(calm.store, atRequest, when);
    const first = await live(calm, doomed.store, 1, keepFrom).catch((error: unknown) => error as StoreError);
    if (first instanceof StoreError) throw first;
    const firstLife = write(first, 1, 24, acknowledged);
    await Promise.race([firstLife, calm.clock.sleep(5_000)]);
    await calm.clock.sleep(4 * GRACE_MS);
    const died = doomed.mutations() >= atRequest;
    first.session.abandon('the process is gone');
    first.compactor.stop();
    firstLife.catch(() => undefined);

    const second = await live(calm, calm.store, 2, keepFrom);
    await write(second, 2, 12, acknowledged);
    await calm.clock.sleep(4 * GRACE_MS);
    expect(second.compactor.problem).toBeUndefined();
    expect(second.compactor.plan!.index.pruned.length).toBe(1);

    const whole = acknowledged.join('');
    const { text, events } = await lastSlots(calm);
    const hole = events.find((event) => event.kind === 'hole');
    expect(hole?.begin).toBe(0);
    expect(hole!.end).toBeLessThanOrEqual(keepFrom);
    // The last record of the first life can have reached the log without its writer having been told.
    const before = whole.indexOf('2:');
    const untold = record(1, acknowledged.filter((each) => each.startsWith('1:')).length);
    const withUntold = whole.slice(0, before) + untold + whole.slice(before);
    expect([whole.slice(hole!.end), withUntold.slice(hole!.end)]).toContain(text);
    return died ? doomed.mutations() : 0;
  };
  return await calm.clock.run(tell(), { maxVirtualMs: 3_600_000 });
}

test('a crash at any request, before or after its effect, loses nothing and stops nobody', async () => {
  let crashes = 0;
  for (let atRequest = 2; ; atRequest++) {
    const died = [await story(atRequest, 'before the effect'), await story(atRequest, 'after the effect')];
    if (died.every((mutations) => mutations === 0)) break; // the first life ends before its `atRequest`-th mutation
    crashes += died.length;
  }
  expect(crashes).toBeGreaterThan(80); // fence, slots, fragments, CHECKPOINTs, deletions
}, 60_000);
