/**
 * Both engines against a plain model: any commands, any batching, any commits, snapshots and restarts give the same results, the same contents and the same
 * hash (I7); and a read replica that follows by number has them too (I8).
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, unreachable } from '../../base/index.ts';
import { decodeCommand } from '../command.ts';
import { GapError } from './errors.ts';
import { MemoryEngine } from './memory-engine.ts';
import { RESULT_BUSY } from './state.ts';
import { chunksOf, ENGINES, snapshotOf, type Driver } from './testing/driver.ts';
import { encodedCommand as bytes } from './testing/commands.ts';
import { contentsOf, withDriver } from './testing/world.ts';

type Pairs = Map<string, { readonly value: string; readonly expiresAt: number }>;

/** What the store does, in the fewest words: a list of pairs and a time. */
class Model {
  #pairs: Pairs = new Map();
  #staged: Pairs | undefined;
  #parts = 0;
  now = 0;

  apply(bytes: Uint8Array): number {
    const { now = 0, command } = decodeCommand(bytes);
    this.now = Math.max(this.now, now);
    const isStep = 'id' in command;
    if (this.#staged && !isStep) return RESULT_BUSY;
    switch (command.kind) {
      case 'put':
      case 'replace-part': {
        const into = isStep ? this.#staged : this.#pairs;
        if (!into || (command.kind === 'replace-part' && command.part !== this.#parts)) return 0;
        for (const { key, value, expiresAt = 0 } of command.pairs)
          into.set(fromUtf8(key), { value: fromUtf8(value), expiresAt });
        if (isStep) this.#parts++;
        return isStep ? 1 : command.pairs.length;
      }
      case 'delete': {
        const was = this.#valueOf(fromUtf8(command.key)) !== undefined;
        this.#pairs.delete(fromUtf8(command.key));
        return was ? 1 : 0;
      }
      case 'cas': {
        const expected = command.expected && fromUtf8(command.expected);
        if (this.#valueOf(fromUtf8(command.key)) !== expected) return 0;
        const { value, expiresAt = 0 } = command;
        this.#pairs.set(fromUtf8(command.key), { value: fromUtf8(value), expiresAt });
        return 1;
      }
      case 'begin-replace':
        if (this.#staged) return 0;
        this.#staged = new Map();
        this.#parts = 0;
        return 1;
      case 'commit-replace':
      case 'abort-replace': {
        const staged = this.#staged;
        this.#staged = undefined;
        if (!staged) return 0;
        if (command.kind === 'abort-replace') return 1;
        if (staged.size !== command.pairs) return 0;
        this.#pairs = staged;
        return 1;
      }
      default:
        return unreachable(command);
    }
  }

  contents(): Record<string, string> {
    const names = [...this.#pairs.keys()].filter((name) => this.#valueOf(name) !== undefined).sort();
    return Object.fromEntries(names.map((name) => [name, this.#valueOf(name)!]));
  }

  #valueOf(name: string): string | undefined {
    const found = this.#pairs.get(name);
    return found && (found.expiresAt === 0 || found.expiresAt > this.now) ? found.value : undefined;
  }
}

type Act =
  | { readonly do: 'apply'; readonly commands: readonly Uint8Array[] }
  | { readonly do: 'checkpoint' | 'restart' | 'snapshot' };

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(bytes, { minLength: 1, maxLength: 8 })
      .map((commands): Act => ({ do: 'apply', commands })),
  },
  { weight: 2, arbitrary: fc.constant<Act>({ do: 'checkpoint' }) },
  { weight: 2, arbitrary: fc.constant<Act>({ do: 'restart' }) },
  { weight: 1, arbitrary: fc.constant<Act>({ do: 'snapshot' }) },
);

/** @returns results and, at the end, the hash */
async function run(
  driver: Driver,
  acts: readonly Act[],
): Promise<{ readonly results: number[]; readonly hash: string }> {
  driver.clock.jumpWall(-driver.clock.wallMs());
  const results: number[] = [];
  for (const one of acts) {
    if (one.do === 'apply') results.push(...driver.applyEncoded(one.commands));
    else if (one.do === 'checkpoint') await driver.checkpoint();
    else if (one.do === 'restart') await driver.restart();
    else
      await driver.engine.load(chunksOf(await snapshotOf(driver.engine), 100), new AbortController().signal);
  }
  return { results, hash: driver.engine.stateHash() };
}

test('any history gives what the model says, in both engines alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 14 }), async (acts) => {
      const commands = acts.flatMap((one) => (one.do === 'apply' ? one.commands : []));
      const model = new Model();
      const expected = commands.map((one) => model.apply(one));
      const together = await withDriver('memory', (driver) => {
        driver.clock.jumpWall(-driver.clock.wallMs());
        return { results: driver.applyEncoded(commands), hash: driver.engine.stateHash() };
      });
      expect(together.results).toEqual(expected);
      for (const name of ENGINES)
        await withDriver(name, async (driver) => {
          // a snapshot that is loaded without a log position would be overtaken by the log at the next restart
          const own = acts.filter(
            (one, n) => one.do !== 'snapshot' || !acts.slice(n).some(({ do: next }) => next === 'restart'),
          );
          expect(await run(driver, own)).toEqual(together);
          expect(contentsOf(driver)).toEqual(model.contents());
        });
    }),
    { numRuns: 60 },
  );
}, 60_000);

test('a replica that follows by number, at any pace, has what the store has; a gap takes it to a snapshot (I8)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ENGINES),
      fc.array(fc.tuple(fc.array(bytes, { minLength: 1, maxLength: 8 }), fc.nat(5)), { maxLength: 14 }),
      async (name, rounds) => {
        await withDriver(name, async (replica) => {
          const source = new MemoryEngine();
          let index = 2;
          const never = new AbortController().signal;
          const follow = async (max: number): Promise<void> => {
            try {
              const from = replica.engine.latestAppliedChangeNumber() + 1;
              const changes = source.lookup({ kind: 'changes', from, max });
              const again = changes.slice(0, 1); // one that comes twice is passed over
              const saved = await replica.engine.saveChanges([...again, ...changes]);
              expect(saved).toEqual({ appliedUpTo: changes.at(-1)?.number ?? from - 1 });
            } catch (error) {
              expect(error).toBeInstanceOf(GapError);
              await replica.engine.load(source.lookup({ kind: 'snapshot' }).chunks, never);
            }
          };
          for (const [commands, max] of rounds) {
            source.update(commands.map((cmd) => ({ index: index++ as never, cmd })));
            index++; // an entry of the log that is no command
            if (max > 0) await follow(max);
            else if (name === 'sqlite') await replica.restart();
          }
          for (let n = 0; n <= rounds.length * 8; n++) await follow(8);
          const end = source.lookup({ kind: 'stats' });
          expect(replica.lookup({ kind: 'stats' })).toMatchObject({
            changeNumber: end.changeNumber,
            keys: end.keys,
          });
          if (!end.replacing) expect(replica.engine.stateHash()).toBe(source.stateHash());
        });
      },
    ),
    { numRuns: 50 },
  );
}, 60_000);
