/**
 * Trouble for an arena, drawn from a seed: every kind in turn, for random lengths, to random stations, several at a time.
 *
 * 1. Every kind is drawn once before one is drawn again, and each at least once, so that a run of a few seconds meets them all.
 * 2. A target suffers one trouble at a time, and each trouble heals what it did: when the storm is over, nothing is broken.
 * 3. The schedule is the seed's; when exactly something strikes is the machine's business. A failing run is told by its reports, not by its seed.
 * 4. Whenever somebody is struck somebody else takes over, as an operator would have it; and who was struck is asked at once when it is over. So a
 *    writer that trusts in what it knew is met in the act.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/base/testing/index.ts';
import type { Wire } from '../harness/tcp-proxy.ts';
import type { Arena, Station } from './arena.ts';

/** Longer than any patience of a writer (writer.ts OPTIONS: 300 ms for an attempt, 1.5 s for a slot): who was frozen wakes up as a zombie. */
const FROZEN_MS = [1700, 2500] as const;
const WIRE_MS = [200, 1200] as const;
/** Less than the patience of a slot, so that appends survive it, and more, so that they do not. */
const SERVER_MS = [200, 2000] as const;
/** Between two troubles. */
const GAP_MS = [100, 500] as const;
/** Targets that suffer at a time: with all of them in trouble nobody would do anything that trouble could spoil. */
const AT_ONCE = 2;

type Trouble =
  | { readonly name: string; readonly hits: 'station'; run(station: Station): Promise<void> }
  | { readonly name: string; readonly hits: 'server'; run(): Promise<void> };

/** How often each kind struck. */
export type Struck = Readonly<Record<string, number>>;

/** Makes trouble for `lengthMs` at least (1), then waits until all of it is healed. */
export async function storm(arena: Arena, random: SeededRandom, lengthMs: number): Promise<Struck> {
  const struck: Record<string, number> = {};
  const suffering = new Set<Station | 'server'>();
  const healing: Promise<void>[] = [];
  const kinds = troubles(arena, random);
  let deck: Trouble[] = [];
  const endsAt = performance.now() + lengthMs;
  while (performance.now() < endsAt || Object.keys(struck).length < kinds.length) {
    if (deck.length === 0) deck = shuffled(kinds, random); // 1
    const free = arena.stations.filter((station) => !suffering.has(station));
    const serverFree = !suffering.has('server');
    const at =
      suffering.size >= AT_ONCE
        ? -1
        : deck.findIndex(({ hits }) => (hits === 'server' ? serverFree : free.length > 0)); // 2
    if (at >= 0) {
      const trouble = deck.splice(at, 1)[0]!;
      struck[trouble.name] = (struck[trouble.name] ?? 0) + 1;
      const victim = random.pick(free);
      const target = trouble.hits === 'server' ? 'server' : victim;
      suffering.add(target);
      const others = free.filter((station) => station !== victim);
      const run = trouble.hits === 'server' ? trouble.run() : strike(trouble, victim, random.pick(others));
      healing.push(run.finally(() => suffering.delete(target)));
    }
    await sleep(within(random, GAP_MS));
  }
  await Promise.all(healing);
  return struck;
}

/** The trouble; a takeover by `successor`, if there is one, meanwhile; a read and an append of who may not have heard of it, as soon as it is over (4). */
async function strike(
  trouble: Trouble & { readonly hits: 'station' },
  victim: Station,
  successor: Station | undefined,
): Promise<void> {
  const { program } = victim;
  const over = trouble.run(victim);
  if (successor) void takeOver(successor);
  await over;
  void program.tell({ do: 'read' });
  void program.tell({ do: 'append' });
}

async function takeOver({ program }: Station): Promise<void> {
  await program.tell({ do: 'open' });
  await program.tell({ do: 'append' });
}

function troubles(arena: Arena, random: SeededRandom): Trouble[] {
  const { server } = arena;
  const wired = (name: string, wire: () => Wire): Trouble => ({
    name,
    hits: 'station',
    async run(station) {
      await station.wire.set(wire());
      await sleep(within(random, WIRE_MS));
      await station.wire.set({ kind: 'pass' });
    },
  });
  return [
    {
      name: 'writer killed',
      hits: 'station',
      async run(station) {
        await arena.killAndReplace(station);
        await station.program.tell({ do: 'hello' });
        void station.program.tell({ do: 'roam', seed: random.below(2 ** 31) });
      },
    },
    {
      name: 'writer frozen',
      hits: 'station',
      async run({ program }) {
        program.freeze();
        await sleep(within(random, FROZEN_MS));
        program.thaw();
      },
    },
    {
      name: 'connections reset',
      hits: 'station',
      async run({ wire }) {
        for (let i = 0; i < 3; i++) {
          wire.reset();
          await sleep(random.below(100));
        }
      },
    },
    wired('refused', () => ({ kind: 'refuse' })),
    wired('black hole', () => ({ kind: 'swallow' })),
    wired('requests lost', () => ({ kind: 'swallow', direction: 'to-server' })),
    wired('answers lost', () => ({ kind: 'swallow', direction: 'to-client' })),
    wired('requests late', () => ({ kind: 'hold', direction: 'to-server' })),
    wired('answers late', () => ({ kind: 'hold', direction: 'to-client' })),
    wired('answers cut', () => ({ kind: 'cut', afterBytes: random.pick([0, 0, 20, 300]) })),
    wired('delayed', () => ({ kind: 'delay', ms: 10 + random.below(100) })),
    wired('throttled', () => ({ kind: 'throttle', bytesPerSecond: 20_000 })),
    {
      name: 'server frozen',
      hits: 'server',
      async run() {
        server.pause();
        await sleep(within(random, SERVER_MS));
        server.resume();
      },
    },
    {
      name: 'server killed',
      hits: 'server',
      async run() {
        await server.kill();
        await sleep(within(random, SERVER_MS) / 2);
        await server.restart();
      },
    },
  ];
}

function within(random: SeededRandom, [least, most]: readonly [number, number]): number {
  return least + random.below(most - least);
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0]!);
}
