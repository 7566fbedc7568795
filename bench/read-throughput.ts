/**
 * Reading a large compacted journal from beginning to end onto a disk, digests on, against the best of two peers on the same objects: `rclone
 * copy`, which checks its own digests, and a bare script of parallel GETs of ranges, which checks none. Every leg in a process of its own, in turns;
 * nobody syncs what it wrote, and before each leg everything written before is synced.
 *
 *   node bench/read-throughput.ts [--gib N] [--rounds N] [--parallel N] [--legs bare,rclone,journal] [--to DIRECTORY] [--json FILE]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { S3Server } from '../e2e/cluster/s3-server.ts';
import { ensureRclone } from '../e2e/tools/rclone.ts';
import { compactedJournal, type CompactedJournal } from './support/compacted.ts';
import { withS3, withStore } from './support/journal.ts';
import { RCLONE_WAYS, rcloneCopy, rcloneStartMs } from './support/rclone-leg.ts';
import { checkContent, runReadLeg, type ReadTask } from './support/read-leg.ts';
import { benchArguments, conclude, watchMemory, type PeakMemory } from './support/report.ts';
import { mibPerSecond, middleRatio, rounded, summarize, turns, type Reach } from './support/stats.ts';

const {
  gib,
  rounds,
  parallel,
  legs: wanted,
  to,
  json,
} = benchArguments({
  gib: 2,
  rounds: 4,
  parallel: 8,
  legs: 'bare,rclone,journal',
  to: '',
});
const bytes = Math.round(gib * 1024 ** 3);
const LEAST_RATIO = 0.9;
const MOST_HEAP_MIB = 256;
const JOURNAL = "Holdfast's reader";

const run = promisify(execFile);

interface Leg {
  readonly name: string;
  /** Reads everything into the directory; how long that took, ms. */
  readonly read: (directory: string) => Promise<{ readonly tookMs: number; readonly memory?: PeakMemory }>;
}

function nodeLeg(name: string, leg: ReadTask['leg'], server: S3Server, journal: CompactedJournal): Leg {
  return { name, read: (directory) => runReadLeg(server, { leg, journal, directory, parallel }) };
}

async function rcloneLegs(server: S3Server, journal: CompactedJournal): Promise<readonly Leg[]> {
  const program = await ensureRclone();
  const startMs = await rcloneStartMs(program, server);
  console.log(`rclone takes ${Math.round(startMs)} ms to start, which is taken off its times`);
  return Object.entries(RCLONE_WAYS).map(([name, flags]) => ({
    name,
    read: async (directory) => ({
      tookMs: (await rcloneCopy(program, server, journal, directory, flags)) - startMs,
    }),
  }));
}

async function legsOf(server: S3Server, journal: CompactedJournal): Promise<readonly Leg[]> {
  const legs: Leg[] = [];
  for (const name of wanted.split(',')) {
    if (name === 'rclone') legs.push(...(await rcloneLegs(server, journal)));
    else if (name === 'bare') legs.push(nodeLeg(`bare GETs, ${parallel} at a time`, 'bare', server, journal));
    else if (name === 'journal') legs.push(nodeLeg(JOURNAL, 'journal', server, journal));
    else throw new RangeError(`--legs names ${name}; there are bare, rclone and journal`);
  }
  return legs;
}

interface Measured {
  readonly name: string;
  readonly tookMs: number[];
  heapMiB: number;
  rssMiB: number;
}

/** `target`: a directory on the disk to write to. */
async function measure(
  legs: readonly Leg[],
  journal: CompactedJournal,
  target: string,
): Promise<readonly Measured[]> {
  const measured = legs.map(({ name }): Measured => ({ name, tookMs: [], heapMiB: 0, rssMiB: 0 }));
  for (let round = 0; round < rounds; round++) {
    for (const leg of turns(legs, round)) {
      const directory = await mkdtemp(join(target, 'holdfast-read-'));
      try {
        await run('sync');
        const { tookMs, memory } = await leg.read(directory);
        await checkContent(directory, journal);
        const own = measured.find(({ name }) => name === leg.name)!;
        own.tookMs.push(tookMs);
        own.heapMiB = Math.max(own.heapMiB, memory?.heap ?? 0);
        own.rssMiB = Math.max(own.rssMiB, memory?.rss ?? 0);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    }
  }
  return measured;
}

const total = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);

/** Round by round against the peer that was the fastest over all of them. */
function reachesOf(measured: readonly Measured[]): readonly Reach[] {
  const journal = measured.find(({ name }) => name === JOURNAL);
  const peers = measured.filter((leg) => leg !== journal);
  if (!journal || peers.length === 0) return [];
  const best = peers.reduce((a, b) => (total(b.tookMs) < total(a.tookMs) ? b : a));
  const ratio = middleRatio(best.tookMs, journal.tookMs);
  return [
    { figure: `throughput over ${best.name}`, measured: ratio, bound: { atLeast: LEAST_RATIO } },
    { figure: 'heap while reading, MiB', measured: journal.heapMiB, bound: { below: MOST_HEAP_MIB } },
  ];
}

const memory = watchMemory();
const measured = await withS3((server) =>
  withStore(server, async (store) => {
    const journal = await compactedJournal(store, bytes);
    // beside the server's own data: the same disk, and gone with it however this process ends
    const target = to === '' ? dirname(server.directory) : to;
    return await measure(await legsOf(server, journal), journal, target);
  }),
);
console.log(
  `reading ${gib} GiB in fragments of 64 MiB onto a disk, ${rounds} rounds (versitygw on loopback)`,
);
console.table(
  Object.fromEntries(
    measured.map(({ name, tookMs, heapMiB, rssMiB }) => [
      name,
      {
        'MiB/s': mibPerSecond(bytes * tookMs.length, total(tookMs)),
        'best round': mibPerSecond(bytes, summarize(tookMs).min),
        's a round': rounded(total(tookMs) / tookMs.length / 1000, 2),
        'heap with buffers, MiB': heapMiB === 0 ? 'not a Node process' : heapMiB,
        'process, MiB': rssMiB === 0 ? '' : rssMiB,
      },
    ]),
  ),
);
await conclude({
  bench: 'read-throughput',
  figures: { bytes, rounds, parallel, legs: measured },
  reaches: reachesOf(measured),
  memory: memory.stop(),
  json,
});
