/**
 * Playing a recovery log from a store on this machine into a directory, to its head, digests verified and files synced, against Gazette's player on the
 * same bytes from its own files. A restore of 1 GiB for its memory. Every leg in a process of its own, in turns with the peer; both on --in, which
 * should be a tmpfs. The peer is the program that HOLDFAST_GAZETTE_BENCH names, with etcd on PATH; it counts from its player's start, and so do we.
 *
 *   node bench/recoverylog-play.ts [--rounds N] [--workloads large,small,churn] [--scale N] [--gib N] [--in DIRECTORY] [--json FILE]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workload } from '../src/recoverylog/testing/index.ts';
import { playInto, type PlayResult, type PlayTask } from './support/play-leg.ts';
import { expectedDigest, logOf, peerIsPresent, runPeer, storedLog } from './support/play-workloads.ts';
import { benchArguments, conclude, MEMORY_DIRECTORY, watchMemory } from './support/report.ts';
import { middleRatio, rounded, summarize, type Reach } from './support/stats.ts';

const given = benchArguments({
  rounds: 3,
  workloads: 'large,small,churn',
  scale: 1,
  gib: 1,
  in: MEMORY_DIRECTORY,
});
/** Times of the peer's that ours may take at most. */
const MOST: Readonly<Record<Workload, number>> = { large: 1, small: 0.5, churn: 0.1 };
const MOST_HEAP_MIB = 256;
/** GiB of the workload `large`. */
const LARGE_GIB = 0.25;

interface Leg {
  readonly name: string;
  readonly workload: Workload;
  readonly task: Omit<PlayTask, 'directory'>;
  readonly digest: string;
  readonly results: PlayResult[];
  /** Seconds that the peer took, round by round. */
  readonly peer: number[];
}

async function legOf(
  name: string,
  workload: Workload,
  batches: readonly Uint8Array[],
  scratch: string,
): Promise<Leg> {
  const task = await storedLog(batches, join(scratch, name));
  return { name, workload, task, digest: expectedDigest(batches), results: [], peer: [] };
}

async function measure(scratch: string): Promise<{ readonly legs: readonly Leg[]; readonly gibLeg: Leg }> {
  const workloads = given.workloads.split(',') as Workload[];
  const keep = peerIsPresent ? join(scratch, 'kept') : undefined;
  const legs: Leg[] = [];
  for (let round = 0; round < given.rounds; round++) {
    const peer = keep === undefined ? {} : await runPeer(workloads, scratch, round === 0 ? keep : undefined);
    if (round === 0)
      for (const workload of workloads)
        legs.push(await legOf(workload, workload, logOf(workload, keep, given.scale), scratch));
    for (const leg of legs) {
      const seconds = peer[leg.workload];
      if (seconds !== undefined) leg.peer.push(seconds);
      leg.results.push(await playInto(scratch, leg.task, leg.digest));
    }
  }
  const name = `${given.gib} GiB`;
  const gibLeg = await legOf(name, 'large', logOf('large', undefined, given.gib / LARGE_GIB), scratch);
  gibLeg.results.push(await playInto(scratch, gibLeg.task, gibLeg.digest));
  return { legs, gibLeg };
}

function rowOf({ results, peer }: Leg): Readonly<Record<string, number | string>> {
  const { min, p50, max } = summarize(results.map(({ tookMs }) => tookMs / 1000));
  const middle = (values: readonly number[]): number => summarize(values).p50;
  return {
    's, median': p50,
    's, min-max': `${min}-${max}`,
    'processor, s': middle(results.map(({ cpuMs }) => cpuMs / 1000)),
    'of that JavaScript, s': middle(results.map(({ threadMs }) => threadMs / 1000)),
    'heap with buffers, MiB': Math.max(...results.map(({ memory }) => memory.heap)),
    "Gazette's, s": peer.length > 0 ? rounded(middle(peer), 3) : 'peer absent',
  };
}

function reachesOf(legs: readonly Leg[], gibLeg: Leg): readonly Reach[] {
  const ratios = legs
    .filter(({ peer }) => peer.length > 0)
    .map(({ name, workload, results, peer }) => ({
      figure: `${name}: time over Gazette's player`,
      measured: middleRatio(
        results.map(({ tookMs }) => tookMs / 1000),
        peer,
      ),
      bound: { atMost: MOST[workload] },
    }));
  const heap = gibLeg.results[0]!.memory.heap;
  return [
    ...ratios,
    { figure: `heap of ${gibLeg.name}, MiB`, measured: heap, bound: { below: MOST_HEAP_MIB } },
  ];
}

const memory = watchMemory();
const scratch = await mkdtemp(join(given.in, 'holdfast-play-'));
try {
  const { legs, gibLeg } = await measure(scratch);
  const all = [...legs, gibLeg];
  if (!peerIsPresent) console.log('peer absent: HOLDFAST_GAZETTE_BENCH names no program');
  console.table(Object.fromEntries(all.map((leg) => [leg.name, rowOf(leg)])));
  await conclude({
    bench: 'recoverylog-play',
    figures: { rounds: given.rounds, legs: all.map(({ name, results, peer }) => ({ name, results, peer })) },
    reaches: reachesOf(legs, gibLeg),
    memory: memory.stop(),
    json: given.json,
  });
} finally {
  await rm(scratch, { recursive: true, force: true });
}
