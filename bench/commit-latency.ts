/**
 * Commit latency through the journal at one writer, against its floor: a bare conditional PUT of the same size to the same store by the same
 * client, in the same run. The two take turns in blocks, forwards and backwards, so that both meet the same moments of the machine. The
 * bare PUTs are compared with themselves too, one half with the other: no ratio means more than that one lets it.
 *
 *   npm run bench -- commit-latency [--rounds N] [--bytes N] [--json FILE]
 */
import { systemRandom } from '../src/base/index.ts';
import { slotKey, type Journal } from '../src/journal/index.ts';
import type { ObjectStore } from '../src/store/index.ts';
import { openAtTail, timed, withS3, withStore } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { rounded, summarize, turns, type Reach, type Summary } from './support/stats.ts';

const BLOCK = 25;
const WARM_UP_BLOCKS = 8;
const { rounds, bytes, json } = benchArguments({ rounds: 2000, bytes: 16_384 });
const body = systemRandom.bytes(bytes);

interface Leg {
  readonly samples: number[][];
  readonly once: () => Promise<unknown>;
}

async function measure(bare: Leg['once'], commit: Leg['once']): Promise<readonly [Leg, Leg]> {
  const legs: readonly [Leg, Leg] = [
    { samples: [], once: bare },
    { samples: [], once: commit },
  ];
  for (let block = -WARM_UP_BLOCKS; block * BLOCK < rounds; block++) {
    for (const leg of turns(legs, Math.abs(block))) {
      const took: number[] = [];
      for (let i = 0; i < BLOCK; i++) took.push(await timed(leg.once));
      if (block >= 0) leg.samples.push(took);
    }
  }
  return legs;
}

function ratio(mine: Summary, other: Summary): { readonly p50: number; readonly p99: number } {
  return { p50: rounded(mine.p50 / other.p50, 3), p99: rounded(mine.p99 / other.p99, 3) };
}

/** One half of the blocks over the other, each half with as many of either order. */
function noise({ samples }: Leg): { readonly p50: number; readonly p99: number } {
  const half = (which: number): Summary =>
    summarize(samples.filter((_, block) => (block >> 1) % 2 === which).flat());
  return ratio(half(0), half(1));
}

async function run(store: ObjectStore): Promise<readonly [Leg, Leg]> {
  const journal: Journal = { store, name: 'bench/commit-latency', generation: 'g1' };
  const session = await openAtTail(journal);
  const beside: Journal = { ...journal, generation: 'bare' }; // keys as long and as deep as the journal's own
  let seq = 0;
  const bare = async (): Promise<void> => {
    const outcome = await store.create(slotKey(beside, seq++), body);
    if (outcome.kind !== 'created') throw new Error(`a create came to ${outcome.kind}`);
  };
  const legs = await measure(bare, () => session.append(body, { barrier: true }).committed);
  await session.close();
  return legs;
}

const memory = watchMemory();
const [bareLeg, journalLeg] = await withS3((server) => withStore(server, run));
const bareMs = summarize(bareLeg.samples.flat());
const commitMs = summarize(journalLeg.samples.flat());
const overBare = ratio(commitMs, bareMs);
const bareOverBare = noise(bareLeg);
console.log(
  `commit latency, one writer, ${bytes} bytes, ${bareMs.count} rounds each (versitygw on loopback), ms`,
);
console.table({ 'bare conditional PUT': bareMs, 'commit through the journal': commitMs });
console.log(
  `noise: one half of the bare PUTs over the other: p50 ${bareOverBare.p50}, p99 ${bareOverBare.p99}`,
);
const reaches: readonly Reach[] = [
  { figure: 'p50 over the bare PUT', measured: overBare.p50, bound: { atMost: 1.15 } },
  { figure: 'p99 over the bare PUT', measured: overBare.p99, bound: { atMost: 1.5 } },
  { figure: 'p50 over the bare PUT, first promise', measured: overBare.p50, bound: { atMost: 1.3 } },
];
await conclude({
  bench: 'commit-latency',
  figures: { bytes, rounds: bareMs.count, bareMs, commitMs, overBare, bareOverBare },
  reaches,
  memory: memory.stop(),
  json,
});
