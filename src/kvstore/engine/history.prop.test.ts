/**
 * A store that is set back and written on, under the numbers that it has used: whoever follows it by number ends as the store is, or is told.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { logIndex } from '../../statemachine/index.ts';
import { encodeCommand } from '../command.ts';
import { type Engine } from './engine.ts';
import { AheadError, DivergedError, GapError } from './errors.ts';
import { MemoryEngine } from './memory-engine.ts';
import { encodedCommand } from './testing/commands.ts';
import { chunksOf, ENGINES, snapshotOf, type Driver } from './testing/driver.ts';
import { withDriver } from './testing/world.ts';

const never = new AbortController().signal;
/** Index of the first command. */
const FIRST = 2;

function apply(engine: MemoryEngine, commands: readonly Uint8Array[]): void {
  const from = Math.max(FIRST, engine.latestAppliedChangeNumber() + 1);
  engine.update(commands.map((cmd, n) => ({ index: logIndex(from + n), cmd })));
}

async function stateAfter(commands: readonly Uint8Array[]): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  apply(engine, commands);
  return await Promise.resolve(engine);
}

/** What can be read, and which changes led to it. */
function seen(engine: Engine): unknown {
  const pairs = [...engine.lookup({ kind: 'iterate', options: {} })];
  const { changeNumber, history, now } = engine.lookup({ kind: 'stats' });
  return {
    pairs: pairs.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]),
    changeNumber,
    history,
    now,
  };
}

type Told = 'gap' | 'diverged' | 'ahead';

/** Follows until there is nothing new. @returns what it was told on the way */
async function follow(replica: Engine, source: MemoryEngine, max: number): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (;;) {
    const from = replica.latestAppliedChangeNumber() + 1;
    try {
      const changes = source.lookup({ kind: 'changes', from, max, history: replica.appliedHistory() });
      if (changes.length === 0) return told;
      const { error } = await replica.saveChanges(changes);
      expect(error).toBeUndefined();
    } catch (error) {
      if (error instanceof AheadError) return [...told, 'ahead'];
      expect([GapError, DivergedError]).toContain((error as Error).constructor);
      told.push(error instanceof GapError ? 'gap' : 'diverged');
      await replica.load(source.lookup({ kind: 'snapshot' }).chunks, never);
    }
  }
}

const commands = (most: number): fc.Arbitrary<Uint8Array[]> => fc.array(encodedCommand, { maxLength: most });
const story = fc.record({
  name: fc.constantFrom(...ENGINES),
  first: commands(12),
  /** Where the replica is, and where the store goes back to: parts of the first history. */
  replicaAt: fc.double({ min: 0, max: 1, noNaN: true }),
  setBackTo: fc.double({ min: 0, max: 1, noNaN: true }),
  /** Commands of the first history that happen again in the same way. */
  again: fc.nat(12),
  second: commands(12),
  /** The store comes back with its latest changes, as by a replay, or from a snapshot alone. */
  replayed: fc.boolean(),
  restarts: fc.boolean(),
  max: fc.integer({ min: 1, max: 5 }),
});

test('it ends as the store is, or is told that it is ahead; and is told nothing where both are one history', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ name, first, second, again, replayed, restarts, max, ...at }) => {
      const place = (part: number): number => Math.round(part * first.length);
      const kept = first.slice(0, place(at.setBackTo));
      const had = first.slice(0, place(at.replicaAt));
      const onward = [...first.slice(kept.length, kept.length + again), ...second];
      await withDriver(name, async (driver) => {
        driver.clock.jumpWall(-driver.clock.wallMs()); // the commands' time is the only one
        const replica = (): Driver['engine'] => driver.engine;
        await follow(replica(), await stateAfter(had), max);
        if (restarts && name === 'sqlite') await driver.restart();
        let source = await stateAfter(kept);
        if (!replayed) {
          const bytes = await snapshotOf(source);
          source = new MemoryEngine();
          await source.load(chunksOf(bytes), never);
        }
        apply(source, onward);
        const before = seen(replica());
        const told = await follow(replica(), source, max);
        if (told.includes('ahead')) {
          expect(source.latestAppliedChangeNumber()).toBeLessThan(replica().latestAppliedChangeNumber());
          if (told.length === 1) expect(seen(replica())).toEqual(before);
        } else expect(seen(replica())).toEqual(seen(source));
        const whole = [...kept, ...onward];
        const same = had.every((cmd, n) => n < whole.length && Buffer.compare(cmd, whole[n]!) === 0);
        if (same) expect(told).not.toContain('diverged');
        else expect(told.length).toBeGreaterThan(0);
      });
    }),
    { numRuns: 80 },
  );
}, 60_000);

test('a chain says everything that the commands were: content, time, expiry, order and number', async () => {
  const put = (value: string, now: number, expiresAt?: number): Uint8Array => {
    const pair = { key: utf8('k'), value: utf8(value) };
    return encodeCommand(
      { kind: 'put', pairs: [expiresAt === undefined ? pair : { ...pair, expiresAt }] },
      now,
    );
  };
  const histories: readonly (readonly Uint8Array[])[] = [
    [],
    [put('a', 1)],
    [put('b', 1)],
    [put('a', 2)],
    [put('a', 1, 9)],
    [put('a', 1), put('b', 1)],
    [put('b', 1), put('a', 1)],
    [put('a', 1), put('a', 1)],
  ];
  const identities = await Promise.all(
    histories.map(async (history) => (await stateAfter(history)).appliedHistory()),
  );
  const moved = new MemoryEngine();
  moved.update([{ index: logIndex(7), cmd: put('a', 1) }]);
  expect(new Set([...identities, moved.appliedHistory()]).size).toBe(histories.length + 1);
  expect((await stateAfter(histories[5]!)).appliedHistory()).toBe(identities[5]);
});
