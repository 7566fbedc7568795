/**
 * Group commit: 10,000 writers on one journal, each with 100 bytes at a time and no more before they are acknowledged, gathered for 20 ms.
 * Beside it the floor: the same writers over the barest grouping that could be written, a list that is joined and created every 20 ms.
 * Both with the memory store, where only the processor limits, and with a real S3 server. The legs take turns.
 *
 *   npm run bench -- group-commit [--writers N] [--bytes N] [--interval MS] [--rounds N] [--seconds N] [--json FILE]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemRandom } from '../src/base/index.ts';
import { openStore, type ObjectStore } from '../src/store/index.ts';
import { openAtTail, withS3, withStore } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import {
  middleRatio,
  perSecond,
  rounded,
  summarize,
  turns,
  type Reach,
  type Summary,
} from './support/stats.ts';

const { writers, bytes, interval, rounds, seconds, json } = benchArguments({
  writers: 10_000,
  bytes: 100,
  interval: 20,
  rounds: 5,
  seconds: 3,
});
const REACH_PER_SECOND = 50_000;
/** One writer in so many also takes the time of its appends: measuring all would be most of the work. */
const TIMED_ONE_IN = 100;
const WARM_UP_ROUNDS = 1;
/** A writer's bytes never change, so each can give the same again. */
const bodies = Array.from({ length: writers }, () => systemRandom.bytes(bytes));

/** Appends and resolves when durable. */
type Append = (body: Uint8Array) => Promise<void>;

interface Run {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

/** The floor: whatever came within the interval is one object. */
class BareGrouping {
  readonly #store: ObjectStore;
  readonly #prefix: string;
  #parts: Uint8Array[] = [];
  #waiting: { readonly resolve: () => void; readonly reject: (reason: Error) => void }[] = [];
  #key = 0;

  constructor(store: ObjectStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  append(body: Uint8Array): Promise<void> {
    if (this.#parts.push(body) === 1) void this.#flushLater(); // never rejects: the writers are told
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async #flushLater(): Promise<void> {
    await sleep(interval);
    const parts = this.#parts;
    const waiting = this.#waiting;
    this.#parts = [];
    this.#waiting = [];
    const outcome = await this.#store.create(`${this.#prefix}/${this.#key++}`, Buffer.concat(parts));
    if (outcome.kind === 'created') for (const { resolve } of waiting) resolve();
    else for (const { reject } of waiting) reject(new Error(`a create came to ${outcome.kind}`));
  }
}

/** All writers at it for some seconds; ends when the last has its answer. */
async function run(append: Append): Promise<Run> {
  const latenciesMs: number[] = [];
  let acknowledged = 0;
  const startMs = performance.now();
  const untilMs = startMs + seconds * 1000;
  const write = async (body: Uint8Array, writer: number): Promise<void> => {
    const isTimed = writer % TIMED_ONE_IN === 0;
    for (let now = performance.now(); now < untilMs;) {
      await append(body);
      acknowledged += 1;
      const after = performance.now();
      if (isTimed) latenciesMs.push(after - now);
      now = after;
    }
  };
  await Promise.all(bodies.map(write));
  return { perSecond: perSecond(acknowledged, performance.now() - startMs), latenciesMs };
}

interface Figures {
  readonly appendsPerSecond: Summary;
  readonly latencyMs: Summary;
}

function figures(runs: readonly Run[]): Figures {
  return {
    appendsPerSecond: summarize(runs.map((each) => Math.round(each.perSecond))),
    latencyMs: summarize(runs.flatMap((each) => each.latenciesMs)),
  };
}

interface Comparison {
  readonly bare: Figures;
  readonly journal: Figures;
  readonly overBare: number;
}

/** A leg opens anew for each round: what a memory store holds of one round must not weigh on the next. */
interface Leg {
  readonly runs: Run[];
  readonly open: (
    store: ObjectStore,
    round: number,
  ) => Promise<{ append: Append; close: () => Promise<void> }>;
}

const openBare: Leg['open'] = async (store, round) => {
  const bare = new BareGrouping(store, `bare/${round}`);
  return { append: (body) => bare.append(body), close: async () => undefined };
};

const openJournal: Leg['open'] = async (store, round) => {
  const journal = { store, name: 'bench/group-commit', generation: `round${round}` };
  const session = await openAtTail(journal, { flushIntervalMs: interval });
  return { append: (body) => session.append(body).committed, close: () => session.close() };
};

/** Runs `work` with a store. */
type WithStore = (work: (store: ObjectStore) => Promise<void>) => Promise<void>;

async function compare(withAStore: WithStore): Promise<Comparison> {
  const legs: readonly [Leg, Leg] = [
    { runs: [], open: openBare },
    { runs: [], open: openJournal },
  ];
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
    for (const leg of turns(legs, round)) {
      await withAStore(async (store) => {
        const { append, close } = await leg.open(store, round);
        const done = await run(append);
        await close();
        if (round >= WARM_UP_ROUNDS) leg.runs.push(done);
      });
    }
  }
  const rates = (leg: Leg): number[] => leg.runs.map((each) => each.perSecond);
  return {
    bare: figures(legs[0].runs),
    journal: figures(legs[1].runs),
    overBare: middleRatio(rates(legs[1]), rates(legs[0])),
  };
}

async function withMemory(work: (store: ObjectStore) => Promise<void>): Promise<void> {
  const store = openStore('memory:');
  await work(store);
  await store.close();
}

function row({ appendsPerSecond, latencyMs }: Figures): object {
  return {
    'appends/s p50': appendsPerSecond.p50,
    'appends/s min': appendsPerSecond.min,
    'ms p50': rounded(latencyMs.p50, 1),
    'ms p99': rounded(latencyMs.p99, 1),
  };
}

const memory = watchMemory();
const inMemory = await compare(withMemory);
const onS3 = await withS3((server) => compare((work) => withStore(server, work)));
console.log(
  `group commit, ${writers} writers of ${bytes} bytes, ${interval} ms grouping, ${rounds} rounds of ${seconds} s each (S3: versitygw on loopback)`,
);
console.table({
  'memory store, bare grouping': row(inMemory.bare),
  'memory store, journal': row(inMemory.journal),
  'S3, bare grouping': row(onS3.bare),
  'S3, journal': row(onS3.journal),
});
console.log(`journal over bare grouping: memory ${inMemory.overBare}, S3 ${onS3.overBare}`);
const reaches: readonly Reach[] = [
  {
    figure: 'acknowledged appends/s, memory store',
    measured: inMemory.journal.appendsPerSecond.p50,
    bound: { atLeast: REACH_PER_SECOND },
  },
];
await conclude({
  bench: 'group-commit',
  figures: { writers, bytes, intervalMs: interval, seconds, inMemory, onS3 },
  reaches,
  memory: memory.stop(),
  json,
});
